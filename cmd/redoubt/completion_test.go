package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func completionScript(t *testing.T, shell string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if code := runCompletion(t.Context(), []string{shell}, &out, &errs); code != exitOK {
		t.Fatalf("code %d: %s", code, errs.String())
	}
	path := filepath.Join(t.TempDir(), "completion")
	if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// What a real bash offers after a line; "_" is the cursor behind a space.
func TestBashCompletion(t *testing.T) {
	bash := tool(t, "bash")
	script := completionScript(t, "bash")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "redoubt.conf"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	offered := func(line string) string {
		words := strings.Fields(line)
		for i, w := range words {
			words[i] = `"` + strings.Trim(w, "_") + `"`
		}
		text := `source "$0"
			complete -p redoubt | grep -q -- "-F _redoubt redoubt" || echo "not registered"
			COMP_WORDS=(` + strings.Join(words, " ") + `) COMP_CWORD=` + string(rune('0'+len(words)-1)) + `
			_redoubt
			echo "${COMPREPLY[*]}"`
		cmd := exec.Command(bash, "--noprofile", "--norc", "-c", text, script)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", line, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	for _, tt := range []struct{ line, want string }{
		{"redoubt be", "bench"},
		{"redoubt --data-d", "--data-dir"},
		{"redoubt config _", "check show"},
		{"redoubt config ch", "check"},
		{"redoubt config check --snapshot-b", "--snapshot-bytes"},
		{"redoubt help si", "sim"},
		{"redoubt completion _", "bash zsh fish"},
		{"redoubt serve --fsync _", "yes no"},
		{"redoubt serve --fsync = _", "yes no"},
		{"redoubt serve --fsync =", "yes no"},
		{"redoubt serve --reads l", "linearizable local"},
		{"redoubt --fsync n", "no"},
		{"redoubt serve --config r", "redoubt.conf"},
		{"redoubt serve --id r", ""},
		{"redoubt sim --require", "--require-marks"},
		{"redoubt sim --marks --tr", "--trace"},
		{"redoubt bench s", "suite"},
		{"redoubt bench --pipe", "--pipeline"},
		{"redoubt bench suite --ro", "--rounds"},
		{"redoubt bench suite --pipe", ""},
		{"redoubt version _", ""},
	} {
		if got := offered(tt.line); got != tt.want {
			t.Errorf("%q offers %q, want %q", tt.line, got, tt.want)
		}
	}
	all := offered("redoubt _")
	for _, c := range commands() {
		if !strings.Contains(" "+all+" ", " "+c.name+" ") {
			t.Errorf("%s is not offered in %q", c.name, all)
		}
	}
}

// Every setting of serve and every flag of the others is found in the help texts.
func TestCompletionKnowsEveryFlag(t *testing.T) {
	byPath := map[string]completion{}
	for _, c := range completions(t.Context()) {
		byPath[c.path] = c
	}
	for _, s := range settings() {
		found := false
		for _, f := range byPath["serve"].flags {
			found = found || f.name == s.name && f.value == s.placeholder() && f.help != ""
		}
		if !found {
			t.Errorf("--%s of serve is missing or has another form", s.name)
		}
	}
	for path, atLeast := range map[string]int{"config check": len(settings()), "sim": 9, "bench": 20, "bench suite": 7, "dev": 3} {
		if n := len(byPath[path].flags); n < atLeast {
			t.Errorf("%s has %d flags, want %d at least", path, n, atLeast)
		}
	}
}

// The other shells find no fault with their scripts, where they are installed,
// and fish and zsh offer what bash does.
func TestZshCompletion(t *testing.T) {
	zsh := tool(t, "zsh")
	script := completionScript(t, "zsh")
	out, err := exec.Command(zsh, "-f", "-c", `autoload -Uz compinit && compinit -u -D; source "$0" && echo "${_comps[redoubt]}"`, script).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "_bash_complete -F _redoubt") {
		t.Errorf("%v: %s", err, out)
	}
}

func TestFishCompletion(t *testing.T) {
	fish := tool(t, "fish")
	script := completionScript(t, "fish")
	for _, tt := range []struct{ line, want string }{
		{"redoubt be", "bench"},
		{"redoubt config c", "check"},
		{"redoubt serve --fsync ", "yes"},
		{"redoubt bench suite --ro", "--rounds"},
		{"redoubt sim --require", "--require-marks"},
	} {
		out, err := exec.Command(fish, "--no-config", "-c", "source $argv[1]; complete -C $argv[2]", script, tt.line).CombinedOutput()
		if err != nil || !strings.Contains("\n"+string(out), "\n"+tt.want) {
			t.Errorf("%q: %v: %s", tt.line, err, out)
		}
	}
}

func TestCompletionArguments(t *testing.T) {
	for _, args := range []string{"", "tcsh", "bash zsh"} {
		var out, errs bytes.Buffer
		if code := runCompletion(t.Context(), strings.Fields(args), &out, &errs); code != exitUsage || !strings.Contains(errs.String(), "bash, zsh or fish") {
			t.Errorf("%q: code %d, %s", args, code, errs.String())
		}
	}
}
