package sim

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// script is a scenario out of testdata/scenarios: a line, a step. The steps are
// those of verbs; docs/SCENARIOS.md shows them all.
type script struct {
	name  string // of the file, without directory and ending
	title string // its first line, without the #
	steps []step
	plan  Plan
	value string // which of those that each goes through
	reach []Mark // what one of the runs at least has to come to
}

// step is one line, understood.
type step struct {
	line int
	text string
	verb verb
	args []string
}

const scenarioDir = "testdata/scenarios"

// scriptKnobs are the settings of scripts: plain, and no time is drawn at random.
func scriptKnobs() Knobs {
	k := plainKnobs()
	k.NetFloorUs, k.NetUs, k.DiskUs, k.ApplyUs, k.ClientUs = 200, 0, 0, 0, 0
	k.ClientTimeoutMs = patienceUs / 1000
	return k
}

// readScripts reads a scenario: one script, or as many as each says.
func readScripts(file string) ([]*script, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	lines := strings.Split(string(text), "\n")
	title, ok := strings.CutPrefix(lines[0], "# ")
	if !ok {
		return nil, fmt.Errorf("%s:1: a scenario begins with # and its number", file)
	}
	name, values := "", []string{""}
	for i, line := range lines {
		if args, ok := setups[0].pattern().match(line); ok {
			lines[i] = ""
			if name, values = args[0], list(args[1]); len(values) == 0 {
				return nil, fmt.Errorf("%s:%d: %s: nothing to go through", file, i+1, line)
			}
		}
	}
	var scripts []*script
	for _, value := range values {
		s := &script{name: strings.TrimSuffix(filepath.Base(file), ".txt"), title: title, plan: Plan{Nodes: 3, Knobs: scriptKnobs()}}
		if name != "" {
			s.value = "$" + name + " = " + value
		}
		for i, line := range lines {
			line, _, _ = strings.Cut(line, "#")
			line = strings.ReplaceAll(line, "$long", scenarioLong.String())
			if name != "" {
				line = strings.ReplaceAll(line, "$"+name, value)
			}
			if words := strings.Fields(line); len(words) > 0 {
				if err := s.understand(i+1, strings.Join(words, " ")); err != nil {
					return nil, fmt.Errorf("%s:%d: %s: %w", file, i+1, strings.TrimSpace(line), err)
				}
			}
		}
		s.plan.Registers = !slices.ContainsFunc(s.steps, func(st step) bool { return !st.isForRegisters() })
		scripts = append(scripts, s)
	}
	return scripts, nil
}

// list is what each goes through: a range of numbers, or values between commas.
func list(text string) (values []string) {
	first, last, isRange := strings.Cut(text, "..")
	if !isRange {
		return strings.Split(text, ", ")
	}
	lo, err1 := strconv.Atoi(first)
	hi, err2 := strconv.Atoi(last)
	for i := lo; i <= hi && err1 == nil && err2 == nil; i++ {
		values = append(values, strconv.Itoa(i))
	}
	return values
}

func (s *script) understand(number int, line string) error {
	for _, set := range setups {
		if args, ok := set.pattern().match(line); ok {
			if len(s.steps) > 0 {
				return fmt.Errorf("stands before the first step")
			}
			return set.apply(s, args)
		}
	}
	for _, v := range slices.Concat(verbs, troubles) {
		if args, ok := v.pattern().match(line); ok {
			s.steps = append(s.steps, step{number, line, v, args})
			return nil
		}
	}
	return fmt.Errorf("is no step")
}

// pattern is how a line is written. Words in capitals stand for something, and
// what is in [ ] may be left out.
type pattern string

var placeholders = map[string]string{
	"NODE": `(n\d)`, "NODES": `(n\d(?: n\d)*|all)`, "NUMBER": `(\d+)`, "TIME": `((?:\d+(?:us|ms|s|m|h))+)`, "SHIFT": `([+-]\d+(?:ms|s|m|h))`,
	"PERCENT": `(\d+%)`, "NAME": `([a-z]\w*)`, "FILE": `([\w/.*-]+)`, "OP": `(write|sync|read|name|operation)`,
	"IS": `(=|<=|>=|<|>)`, "FIELD": `(` + strings.Join(sortedKeys(fields), "|") + `)`, "KNOB": `([A-Z]\w+)`, "VALUE": `(n\d \w+|\w+)`,
	"HOW": `(loses|keeps)`, "MESSAGE": `([A-Z]\w+)`, "COMMANDS": `(.+?)`, "REPLIES": `(.+)`, "CONDITION": `(.+?)`, "TEXT": `(.+)`, "VALUES": `(.+)`,
	"CHANGE": `(.+?)`, "OUTCOME": `(\w+)`, "MEMBERS": `((?: ?-?n\d[\w:/]*)+)`,
}

func (p pattern) match(line string) (args []string, ok bool) {
	expr := regexp.MustCompile(`[A-Z]{2,}|.`).ReplaceAllStringFunc(string(p), func(s string) string {
		switch {
		case placeholders[s] != "":
			return placeholders[s]
		case s == "[":
			return `(?:`
		case s == "]":
			return `)?`
		}
		return s
	})
	expr = strings.ReplaceAll(expr, " (?:", "(?: ") // the space belongs to what may be left out
	found := regexp.MustCompile(`^` + expr + `$`).FindStringSubmatch(line)
	if found == nil {
		return nil, false
	}
	return found[1:], true
}

// setup is a line that says what the cluster is like.
type setup struct {
	syntax, meaning string
	apply           func(s *script, args []string) error
}

func (s *setup) pattern() pattern { return pattern(s.syntax) }

var setups = []setup{
	{"each NAME in VALUES", "play the scenario once for each value, `1..9` or `a, b, c`, which `$NAME` stands for", nil}, // see readScripts
	{"nodes NUMBER", "the size of the cluster; 3 if nothing is said", func(s *script, a []string) (err error) {
		s.plan.Nodes, err = strconv.Atoi(a[0])
		return err
	}},
	{"joiners NUMBER", "so many nodes more, behind the others, that may `join`", func(s *script, a []string) (err error) {
		s.plan.Joiners, err = strconv.Atoi(a[0])
		return err
	}},
	{"set KNOB VALUE", "a field of `Knobs` (plan.go), such as `SnapshotBytes 2000`", func(s *script, a []string) error {
		f := reflect.ValueOf(&s.plan.Knobs).Elem().FieldByName(a[0])
		switch {
		case !f.IsValid():
			return fmt.Errorf("no such knob")
		case f.Kind() == reflect.Bool:
			f.SetBool(a[1] == "yes")
			return nil
		}
		n, err := strconv.ParseInt(a[1], 10, 64)
		f.SetInt(n)
		return err
	}},
	{"reach TEXT", "one run at least, of all values and seeds, has to come to this mark", func(s *script, a []string) error {
		m := slices.Index(markNames[:], a[0])
		if m < 0 {
			return fmt.Errorf("no such mark")
		}
		s.reach = append(s.reach, Mark(m))
		return nil
	}},
}

// isForRegisters says whether porcupine can judge what a step of a client does.
func (st *step) isForRegisters() bool {
	if st.verb.commands == 0 {
		return true
	}
	for _, c := range strings.Split(st.args[st.verb.commands-1], "; ") {
		if !slices.Contains([]string{"SET", "GET", "GETSET", "APPEND", "INCR"}, strings.Fields(c)[0]) {
			return false
		}
	}
	return true
}

// microseconds reads a time that a pattern has let pass.
func microseconds(s string) int64 {
	d, err := time.ParseDuration(s)
	if err != nil {
		panic(err)
	}
	return d.Microseconds()
}
