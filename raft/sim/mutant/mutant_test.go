package mutant

import (
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const root = "../../.."

func load(t *testing.T) []Mutant {
	t.Helper()
	all, err := Load(os.DirFS("testdata"))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// The list has kept up with the code: every mutant finds its lines, once.
func TestMutantsFit(t *testing.T) {
	seen := map[int]bool{}
	for _, m := range load(t) {
		if seen[m.Number] {
			t.Errorf("%s is there twice", m.Name())
		}
		seen[m.Number] = true
		if _, err := m.Apply(os.DirFS(root)); err != nil {
			t.Error(err)
		}
		switch {
		case (m.Absent == "") == (len(m.Edits) == 0):
			t.Errorf("%s is neither a mutant nor said to be absent", m.Name())
		case m.Absent == "" && len(m.Oracles) == 0:
			t.Errorf("%s does not say who finds it", m.Name())
		case slices.Contains(m.Oracles, "tests") != (m.Why != ""):
			t.Errorf("%s is left to the tests and does not say why, or the other way round", m.Name())
		}
	}
	for n := 1; n <= len(seen); n++ {
		if !seen[n] {
			t.Errorf("M%d is missing", n)
		}
	}
}

// The oracles that mutants name exist.
func TestOraclesExist(t *testing.T) {
	known := oracles(t)
	for _, m := range load(t) {
		for _, name := range append(slices.Clone(m.Oracles), m.Only) {
			if name != "" && name != "tests" && !slices.Contains(known, name) {
				t.Errorf("%s is to be found by %q, which the simulator does not have", m.Name(), name)
			}
		}
	}
}

// Without any one oracle, one of the mistakes would not be found.
func TestEveryOracleIsNeeded(t *testing.T) {
	all := load(t)
	for _, name := range oracles(t) {
		if !slices.ContainsFunc(all, func(m Mutant) bool { return m.Only == name }) {
			t.Errorf("no mutant is found by %q alone", name)
		}
	}
}

// oracles are the names that the simulator reports violations by.
func oracles(t *testing.T) []string {
	t.Helper()
	files, err := fs.Glob(os.DirFS(root), "raft/sim/*.go")
	if err != nil {
		t.Fatal(err)
	}
	call := regexp.MustCompile(`\bw\.fail\("([^"]+)"`)
	var names []string
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := fs.ReadFile(os.DirFS(root), name)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range call.FindAllStringSubmatch(string(text), -1) {
			names = append(names, found[1])
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// The page has no result of a mutant that is another one now.
func TestPageIsAboutTheseMutants(t *testing.T) {
	p := readPage(t)
	rows := len(p.rows)
	for _, m := range load(t) {
		if p.row(&m) != "" {
			rows--
		}
	}
	if rows > 0 {
		t.Errorf("docs/MUTANTS.md has %d rows about other mutants than there are", rows)
	}
}

func TestEdits(t *testing.T) {
	const text = "one\n\ttwo\n\tthree\ntwo\n"
	tests := []struct {
		edit Edit
		want string // "" = refused
	}{
		{Edit{Old: []string{"\ttwo"}, New: []string{"2"}}, "one\n2\n\tthree\ntwo\n"},
		{Edit{Old: []string{"one", "\ttwo"}, New: []string{"one"}}, "one\n\tthree\ntwo\n"},
		{Edit{Old: []string{"one"}}, "\ttwo\n\tthree\ntwo\n"},
		{Edit{Old: []string{"three"}}, ""}, // whole lines only
		{Edit{Old: []string{"four"}}, ""},
	}
	for _, test := range tests {
		got, err := test.edit.apply(text)
		if got != test.want || (err != nil) != (test.want == "") {
			t.Errorf("%+v: got %q, %v, want %q", test.edit, got, err, test.want)
		}
	}
	if _, err := (&Edit{Old: []string{"one"}}).apply(text + "one\n"); err == nil {
		t.Error("lines that are there twice were replaced")
	}
}
