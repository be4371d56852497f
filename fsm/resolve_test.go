package fsm

import (
	"strings"
	"testing"

	"redoubt/resp"
)

func TestLookupIgnoresCase(t *testing.T) {
	eachSpec(func(s *Spec) {
		container, sub, isSub := strings.Cut(s.Name, "|")
		args := words(container)
		if isSub {
			args = words(container, sub)
		}
		for _, change := range []func(string) string{strings.ToLower, strings.ToUpper, strings.ToTitle} {
			found := Lookup([]byte(change(container)))
			if isSub {
				found = found.Subcommand([]byte(change(sub)))
			}
			if found != s {
				t.Errorf("%s is not found as %s", s.Name, change(s.Name))
			}
		}
		if lookupArgs(args) != s {
			t.Errorf("%s is not found by its arguments", s.Name)
		}
	})
	for _, name := range []string{"", "nosuch", "get ", "get\x00", "config|get", strings.Repeat("get", 20), "ſet", "Key"} {
		if s := Lookup([]byte(name)); s != nil {
			t.Errorf("Lookup(%q) found %s", name, s.Name)
		}
	}
}

func TestLookupDoesNotAllocate(t *testing.T) {
	name := []byte("GetRange")
	if n := testing.AllocsPerRun(100, func() { Lookup(name) }); n > 0 {
		t.Errorf("Lookup allocates %v times", n)
	}
	args := words("SET", "key", "value")
	if n := testing.AllocsPerRun(100, func() { Resolve(args) }); n > 0 {
		t.Errorf("Resolve allocates %v times", n)
	}
}

func TestResolve(t *testing.T) {
	for _, test := range []struct{ line, name, errText string }{
		{"GET k", "get", ""},
		{"command", "command", ""},
		{"Command Count", "command|count", ""},
		{"config GET a b", "config|get", ""},
		{"GET", "", resp.WrongArity("get")},
		{"SET k", "", resp.WrongArity("set")},
		{"CONFIG", "", resp.WrongArity("config")},
		{"CONFIG GET", "", resp.WrongArity("config|get")},
		{"config nosuch", "", "ERR unknown subcommand 'nosuch'. Try CONFIG HELP."},
		{"nosuch a b", "", "ERR unknown command 'nosuch', with args beginning with: 'a' 'b' "},
	} {
		s, errText := Resolve(words(strings.Fields(test.line)...))
		if errText != test.errText || s != nil && s.Name != test.name || (s == nil) != (test.name == "") {
			t.Errorf("Resolve(%s) = %v, %q", test.line, s, errText)
		}
	}
}

// TestKeys takes key specs of all shapes, of which the table uses only some.
func TestKeys(t *testing.T) {
	one := []KeySpec{{Index: 1, Step: 1}}
	streams := []KeySpec{{Index: 1, Keyword: "STREAMS", Last: -1, Step: 1, Limit: 2}}
	counted := []KeySpec{{Index: 1, Step: 1}, {Index: 2, Counted: true, Step: 1}}
	for _, test := range []struct {
		specs      []KeySpec
		line, want string
	}{
		{one, "get a", "a"},
		{one, "get", "error"},
		{[]KeySpec{{Index: 1, Last: -1, Step: 2}}, "mset a 1 b 2", "a b"},
		{[]KeySpec{{Index: 1, Last: -1, Step: 2}}, "mset a 1 b", "a b"},
		{[]KeySpec{{Index: 1, Last: -2, Step: 1}}, "blpop a b 0", "a b"},
		{[]KeySpec{{Index: 1, Last: 1, Step: 1}}, "lcs a b LEN", "a b"},
		{[]KeySpec{{Index: 2, Step: 1}, {Index: 3, Last: -1, Step: 1}}, "bitop and d a b", "d a b"},
		{streams, "xread COUNT 2 streams a b 0 0", "a b"},
		{streams, "xread COUNT 2", ""},
		{[]KeySpec{{Index: -2, Keyword: "STORE", Step: 1}}, "georadius store x STORE d", "d"},
		{[]KeySpec{{Index: -2, Keyword: "STORE", Step: 1}}, "georadius a b", ""},
		{counted, "zunionstore d 2 a b WEIGHTS 1 2", "d a b"},
		{counted, "zunionstore d 0", "d"},
		{counted, "zunionstore d 3 a b", "error"},
		{counted, "zunionstore d -1 a", "error"},
		{counted, "zunionstore d x a", "error"},
		{counted, "zunionstore d 99999999999 a", "error"},
		{counted, "zunionstore d", "error"},
	} {
		keys, err := (&Spec{KeySpecs: test.specs}).Keys(words(strings.Fields(test.line)...))
		var got []string
		for _, key := range keys {
			got = append(got, string(key))
		}
		if err != nil {
			got = []string{"error"}
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("keys of %q: %q, want %q", test.line, got, test.want)
		}
	}
}

func FuzzResolve(f *testing.F) {
	for _, line := range []string{"get k", "object encoding k", "config nosuch", "mset a b c", "lcs a b", "memory usage k"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		args := words(strings.Split(line, " ")...)
		s, errText := Resolve(args)
		if (s == nil) != (errText != "") {
			t.Fatalf("Resolve(%q) = %v, %q", args, s, errText)
		}
		if s != nil {
			if _, err := s.Keys(args); err != nil {
				t.Fatalf("%s was resolved but has no keys: %v", s.Name, err)
			}
		}
	})
}
