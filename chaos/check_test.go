package chaos

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// op is an operation that was answered between two times.
func op(call, ret int64, verb Verb, arg, reply string) Operation {
	return Operation{Verb: verb, Key: "k", Arg: arg, Reply: reply, Known: true, Call: call, Return: ret}
}

// unknown is one whose outcome is not known.
func unknown(call int64, verb Verb, arg string) Operation {
	return Operation{Verb: verb, Key: "k", Arg: arg, Call: call, Return: Forever}
}

func swap(call, ret int64, old, arg string) Operation {
	return Operation{Verb: Swap, Key: "k", Old: old, Arg: arg, Reply: "OK", Known: true, Call: call, Return: ret}
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name   string
		ops    []Operation
		guilty bool
	}{
		{"nothing", nil, false},
		{"read of a missing key", []Operation{op(0, 1, Get, "", "")}, false},
		{"read of the written", []Operation{op(0, 1, Set, "a", "OK"), op(2, 3, Get, "", "a")}, false},
		{"lost write", []Operation{op(0, 1, Set, "a", "OK"), op(2, 3, Get, "", "")}, true},
		{"stale read", []Operation{op(0, 1, Set, "a", "OK"), op(2, 3, Set, "b", "OK"), op(4, 5, Get, "", "a")}, true},
		{"old value while the new one is written", []Operation{op(0, 1, Set, "a", "OK"), op(2, 9, Set, "b", "OK"), op(4, 5, Get, "", "a")}, false},
		{"new value, then the old one", []Operation{op(0, 1, Set, "a", "OK"), op(2, 9, Set, "b", "OK"),
			op(3, 4, Get, "", "b"), op(5, 6, Get, "", "a")}, true},
		{"value from nowhere", []Operation{op(0, 1, Set, "a", "OK"), op(2, 3, Get, "", "z")}, true},
		{"refused write that was executed", []Operation{op(0, 1, Get, "", "refused")}, true},

		{"unknown write, not executed", []Operation{unknown(0, Set, "a"), op(5, 6, Get, "", "")}, false},
		{"unknown write, executed", []Operation{unknown(0, Set, "a"), op(5, 6, Get, "", "a")}, false},
		{"unknown write, executed late", []Operation{unknown(0, Set, "a"), op(5, 6, Get, "", ""), op(7, 8, Get, "", "a")}, false},
		{"unknown write, read before its call", []Operation{op(0, 1, Get, "", "a"), unknown(2, Set, "a")}, true},
		{"unknown write, executed and taken back", []Operation{unknown(0, Set, "a"), op(5, 6, Get, "", "a"), op(7, 8, Get, "", "")}, true},
		{"unknown GETSET, executed", []Operation{unknown(0, GetSet, "a"), op(5, 6, GetSet, "b", "a")}, false},
		{"unknown read", []Operation{unknown(0, Get, ""), op(5, 6, Get, "", "")}, false},

		{"INCR", []Operation{op(0, 1, Incr, "", "1"), op(2, 3, Incr, "", "2"), op(4, 5, Get, "", "2")}, false},
		{"INCR counted twice", []Operation{op(0, 1, Incr, "", "1"), op(2, 3, Get, "", "2")}, true},
		{"INCR answered alike", []Operation{op(0, 5, Incr, "", "1"), op(0, 5, Incr, "", "1")}, true},
		{"INCR lost", []Operation{op(0, 1, Incr, "", "1"), op(2, 3, Incr, "", "1")}, true},
		{"unknown INCR, executed", []Operation{unknown(0, Incr, ""), op(2, 3, Incr, "", "2")}, false},
		{"unknown INCR, not executed", []Operation{unknown(0, Incr, ""), op(2, 3, Incr, "", "1")}, false},
		{"unknown INCR, executed twice", []Operation{unknown(0, Incr, ""), op(2, 3, Incr, "", "3")}, true},

		{"APPEND", []Operation{op(0, 1, Append, "a;", "2"), op(2, 3, Append, "b;", "4"), op(4, 5, Get, "", "a;b;")}, false},
		{"APPEND twice", []Operation{op(0, 1, Append, "a;", "2"), op(4, 5, Get, "", "a;a;")}, true},
		{"APPEND in the wrong order", []Operation{op(0, 1, Append, "a;", "2"), op(2, 3, Append, "b;", "4"), op(4, 5, Get, "", "b;a;")}, true},
		{"unknown APPEND, executed", []Operation{unknown(0, Append, "a;"), op(2, 3, Append, "b;", "4"), op(4, 5, Get, "", "a;b;")}, false},
		{"unknown APPEND, not executed", []Operation{unknown(0, Append, "a;"), op(2, 3, Append, "b;", "2"), op(4, 5, Get, "", "b;")}, false},
		{"unknown APPEND, executed twice", []Operation{unknown(0, Append, "a;"), op(4, 5, Get, "", "a;a;")}, true},
		{"unknown APPEND that only a length tells of", []Operation{unknown(0, Append, "a;"), op(2, 3, Append, "b;", "4")}, false},

		{"SWAP", []Operation{op(0, 1, Set, "a", "OK"), swap(2, 3, "a", "b"), op(4, 5, Get, "", "b")}, false},
		{"SWAP over somebody's write", []Operation{op(0, 1, Set, "a", "OK"), op(2, 3, Set, "b", "OK"), swap(4, 5, "a", "c")}, true},

		{"PAIR", []Operation{op(0, 1, Pair, "", "1 1"), op(2, 3, Both, "", "1 1")}, false},
		{"half a PAIR", []Operation{op(0, 1, Pair, "", "1 1"), op(2, 3, Both, "", "1 2")}, true},
		{"half of an unknown PAIR", []Operation{unknown(0, Pair, ""), op(2, 3, Both, "", " 1")}, true},
		{"missing pair", []Operation{op(2, 3, Both, "", " ")}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := Check(t.Context(), c.ops, time.Minute)
			if len(j.Undecided) > 0 || len(j.Guilty) > 0 != c.guilty {
				t.Errorf("judgement %+v, want guilty: %v", j, c.guilty)
			}
		})
	}
}

// hard is a history that takes for ever: of 2^40 sets of writes none explains the end.
func hard() (ops []Operation) {
	for i := range 40 {
		ops = append(ops, op(0, 1000, Set, fmt.Sprint(i), "OK"))
	}
	return append(ops, op(2000, 2001, Get, "", "nobody's"))
}

// A history for which there is no time is neither right nor wrong.
func TestCheckWithoutTimeIsUndecided(t *testing.T) {
	ops := hard()
	j := Check(t.Context(), ops, time.Millisecond)
	if len(j.Undecided) != 1 || len(j.Guilty) != 0 {
		t.Errorf("judgement %+v, want an undecided one", j)
	}
}

// Who interrupts a run does not wait for the judge, and what was not judged is no
// finding.
func TestCheckEndsWithItsContext(t *testing.T) {
	ctx, interrupt := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer interrupt()
	ops := hard()
	began := time.Now()
	if j := Check(ctx, ops, time.Minute); j.Keys != 0 || len(j.Guilty) != 0 || len(j.Undecided) != 0 {
		t.Errorf("judgement %+v, want none", j)
	}
	path := filepath.Join(t.TempDir(), "k.html")
	if err := Picture(ctx, path, ops, time.Minute); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("there is a picture of what was not judged")
	}
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("it took %s", took)
	}
}
