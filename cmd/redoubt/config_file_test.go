package main

import (
	"strings"
	"testing"
)

func TestFile(t *testing.T) {
	tests := []struct{ text, want string }{
		{"\n# a comment\n  # another\nid n1\r\n\tMAXCLIENTS\t 10 \n", ""},
		{`requirepass "a b\x21\n\"" `, ""},
		{`requirepass 'it\'s'`, ""},
		{`http-addr ""`, ""},
		{"client-output-buffer-limit \"normal 1mb 0 0\"", ""},
		{"maxclient 10", ":1: maxclient: no such setting; did you mean maxclients?"},
		{"id n1\nid n2", ":2: id was set in line 1 already"},
		{"id", ":1: id takes one value, 0 given"},
		{"id n1 # the first", ":1: id takes one value, 4 given"},
		{`id "n1`, ":1: no closing quote"},
		{`id "n1"x`, ":1: something follows the closing quote"},
		{"config other", ":1: a file cannot name another one"},
		{"maxclients x", `:1: maxclients: "x" is not a whole number`},
	}
	for _, tt := range tests {
		_, err := loadConfig([]string{"--config", writeFile(t, tt.text)}, nil)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%q: %v, want %q", tt.text, err, tt.want)
		}
	}
	c := load(t, "--config", writeFile(t, `requirepass "a b\x21\n\"\z"`))
	if want := "a b!\n\"z"; c.RequirePass != want {
		t.Errorf("requirepass %q, want %q", c.RequirePass, want)
	}
	c = load(t, "--config", writeFile(t, `requirepass 'it\'s \n'`))
	if want := `it's \n`; c.RequirePass != want {
		t.Errorf("requirepass %q, want %q", c.RequirePass, want)
	}
}

// Standard error may end up in a journal that others read.
func TestErrorsInAFileShowNoPassword(t *testing.T) {
	for _, text := range []string{`requirepass "hunter2`, `requirepass 'hunter2`, `requirepass "hunter2"hunter2`, `requirepass hunter2 hunter2`} {
		_, err := loadConfig([]string{"--config", writeFile(t, text)}, nil)
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func FuzzFile(f *testing.F) {
	f.Add("id n1\nrequirepass \"a\\x21\" # x\n'")
	f.Fuzz(func(t *testing.T, text string) {
		as, err := parseFile("f", text)
		if err != nil && !strings.HasPrefix(err.Error(), "f:") {
			t.Errorf("%q: error without a line: %v", text, err)
		}
		for _, a := range as {
			if _, ok := lookupSetting(a.name); !ok {
				t.Errorf("%q: %q is no setting", text, a.name)
			}
		}
	})
}
