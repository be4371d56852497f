package mutant

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const pageFile = root + "/docs/MUTANTS.md"

// page is docs/MUTANTS.md: text, and a table that is between two marks. The
// table is where results are kept, so that a run of some mutants leaves those
// of the others.
type page struct {
	head, tail string
	rows       []string
}

const (
	beginMark = "<!-- generated: mutants -->\n"
	endMark   = "<!-- end -->\n"
	tableHead = "| | Planted mistake | Found by | After |\n|---|---|---|---|\n"
)

func readPage(t *testing.T) *page {
	t.Helper()
	text, err := os.ReadFile(pageFile)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok1 := strings.Cut(string(text), beginMark)
	table, tail, ok2 := strings.Cut(rest, endMark)
	if !ok1 || !ok2 {
		t.Fatalf("%s has no place for the table", pageFile)
	}
	p := &page{head: head, tail: tail}
	for line := range strings.Lines(table) {
		if strings.HasPrefix(line, "| M") {
			p.rows = append(p.rows, line)
		}
	}
	return p
}

// row is the result of a mutant as it is titled now, "" when there is none.
func (p *page) row(m *Mutant) string {
	for _, row := range p.rows {
		if strings.HasPrefix(row, fmt.Sprintf("| %s | %s |", m.Name(), m.Title)) {
			return row
		}
	}
	return ""
}

// note takes in a result.
func (p *page) note(m *Mutant, f finding) {
	by, after := "**nothing**", ""
	switch {
	case m.Absent != "":
		by = "(redoubt has no " + m.Absent + ")"
	case f.oracle != "":
		by, after = f.oracle, fmt.Sprintf("seed %d", f.seeds)
		if f.seeds == 0 {
			after = afterCrash
		}
		if m.Only != "" && f.alone == "" {
			by += ", and nothing else"
		}
	case f.test != "":
		by, after = "`"+f.test+"`", m.Why
		if m.Why == "" {
			after = fmt.Sprintf("not in %d seeds", *seedsFlag)
		}
	}
	p.rows = slices.DeleteFunc(p.rows, func(row string) bool {
		return strings.HasPrefix(row, "| "+m.Name()+" |")
	})
	p.rows = append(p.rows, fmt.Sprintf("| %s | %s | %s | %s |\n", m.Name(), m.Title, by, after))
	number := func(row string) int {
		n, _ := strconv.Atoi(row[len("| M") : strings.Index(row[2:], " ")+2])
		return n
	}
	slices.SortFunc(p.rows, func(a, b string) int { return number(a) - number(b) })
}

// afterCrash: a simulator that has crashed cannot say in which seed.
const afterCrash = "a crash"

// summary counts the rows.
func (p *page) summary() string {
	var seeds []int
	tests, crashes, escaped, absent := 0, 0, 0, 0
	count := regexp.MustCompile(`\| seed (\d+) \|\n$`)
	for _, row := range p.rows {
		switch found := count.FindStringSubmatch(row); {
		case found != nil:
			n, _ := strconv.Atoi(found[1])
			seeds = append(seeds, n)
		case strings.HasSuffix(row, "| "+afterCrash+" |\n"):
			crashes++
		case strings.Contains(row, "| **nothing** |"):
			escaped++
		case strings.Contains(row, "| (redoubt has no "):
			absent++
		default:
			tests++
		}
	}
	if len(seeds) == 0 {
		seeds = []int{0}
	}
	slices.Sort(seeds)
	return fmt.Sprintf("**%d of %d mutants are found**: %d by the simulator, after %d seeds in the median and %d at worst, %d by tests only. "+
		"%d more are about features that redoubt does not have.\n",
		len(seeds)+crashes+tests, len(seeds)+crashes+tests+escaped, len(seeds)+crashes, seeds[len(seeds)/2], seeds[len(seeds)-1], tests, absent)
}

func (p *page) write(t *testing.T) {
	t.Helper()
	text := p.head + beginMark + "\n" + p.summary() + "\n" + tableHead + strings.Join(p.rows, "") + "\n" + endMark + p.tail
	if err := os.WriteFile(pageFile, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
