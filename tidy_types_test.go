package redoubt

import (
	"bytes"
	"errors"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// typedPackage is a package without its tests, with the types of its expressions.
type typedPackage struct {
	fset  *token.FileSet
	files []*ast.File
	info  types.Info
}

func (p *typedPackage) at(n ast.Node) token.Position { return p.fset.Position(n.Pos()) }

// loadTypes type-checks the package in dir. The types of what it imports come
// from the compiler's export data.
func loadTypes(t *testing.T, dir string) *typedPackage {
	t.Helper()
	list := exec.Command("go", "list", "-deps", "-export", "-f", "{{.ImportPath}} {{.Export}}", "./"+dir)
	var stderr bytes.Buffer
	list.Stderr = &stderr
	out, err := list.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", list, err, stderr.Bytes())
	}
	exports := map[string]string{}
	for line := range strings.Lines(string(out)) {
		if path, file, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			exports[path] = file
		}
	}
	p := &typedPackage{fset: token.NewFileSet(), info: types.Info{
		Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{},
	}}
	names, err := filepath.Glob(dir + "/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(p.fset, name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		p.files = append(p.files, f)
	}
	lookup := func(path string) (io.ReadCloser, error) {
		if exports[path] == "" {
			return nil, errors.New("no export data for " + path)
		}
		return os.Open(exports[path])
	}
	conf := types.Config{Importer: importer.ForCompiler(p.fset, "gc", lookup)}
	if _, err := conf.Check("redoubt/"+dir, p.fset, p.files, &p.info); err != nil {
		t.Fatal(err)
	}
	return p
}

// Go walks maps in random order. In a pure package that may reach no output and
// no decision: a loop over a map either collects what is then sorted, or has a
// comment with the word "order" that says why none is needed.
func TestNoOutputInTheOrderOfAMap(t *testing.T) {
	for _, dir := range pure {
		p := loadTypes(t, dir)
		for _, f := range p.files {
			explained := map[int]bool{} // lines that a comment about order ends on or precedes
			for _, c := range f.Comments {
				if strings.Contains(c.Text(), "order") {
					end := p.fset.Position(c.End()).Line
					explained[end], explained[end+1] = true, true
				}
			}
			ast.Inspect(f, func(n ast.Node) bool {
				loop, ok := n.(*ast.RangeStmt)
				if !ok || explained[p.at(loop).Line] {
					return true
				}
				if _, isMap := p.info.TypeOf(loop.X).Underlying().(*types.Map); isMap {
					t.Errorf("%s: a loop over a map in %s", p.at(loop), dir)
				}
				return true
			})
		}
	}
}

// A pure package has no state of its own: its package-level variables are
// tables, which nothing assigns to.
func TestNoStateInPackageVariables(t *testing.T) {
	for _, dir := range pure {
		p := loadTypes(t, dir)
		isGlobal := func(e ast.Expr) bool {
			for {
				switch x := e.(type) {
				case *ast.IndexExpr:
					e = x.X
				case *ast.SelectorExpr:
					e = x.X
				case *ast.StarExpr:
					e = x.X
				case *ast.ParenExpr:
					e = x.X
				case *ast.Ident:
					v, ok := p.info.Uses[x].(*types.Var)
					return ok && v.Parent() != nil && v.Parent().Parent() == types.Universe
				default:
					return false
				}
			}
		}
		for _, f := range p.files {
			ast.Inspect(f, func(n ast.Node) bool {
				var written []ast.Expr
				switch s := n.(type) {
				case *ast.AssignStmt:
					written = s.Lhs
				case *ast.IncDecStmt:
					written = []ast.Expr{s.X}
				case *ast.UnaryExpr:
					if s.Op == token.AND {
						written = []ast.Expr{s.X}
					}
				}
				for _, e := range written {
					if isGlobal(e) {
						t.Errorf("%s: writes to, or takes the address of, a package-level variable", p.at(n))
					}
				}
				return true
			})
		}
	}
}
