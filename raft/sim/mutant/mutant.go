package mutant

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Mutant is one planted mistake.
type Mutant struct {
	Number  int
	Title   string
	Oracles []string // of the simulator that may find it; "tests": only tests do
	Only    string   // the one oracle that can, "" = several or none
	Why     string   // it is left to the tests
	Absent  string   // the feature that redoubt lacks; then there are no Edits
	Edits   []Edit
}

// Name is M and the number.
func (m *Mutant) Name() string { return "M" + strconv.Itoa(m.Number) }

// Edit replaces whole lines of a file.
type Edit struct {
	File     string // from the root of the repository, with slashes
	Old, New []string
}

// Load reads all mutants of a directory, in the order of their numbers.
func Load(dir fs.FS) ([]Mutant, error) {
	names, err := fs.Glob(dir, "*.txt")
	if err != nil {
		return nil, err
	}
	var all []Mutant
	for _, name := range names {
		text, err := fs.ReadFile(dir, name)
		if err != nil {
			return nil, err
		}
		number := 0
		for line := range strings.Lines(string(text)) {
			number++
			if all, err = parseLine(all, strings.TrimSuffix(line, "\n")); err != nil {
				return nil, fmt.Errorf("%s:%d: %w", name, number, err)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Mutant) int { return a.Number - b.Number })
	return all, nil
}

// parseLine adds one line to the list.
func parseLine(all []Mutant, line string) ([]Mutant, error) {
	if line == "" {
		return all, nil
	}
	if line[0] == 'M' {
		number, title, _ := strings.Cut(line[1:], " ")
		n, err := strconv.Atoi(number)
		if err != nil || title == "" {
			return nil, fmt.Errorf("not a number and a title: %q", line)
		}
		return append(all, Mutant{Number: n, Title: title}), nil
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%q stands before the first mutant", line)
	}
	m := &all[len(all)-1]
	if file, ok := strings.CutPrefix(line, "--- "); ok {
		m.Edits = append(m.Edits, Edit{File: file})
		return all, nil
	}
	if k := len(m.Edits) - 1; k >= 0 && strings.ContainsRune(" -+", rune(line[0])) {
		e := &m.Edits[k]
		if line[0] != '+' {
			e.Old = append(e.Old, line[1:])
		}
		if line[0] != '-' {
			e.New = append(e.New, line[1:])
		}
		return all, nil
	}
	word, text, _ := strings.Cut(line, ": ")
	switch word {
	case "oracles":
		m.Oracles = strings.Split(text, ", ")
	case "only":
		m.Only = text
	case "why":
		m.Why = text
	case "absent":
		m.Absent = text
	default:
		return nil, fmt.Errorf("cannot be read: %q", line)
	}
	return all, nil
}

// Apply returns the changed text of every file that the mutant changes.
func (m *Mutant) Apply(root fs.FS) (map[string]string, error) {
	changed := map[string]string{}
	for _, e := range m.Edits {
		text, ok := changed[e.File]
		if !ok {
			b, err := fs.ReadFile(root, path.Clean(e.File))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", m.Name(), err)
			}
			text = string(b)
		}
		text, err := e.apply(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", m.Name(), e.File, err)
		}
		changed[e.File] = text
	}
	return changed, nil
}

func (e *Edit) apply(text string) (string, error) {
	text = "\n" + text
	old := "\n" + strings.Join(e.Old, "\n") + "\n"
	if n := strings.Count(text, old); n != 1 {
		return "", fmt.Errorf("these lines are there %d times, not once:%s", n, old)
	}
	with := "\n"
	if len(e.New) > 0 {
		with += strings.Join(e.New, "\n") + "\n"
	}
	return strings.Replace(text, old, with, 1)[1:], nil
}
