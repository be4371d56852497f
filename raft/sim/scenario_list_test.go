package sim

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestEveryScenarioHasItsPlace keeps the list true: no number is missing, and
// what it names exists.
func TestEveryScenarioHasItsPlace(t *testing.T) {
	numbers := regexp.MustCompile(`^S(\d+)([a-z]?)$`)
	seen := map[string]bool{}
	covered := map[int]bool{}
	for _, s := range scenarios {
		m := numbers.FindStringSubmatch(s.number)
		if m == nil || seen[s.number] {
			t.Errorf("%q is no number of its own", s.number)
			continue
		}
		n, _ := strconv.Atoi(m[1])
		seen[s.number], covered[n] = true, true
		if s.what == "" || s.source == "" || len(s.tests) == 0 && s.waits == "" || (s.rest != "") != (s.waits != "" && len(s.tests) > 0) {
			t.Errorf("%s does not say what it is, where it was seen, where it is tried or what it waits for", s.number)
		}
	}
	for n := 1; n <= 98; n++ {
		if !covered[n] {
			t.Errorf("S%d is missing", n)
		}
	}
	sources := testSources{}
	for _, s := range scenarios {
		for _, test := range s.tests {
			if err := sources.find(test); err != nil {
				t.Errorf("%s: %v", s.number, err)
			}
		}
	}
}

// TestEveryScenarioFileIsListed, with the source that the list names.
func TestEveryScenarioFileIsListed(t *testing.T) {
	files, err := filepath.Glob(scenarioDir + "/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(scenarios, func(s scenario) bool {
			return slices.Contains(s.tests, name) && bytes.HasPrefix(text, []byte("# "+s.number+" "))
		})
		if i < 0 {
			t.Errorf("%s does not begin with the number of a scenario whose test it is", name)
		} else if line := "\n# Seen in: " + scenarios[i].source + "\n"; !bytes.Contains(text, []byte(line)) {
			t.Errorf("%s has no line %q", name, line)
		}
	}
}

// testSources are the test files of other packages, by directory.
type testSources map[string]map[string]*ast.FuncDecl

// find returns an error when there is no such file or test.
func (ts testSources) find(test string) error {
	if strings.HasSuffix(test, ".txt") {
		file := filepath.Join(scenarioDir, test)
		if strings.Contains(test, "/") {
			file = filepath.Join("../..", test)
		}
		_, err := os.Stat(file)
		return err
	}
	dir, name, _ := strings.Cut(test, ".")
	name, sub, hasSub := strings.Cut(name, "/")
	if ts[dir] == nil {
		ts[dir] = map[string]*ast.FuncDecl{}
		files, err := filepath.Glob("../../" + dir + "/*_test.go")
		if err != nil {
			return err
		}
		for _, file := range files {
			tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			for _, d := range tree.Decls {
				if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil {
					ts[dir][f.Name.Name] = f
				}
			}
		}
	}
	f := ts[dir][name]
	switch {
	case f == nil || !strings.HasPrefix(name, "Test"):
		return fmt.Errorf("there is no test %s in %s", name, dir)
	case hasSub && !mentions(f, sub):
		return fmt.Errorf("%s.%s does not mention %q", dir, name, sub)
	}
	return nil
}

func mentions(f *ast.FuncDecl, text string) (found bool) {
	ast.Inspect(f, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			s, err := strconv.Unquote(lit.Value)
			found = found || err == nil && s == text
		}
		return !found
	})
	return found
}

// signs are names that the code would have with a feature.
var signs = map[feature]struct {
	dirs  []string
	names *regexp.Regexp
}{
	leases:          {at("raft", "raft/replica"), regexp.MustCompile(`(?i)lease`)},
	repairFromPeers: {at("raft", "raft/replica"), regexp.MustCompile(`(?i)repair|fetch`)},
}

// TestNoScenarioWaitsForWhatThereIs reminds of the scenarios of a feature when it
// comes.
func TestNoScenarioWaitsForWhatThereIs(t *testing.T) {
	for f, sign := range signs {
		var waiting []string
		for _, s := range scenarios {
			if s.waits == f {
				waiting = append(waiting, s.number)
			}
		}
		if len(waiting) == 0 {
			t.Errorf("nothing waits for %s any more", f)
		}
		for _, dir := range sign.dirs {
			if name := identifier(t, dir, sign.names); name != "" {
				t.Errorf("%s has %s: do %s still wait for %s?", dir, name, strings.Join(waiting, ", "), f)
			}
		}
	}
}

// identifier returns a name in the code of a package, without its tests, that
// matches.
func identifier(t *testing.T, dir string, names *regexp.Regexp) (found string) {
	t.Helper()
	files, err := filepath.Glob("../../" + dir + "/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(dir, err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok && names.MatchString(strings.ReplaceAll(strings.ToLower(id.Name), "release", "")) {
				found = id.Name
			}
			return true
		})
	}
	return found
}

var updatePage = flag.Bool("update", false, "write the generated parts of docs/SCENARIOS.md")

const scenarioPage = "../../docs/SCENARIOS.md"

// TestGeneratedScenarios compares the tables of docs/SCENARIOS.md with the code;
// "make docs" writes them.
func TestGeneratedScenarios(t *testing.T) {
	text, err := os.ReadFile(scenarioPage)
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	for name, content := range map[string]string{
		"example": exampleBlock(t), "setups": setupTable(), "steps": stepTable(verbs), "troubles": stepTable(troubles),
		"conditions": conditionTable(), "scenarios": scenarioTable(),
	} {
		begin, end := "<!-- generated: "+name+" -->\n", "<!-- end -->\n"
		head, rest, ok := strings.Cut(page, begin)
		_, tail, ok2 := strings.Cut(rest, end)
		if !ok || !ok2 {
			t.Fatalf("%s has no place for %s", scenarioPage, name)
		}
		page = head + begin + "\n" + content + "\n" + end + tail
	}
	if page == string(text) {
		return
	}
	if !*updatePage {
		t.Fatalf("%s differs from the code: run make docs", scenarioPage)
	}
	if err := os.WriteFile(scenarioPage, []byte(page), 0o644); err != nil {
		t.Fatal(err)
	}
}

// exampleFile is shown in full, as an example.
const exampleFile = "s53_unknown_outcome.txt"

func exampleBlock(t *testing.T) string {
	text, err := os.ReadFile(filepath.Join(scenarioDir, exampleFile))
	if err != nil {
		t.Fatal(err)
	}
	return "```\n" + string(text) + "```\n"
}

func setupTable() string {
	var b strings.Builder
	b.WriteString("| Line | Meaning |\n|---|---|\n")
	for _, s := range setups {
		fmt.Fprintf(&b, "| `%s` | %s |\n", s.syntax, s.meaning)
	}
	return b.String()
}

func stepTable(list []verb) string {
	var b strings.Builder
	b.WriteString("| Step | Meaning |\n|---|---|\n")
	for _, v := range list {
		fmt.Fprintf(&b, "| `%s` | %s |\n", v.syntax, v.meaning)
	}
	return b.String()
}

func conditionTable() string {
	var b strings.Builder
	b.WriteString("| Condition | Meaning |\n|---|---|\n")
	for _, c := range conditions {
		fmt.Fprintf(&b, "| `%s` | %s |\n", c.syntax, c.meaning)
	}
	fmt.Fprintf(&b, "| `not CONDITION` | the opposite |\n\nFIELD is one of `%s`.\n", strings.Join(sortedKeys(fields), "`, `"))
	return b.String()
}

func scenarioTable() string {
	var b strings.Builder
	b.WriteString("| | What goes wrong | Seen in | Tried by |\n|---|---|---|---|\n")
	for _, s := range scenarios {
		var tests []string
		for _, test := range s.tests {
			if strings.HasPrefix(test, "s") && strings.HasSuffix(test, ".txt") {
				test = "[" + strings.TrimSuffix(test, ".txt") + "](../raft/sim/" + scenarioDir + "/" + test + ")"
			} else {
				test = "`" + test + "`"
			}
			tests = append(tests, test)
		}
		place := strings.Join(tests, ", ")
		switch {
		case s.waits != "" && place != "":
			place += "; waits for " + string(s.waits) + ": " + s.rest
		case s.waits != "":
			place = "waits for " + string(s.waits)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", s.number, s.what, s.source, place)
	}
	return b.String()
}
