// Package redoubt holds no code: its tests keep the house rules of
// docs/STRUCTURE.md, and CONTRIBUTING.md says what they are for.
package redoubt

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	maxFileLines     = 500
	maxFunctionLines = 80
)

// mayImport lists, for each directory, what its code may import besides the
// standard library. Directories that are not listed may import nothing.
var mayImport = map[string][]string{
	"raft": {},
	"resp": {"github.com/tidwall/redcon"},
	"fsm":  {"redoubt/resp", "github.com/cespare/xxhash/v2"},
	"wal":  {"redoubt/raft", "golang.org/x/sys/unix"},
	"metrics": {
		"github.com/prometheus/client_golang/prometheus",
		"github.com/prometheus/client_golang/prometheus/collectors",
		"github.com/prometheus/client_model/go",
	},
	"resp/peer":    {"redoubt/raft", "redoubt/resp", "redoubt/wal", "redoubt/metrics", "golang.org/x/sys/unix"},
	"raft/replica": {"redoubt/raft", "redoubt/wal", "redoubt/fsm", "redoubt/resp", "redoubt/resp/peer", "redoubt/metrics"},
	"resp/server":  {"redoubt/raft/replica", "redoubt/raft", "redoubt/fsm", "redoubt/resp", "redoubt/metrics"},
	"raft/sim": {
		"redoubt/raft", "redoubt/raft/replica", "redoubt/raft/sim/model", "redoubt/wal", "redoubt/fsm", "redoubt/resp/server", "redoubt/metrics",
		"github.com/anishathalye/porcupine", "github.com/prometheus/client_golang/prometheus",
	},
	"web": {
		"redoubt/raft", "redoubt/raft/replica", "redoubt/fsm", "redoubt/resp", "redoubt/resp/server",
		"github.com/prometheus/client_golang/prometheus",
		"github.com/prometheus/client_golang/prometheus/promhttp",
	},
	"raft/sim/model":         {},
	"devcluster":             {"golang.org/x/sys/unix"},
	"devcluster/testprogram": {"go.uber.org/goleak"},
	"chaos":                  {"redoubt/devcluster", "redoubt/resp", "redoubt/wal", "github.com/anishathalye/porcupine"},
	"bench": {
		"redoubt/resp", "redoubt/devcluster", "github.com/HdrHistogram/hdrhistogram-go", "github.com/redis/go-redis/v9", "golang.org/x/sys/unix",
	},
	"monitor":     {"redoubt/resp", "redoubt/resp/server", "charm.land/bubbletea/v2", "charm.land/lipgloss/v2", "github.com/charmbracelet/x/ansi"},
	"demo":        {"redoubt/devcluster", "redoubt/monitor", "redoubt/resp", "charm.land/bubbletea/v2", "charm.land/lipgloss/v2", "github.com/charmbracelet/x/ansi"},
	"cmd/redoubt": {"*"},
}

// pure packages have no clock, no I/O, no concurrency and no randomness of their
// own: the same input gives the same output on every node.
var pure = []string{"raft", "fsm"}

// allowedInPure is what pure packages may import of the standard library.
// math/rand/v2 is there for its type: the source of randomness is passed in.
var allowedInPure = strings.Fields(`bufio bytes cmp encoding/binary errors fmt hash/crc32 io iter maps math math/big
	math/bits math/rand/v2 slices sort strconv strings unicode unicode/utf8 unsafe`)

// mayStartGoroutines are the directories in which a go statement may stand.
var mayStartGoroutines = []string{"cmd/redoubt", "resp/server", "resp/peer", "raft/replica", "devcluster", "bench"}

// source is one parsed Go file.
type source struct {
	path, dir string
	text      []byte
	tree      *ast.File
	fset      *token.FileSet
}

func (s *source) isTest() bool { return strings.HasSuffix(s.path, "_test.go") }

// isPure: the rules of the replica are as pure as the core they drive.
func (s *source) isPure() bool {
	return slices.Contains(pure, s.dir) || strings.HasPrefix(s.path, "raft/replica/machine") || s.path == "raft/replica/check.go" ||
		s.path == "raft/replica/applier.go"
}

func (s *source) line(p token.Pos) int { return s.fset.Position(p).Line }

func (s *source) at(p token.Pos) string { return s.path + ":" + strconv.Itoa(s.line(p)) }

func sources(t *testing.T) []*source {
	t.Helper()
	var out []*source
	for _, name := range files(t, ".go") {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		fset := token.NewFileSet()
		tree, err := parser.ParseFile(fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, &source{path: name, dir: path.Dir(name), text: text, tree: tree, fset: fset})
	}
	return out
}

// files lists the files whose name has one of the endings, with slashes.
func files(t *testing.T, endings ...string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (name != "." && strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "dist"):
			return fs.SkipDir
		case !d.IsDir() && slices.ContainsFunc(endings, func(e string) bool { return strings.HasSuffix(name, e) }):
			out = append(out, filepath.ToSlash(name))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestImportsPointOneWay(t *testing.T) {
	for _, s := range sources(t) {
		if s.isTest() {
			continue
		}
		for _, spec := range s.tree.Imports {
			imported, _ := strconv.Unquote(spec.Path.Value)
			isStd := !strings.Contains(strings.SplitN(imported, "/", 2)[0], ".") && !strings.HasPrefix(imported, "redoubt")
			allowed := mayImport[s.dir]
			switch {
			case isStd && s.isPure() && !slices.Contains(allowedInPure, imported):
				t.Errorf("%s: %s is pure and must not import %q", s.at(spec.Pos()), s.path, imported)
			case isStd || slices.Contains(allowed, "*") || slices.Contains(allowed, imported):
			default:
				t.Errorf("%s: %s must not import %q", s.at(spec.Pos()), s.dir, imported)
			}
		}
	}
}

// Randomness in a pure package is a value that was handed in, never the
// package's own functions, which draw from a hidden global source.
func TestRandomnessIsPassedIn(t *testing.T) {
	allowed := []string{"Rand", "Source"}
	for _, s := range sources(t) {
		if s.isTest() || !s.isPure() || !strings.Contains(string(s.text), `"math/rand/v2"`) {
			continue
		}
		ast.Inspect(s.tree, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == "rand" && !slices.Contains(allowed, sel.Sel.Name) {
				t.Errorf("%s: rand.%s is not injected", s.at(sel.Pos()), sel.Sel.Name)
			}
			return true
		})
	}
}

func TestGoStatementsStandWhereTheyMay(t *testing.T) {
	for _, s := range sources(t) {
		if s.isTest() || slices.Contains(mayStartGoroutines, s.dir) {
			continue
		}
		ast.Inspect(s.tree, func(n ast.Node) bool {
			if g, ok := n.(*ast.GoStmt); ok {
				t.Errorf("%s: %s must not start goroutines", s.at(g.Pos()), s.dir)
			}
			return true
		})
	}
}

func TestFilesAndFunctionsAreShort(t *testing.T) {
	for _, s := range sources(t) {
		if s.isTest() {
			continue
		}
		if n := strings.Count(string(s.text), "\n"); n > maxFileLines {
			t.Errorf("%s has %d lines, more than %d", s.path, n, maxFileLines)
		}
		for _, d := range s.tree.Decls {
			if f, ok := d.(*ast.FuncDecl); ok {
				if n := s.line(f.End()) - s.line(f.Pos()) + 1; n > maxFunctionLines {
					t.Errorf("%s: %s has %d lines, more than %d", s.at(f.Pos()), f.Name.Name, n, maxFunctionLines)
				}
			}
		}
	}
}

func TestNoInitFunctions(t *testing.T) {
	for _, s := range sources(t) {
		for _, d := range s.tree.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Name.Name == "init" && f.Recv == nil {
				t.Errorf("%s: an init function", s.at(f.Pos()))
			}
		}
	}
}

// A test that sleeps is either slow or flaky: it waits for the event itself.
func TestTestsDoNotSleep(t *testing.T) {
	for _, s := range sources(t) {
		if !s.isTest() {
			continue
		}
		ast.Inspect(s.tree, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok || sel.Sel.Name != "Sleep" {
				return true
			}
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == "time" {
				t.Errorf("%s: time.Sleep in a test", s.at(sel.Pos()))
			}
			return true
		})
	}
}

func TestEveryPackageHasItsContract(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range sources(t) {
		if s.dir == "." || seen[s.dir] {
			continue
		}
		seen[s.dir] = true
		doc, err := parser.ParseFile(token.NewFileSet(), s.dir+"/doc.go", nil, parser.ParseComments)
		if err != nil {
			t.Errorf("%s has no doc.go: %v", s.dir, err)
		} else if doc.Doc == nil || len(doc.Decls) > 0 {
			t.Errorf("%s/doc.go is not the package's documentation and nothing else", s.dir)
		}
	}
}

func TestNames(t *testing.T) {
	drawer := regexp.MustCompile(`(?i)^(util|utils|common|helper|helpers|misc|base|manager)(_test)?\.go$|/(util|utils|common|helper|helpers|misc|base|manager)/`)
	for _, name := range files(t, ".go") {
		if drawer.MatchString(path.Base(name)) || drawer.MatchString(name) {
			t.Errorf("%s: the name does not say what is inside", name)
		}
	}
}

func TestNothingIsLeftForLater(t *testing.T) {
	later := regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|X` + `XX|HA` + `CK)\b`)
	for _, name := range files(t, ".go", ".md", "Makefile", ".sh") {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if at := later.FindIndex(text); at != nil {
			t.Errorf("%s:%d: %s", name, 1+strings.Count(string(text[:at[0]]), "\n"), text[at[0]:at[1]])
		}
	}
}

// Relative links in the documents must lead somewhere, anchors included.
func TestLinksLeadSomewhere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	for _, name := range files(t, ".md") {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			full := path.Join(path.Dir(name), target)
			if target == "" {
				full = name
			}
			linked, err := os.ReadFile(full)
			if info, statErr := os.Stat(full); statErr == nil && info.IsDir() {
				continue
			}
			if err != nil {
				t.Errorf("%s: %s leads nowhere", name, m[1])
			} else if anchor != "" && !slices.Contains(anchors(string(linked)), anchor) {
				t.Errorf("%s: %s has no such heading", name, m[1])
			}
		}
	}
}

// anchors are the fragment names of a document's headings, as GitHub makes them.
func anchors(text string) []string {
	drop := regexp.MustCompile(`[^\p{L}\p{N}\- _]`)
	var out []string
	for line := range strings.Lines(text) {
		if title := strings.TrimLeft(line, "#"); title != line {
			title = drop.ReplaceAllString(strings.ToLower(strings.TrimSpace(title)), "")
			out = append(out, strings.ReplaceAll(title, " ", "-"))
		}
	}
	return out
}
