package fsm

import (
	"cmp"
	"slices"
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	byName := func(a, b *Spec) int { return cmp.Compare(a.Name, b.Name) }
	if !slices.IsSortedFunc(Table(), byName) {
		t.Error("the table is not sorted")
	}
	eachSpec(func(s *Spec) {
		if !slices.IsSortedFunc(s.Subcommands, byName) {
			t.Errorf("%s: the subcommands are not sorted", s.Name)
		}
		if len(s.Name) > maxNameBytes || strings.ToLower(s.Name) != s.Name {
			t.Errorf("%s: Lookup cannot find the name", s.Name)
		}
		for what, text := range map[string]string{"summary": s.Summary, "complexity": s.Complexity, "since": s.Since, "group": s.Group} {
			if text == "" {
				t.Errorf("%s has no %s", s.Name, what)
			}
		}
		if s.Summary[len(s.Summary)-1] != '.' || s.Differences != "" && s.Differences[len(s.Differences)-1] != '.' {
			t.Errorf("%s: a sentence does not end with a stop", s.Name)
		}
		if s.Flags&FlagWrite != 0 && s.Class != Write || s.Flags&FlagWrite == 0 && s.Class == Write {
			t.Errorf("%s writes by its flags or by its class but not by both", s.Name)
		}
		if s.Flags&FlagReadonly != 0 && s.Class != Read {
			t.Errorf("%s reads the keyspace by its flags but cannot be run", s.Name)
		}
	})
}

// TestSyntaxAgreesWithArity counts the arguments that a syntax demands.
func TestSyntaxAgreesWithArity(t *testing.T) {
	eachSpec(func(s *Spec) {
		if s.Container() || s.Name == "quit" { // quit ignores what follows
			return
		}
		least, open := countArguments(parseSyntax(s.Syntax))
		arity := least + 1 + strings.Count(s.Name, "|")
		if open {
			arity = -arity
		}
		if arity != s.Arity {
			t.Errorf("%s has arity %d, its syntax %q says %d", s.Name, s.Arity, s.Syntax, arity)
		}
	})
}

func countArguments(args []argument) (least int, open bool) {
	for _, a := range args {
		n, inner := countArgument(a)
		open = open || inner || a.optional || a.multiple
		if !a.optional {
			least += n
		}
	}
	return least, open
}

func countArgument(a argument) (least int, open bool) {
	switch {
	case a.kind == "pure-token":
		return 1, false
	case a.kind == "oneof":
		least, open = countArgument(a.parts[0])
		for _, part := range a.parts[1:] {
			n, o := countArgument(part)
			open = open || o || n != least
			least = min(least, n)
		}
	case a.kind == "block":
		least, open = countArguments(a.parts)
	default:
		least = 1
	}
	if a.token != "" {
		least++
	}
	return least, open
}

func TestUsage(t *testing.T) {
	for name, want := range map[string]string{
		"get":            "GET key",
		"incrbyfloat":    "INCRBYFLOAT key increment",
		"mset":           "MSET <key value> ...",
		"object|freq":    "OBJECT FREQ key",
		"client|pause":   "CLIENT PAUSE timeout [WRITE | ALL]",
		"expire":         "EXPIRE key seconds [NX | XX | GT | LT]",
		"client|list":    "CLIENT LIST [TYPE <NORMAL | MASTER | REPLICA | PUBSUB>] [ID <client-id ...>]",
		"dbsize":         "DBSIZE",
		"memory|usage":   "MEMORY USAGE key [SAMPLES count]",
		"client|caching": "CLIENT CACHING <YES | NO>",
	} {
		if got := lookupFullName([]byte(name)).Usage(); got != want {
			t.Errorf("%s is used as %q, want %q", name, got, want)
		}
	}
}

func TestSyntaxThatCannotBeReadPanics(t *testing.T) {
	for _, syntax := range []string{"[key", "key]", "a | b", "<a"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%q was read", syntax)
				}
			}()
			parseSyntax(syntax)
		}()
	}
}

func TestCategoriesAndFlagsHaveNames(t *testing.T) {
	if got := strings.Join(Flags(FlagAllowBusy|FlagWrite).Names(), " "); got != "write allow_busy" {
		t.Errorf("flags are named %q", got)
	}
	for i, name := range categoryNames {
		if c, ok := categoryNamed(strings.ToUpper(name)); !ok || c != 1<<i {
			t.Errorf("category %s is %b, %v", name, c, ok)
		}
	}
	if _, ok := categoryNamed("nosuch"); ok {
		t.Error("a category was found that does not exist")
	}
}

// TestRepliesOfCommandAreWhole splits them, which finds every wrong count.
func TestRepliesOfCommandAreWhole(t *testing.T) {
	for _, proto := range []int{2, 3} {
		for _, line := range []string{
			"command", "command info", "command info get nosuch", "command docs", "command docs set nosuch client|kill",
			"command count", "command list", "command list filterby aclcat write", "command help",
			"command getkeysandflags mset a 1 b 2",
		} {
			reply := AppendCommandReply([]byte("+before\r\n"), proto, words(strings.Fields(line)...))
			splitReplies(t, reply, 2)
		}
		eachSpec(func(s *Spec) {
			if s.Container() {
				splitReplies(t, AppendHelp(nil, s), 1)
			}
		})
	}
}

// Commands whose reply changes while nothing is written need the time of now.
func TestRepliesThatDependOnTheTime(t *testing.T) {
	var names []string
	for _, line := range []string{"TTL k", "PTTL k", "OBJECT IDLETIME k", "GET k", "EXPIRETIME k", "OBJECT FREQ k", "EXISTS k"} {
		if c := command(0, strings.Fields(line)...); c.NeedsClock() {
			names = append(names, line)
		}
	}
	if want := []string{"TTL k", "PTTL k", "OBJECT IDLETIME k"}; !slices.Equal(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
}
