package mutant

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var (
	runFlag   = flag.Bool("mutants", false, "find the mutants and write the tables of docs/MUTANTS.md")
	onlyFlag  = flag.String("only", "", "mutants to run, separated by commas (default: all)")
	seedsFlag = flag.Int("seeds", 20_000, "seeds in which a mutant is to be found")
	aloneFlag = flag.Int("alone", 2000, "seeds in which it is not to be found without its only oracle")
)

// TestMutants finds every mutant.
func TestMutants(t *testing.T) {
	if !*runFlag {
		t.Skip("takes hours: make mutants")
	}
	for _, m := range load(t) {
		if *onlyFlag != "" && !slices.Contains(strings.Split(*onlyFlag, ","), m.Name()) {
			continue
		}
		t.Run(m.Name(), func(t *testing.T) {
			p := readPage(t)
			p.note(&m, find(t, &m))
			p.write(t)
		})
	}
	p := readPage(t)
	for _, m := range load(t) {
		if p.row(&m) == "" {
			t.Errorf("docs/MUTANTS.md has no result for %s: make mutants ONLY=%s", m.Name(), m.Name())
		}
	}
}

// finding is how a mutant was found.
type finding struct {
	oracle string // of the simulator, or how it crashed; "" = not by it
	seeds  int    // that it took; 0 = it crashed
	test   string // that found it, with its package
	alone  string // what the simulator says without the only oracle
}

func find(t *testing.T, m *Mutant) finding {
	if m.Absent != "" {
		return finding{}
	}
	o := newOverlay(t, m)
	var f finding
	if f.oracle, f.seeds = o.simulate(*seedsFlag); f.oracle == "" {
		if f.test = o.test(m); f.test == "" {
			t.Errorf("%s is not found: %s", m.Name(), m.Title)
		}
	} else if !slices.Contains(m.Oracles, f.oracle) {
		t.Logf("%s: found by %q, expected was %q", m.Name(), f.oracle, m.Oracles)
	}
	if m.Only != "" {
		o.silence(m.Only)
		seeds := 0
		if f.alone, seeds = o.simulate(*aloneFlag); f.alone != "" {
			t.Errorf("%s: not only %q finds it: %q does after %d seeds", m.Name(), m.Only, f.alone, seeds)
		}
	}
	return f
}

// overlay is a changed source as the go command takes it.
type overlay struct {
	t       *testing.T
	dir     string // for its files
	root    string
	changed map[string]string // texts by file
}

func newOverlay(t *testing.T, m *Mutant) *overlay {
	t.Helper()
	abs, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	changed, err := m.Apply(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	return &overlay{t, t.TempDir(), abs, changed}
}

// silence has the simulator ignore an oracle.
func (o *overlay) silence(oracle string) {
	o.t.Helper()
	e := Edit{
		File: "raft/sim/world.go",
		Old:  []string{"	if w.failure != nil {", "		return", "	}", "	w.failure = &Violation{oracle, fmt.Sprintf(format, args...), w.nowUs}"},
		New:  []string{"	if w.failure != nil || oracle == " + strconv.Quote(oracle) + " {", "		return", "	}", "	w.failure = &Violation{oracle, fmt.Sprintf(format, args...), w.nowUs}"},
	}
	text, err := (&Mutant{Edits: []Edit{e}}).Apply(os.DirFS(root))
	if err != nil {
		o.t.Fatal(err)
	}
	o.changed[e.File] = text[e.File]
}

// store writes the changed files and returns the name of the list of them.
func (o *overlay) store() string {
	o.t.Helper()
	replace := map[string]string{}
	for name, text := range o.changed {
		file := filepath.Join(o.dir, strings.ReplaceAll(name, "/", "_"))
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			o.t.Fatal(err)
		}
		replace[filepath.Join(o.root, filepath.FromSlash(name))] = file
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		o.t.Fatal(err)
	}
	file := filepath.Join(o.dir, "overlay.json")
	if err := os.WriteFile(file, list, 0o600); err != nil {
		o.t.Fatal(err)
	}
	return file
}

// maxMemoryKB bounds the address space of each process, of which Go takes more than
// a gigabyte without using it. A mutant may make a queue grow for ever, and a machine
// without memory stands still before it kills anybody.
const maxMemoryKB = 4 << 20

// run runs a command in the root of the repository and returns what it says; ok
// is false when it says so by its exit code.
func (o *overlay) run(command ...string) (output string, ok bool) {
	o.t.Helper()
	limited := fmt.Sprintf(`ulimit -v %d && exec "$@"`, maxMemoryKB)
	cmd := exec.CommandContext(o.t.Context(), "sh", append([]string{"-c", limited, "sh"}, command...)...)
	cmd.Dir = o.root
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		o.t.Fatal(err)
	}
	return string(out), err == nil
}

// simulate runs seeds until an oracle objects.
func (o *overlay) simulate(seeds int) (oracle string, took int) {
	o.t.Helper()
	binary := filepath.Join(o.dir, "redoubt")
	if out, ok := o.run("go", "build", "-overlay", o.store(), "-o", binary, "./cmd/redoubt"); !ok {
		o.t.Fatalf("does not compile:\n%s", out)
	}
	out, ok := o.run(binary, "sim", "--seed", "1", "--seeds", strconv.Itoa(seeds), "--shrink", "0", "--workers", "1")
	if ok {
		return "", 0
	}
	if why := crash(out); why != "" {
		return why, 0
	}
	violation := regexp.MustCompile(`(?m)^violation: ([^:]+):`).FindStringSubmatch(out)
	count := regexp.MustCompile(`(?m)^seeds (\d+),`).FindStringSubmatch(out)
	if violation == nil || count == nil {
		o.t.Fatalf("the simulator ends without a violation:\n%s", out)
	}
	took, _ = strconv.Atoi(count[1])
	return violation[1], took
}

// crash returns the last words of a process that Go's runtime has ended, for want of
// memory for instance. No oracle gets to speak then, but a mutant that ends like this
// does not go unnoticed.
func crash(output string) string {
	return regexp.MustCompile(`(?m)^fatal error: .*$`).FindString(output)
}

// test runs the tests of the packages that the mutant is in, and of those whose
// rules it may break.
func (o *overlay) test(m *Mutant) string {
	o.t.Helper()
	var packages []string
	for _, e := range m.Edits {
		packages = append(packages, "./"+path.Dir(e.File))
	}
	list := o.store()
	for i, name := range append(packages, "./raft", "./raft/replica", "./wal", "./raft/sim") {
		if slices.Contains(packages[:min(i, len(packages))], name) {
			continue
		}
		args := []string{"go", "test", "-overlay", list, "-count=1", "-failfast"}
		if name == "./raft/sim" {
			args = append(args, "-run", "^TestScenarios$") // its seeds were run before
		}
		out, ok := o.run(append(args, name)...)
		if ok {
			continue
		}
		why := crash(out)
		if failed := regexp.MustCompile(`(?m)^--- FAIL: (\S+)`).FindStringSubmatch(out); failed != nil {
			why = failed[1]
		}
		if why == "" {
			o.t.Fatalf("the tests of %s fail without a failed test:\n%s", name, out)
		}
		return fmt.Sprintf("%s %s", strings.TrimPrefix(name, "./"), why)
	}
	return ""
}

// A mutant that grows without end is stopped, and counts as found.
func TestMemoryIsBounded(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("ulimit -v is Linux's")
	}
	o := &overlay{t: t, root: t.TempDir()}
	if out, _ := o.run("sh", "-c", "ulimit -v"); strings.TrimSpace(out) != strconv.Itoa(maxMemoryKB) {
		t.Errorf("the limit is %q, want %d", out, maxMemoryKB)
	}
	program := filepath.Join(o.root, "grow.go")
	const grow = "package main\n\nfunc main() {\n\tfor kept := [][]byte{}; ; {\n\t\tkept = append(kept, make([]byte, 1<<30))\n\t}\n}\n"
	if err := os.WriteFile(program, []byte(grow), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, ok := o.run("go", "run", program); ok || !strings.Contains(crash(out), "memory") {
		t.Errorf("a program that grows without end says %q", out)
	}
}
