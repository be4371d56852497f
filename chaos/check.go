package chaos

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// Judgement is what the checker says about a history.
type Judgement struct {
	Keys      int      // that were judged
	Guilty    []string // keys without an order that explains all replies
	Undecided []string // keys for which the time was up
}

// Check asks, for each key, for an order of the operations that agrees with the
// times and explains all replies. Each key has at most timeout; the end of ctx ends
// the whole.
func Check(ctx context.Context, history []Operation, timeout time.Duration) Judgement {
	var j Judgement
	model := untilEnd(ctx)
	for key, ops := range Split(history) {
		result := porcupine.CheckOperationsTimeout(model, porcupineOperations(ops), timeout)
		if ctx.Err() != nil {
			break
		}
		j.Keys++
		switch result {
		case porcupine.Illegal:
			j.Guilty = append(j.Guilty, key)
		case porcupine.Unknown:
			j.Undecided = append(j.Undecided, key)
		}
	}
	slices.Sort(j.Guilty)
	slices.Sort(j.Undecided)
	return j
}

// Picture writes the history of one key as a page for the browser, unless ctx ends
// before.
func Picture(ctx context.Context, path string, ops []Operation, timeout time.Duration) error {
	_, info := porcupine.CheckOperationsVerbose(untilEnd(ctx), porcupineOperations(ops), timeout)
	if ctx.Err() != nil {
		return nil
	}
	return porcupine.VisualizePath(model, info, path)
}

// untilEnd is the model until ctx ends. Then nothing explains anything, so that the
// checker is soon through, and its word worth nothing.
func untilEnd(ctx context.Context) porcupine.Model {
	m := model
	m.Step = func(state, input, output any) (bool, any) {
		if ctx.Err() != nil {
			return false, state
		}
		return model.Step(state, input, output)
	}
	return m
}

// Split returns the history of each key, in the order of the calls, without the
// operations that say nothing: reads that were not answered, and writes of unknown
// outcome that nobody has seen. Such a write explains no reply; it may have come
// after all others, or never.
func Split(history []Operation) map[string][]Operation {
	byKey := map[string][]Operation{}
	for _, op := range history {
		byKey[op.Key] = append(byKey[op.Key], op)
	}
	for key, ops := range byKey {
		s := seenIn(ops)
		ops = slices.DeleteFunc(ops, func(op Operation) bool { return !op.Known && !s.tells(op) })
		slices.SortStableFunc(ops, func(a, b Operation) int { return cmp.Compare(a.Call, b.Call) })
		byKey[key] = ops
	}
	return byKey
}

// seen is what the replies on one key tell of.
type seen struct {
	values map[string]bool
	parts  map[string]bool // of strings that grew; each ends with a semicolon
	// whole: a GET came after all APPENDs. Without one, lengths may tell of values
	// that are in no reply.
	whole bool
}

func seenIn(ops []Operation) seen {
	s := seen{values: map[string]bool{}, parts: map[string]bool{}}
	lastAppend := int64(-1)
	for _, op := range ops {
		if op.Known && op.Verb == Append {
			lastAppend = max(lastAppend, op.Return)
		}
	}
	for _, op := range ops {
		if !op.Known {
			continue
		}
		switch op.Verb {
		case Get, GetSet:
			s.values[op.Reply] = true
			for part := range strings.SplitAfterSeq(op.Reply, ";") {
				s.parts[part] = true
			}
			s.whole = s.whole || op.Call > lastAppend
		case Swap:
			s.values[op.Old] = true
		}
	}
	return s
}

// tells reports whether some reply may depend on the operation.
func (s seen) tells(op Operation) bool {
	switch op.Verb {
	case Get, Both:
		return false
	case Set, GetSet, Swap:
		return s.values[op.Arg]
	case Append:
		return !s.whole || s.parts[op.Arg]
	}
	return true // any INCR may be the one that was counted
}

func porcupineOperations(ops []Operation) []porcupine.Operation {
	out := make([]porcupine.Operation, len(ops))
	for i, op := range ops {
		out[i] = porcupine.Operation{ClientId: op.Client, Input: op, Call: op.Call, Return: op.Return}
	}
	return out
}

// model is one key, whatever its family; "" is one that does not exist.
var model = porcupine.Model{
	Init: func() any { return "" },
	Step: func(state, input, _ any) (bool, any) {
		op := input.(Operation)
		reply, next := step(state.(string), op)
		return !op.Known || reply == op.Reply, next
	},
	Equal: func(a, b any) bool { return a == b },
	Hash: func(state any) uint64 {
		h := uint64(14695981039346656037) // FNV-1a
		for _, b := range []byte(state.(string)) {
			h = (h ^ uint64(b)) * 1099511628211
		}
		return h
	},
	DescribeOperation: func(input, _ any) string { return input.(Operation).String() },
	DescribeState:     func(state any) string { return strconv.Quote(state.(string)) },
}

// step is what the operation replies and leaves when it meets the old value.
func step(old string, op Operation) (reply, next string) {
	switch op.Verb {
	case Set:
		return "OK", op.Arg
	case GetSet:
		return old, op.Arg
	case Swap:
		if old != op.Old {
			return "", old // EXEC without effect; such an operation is in no history
		}
		return "OK", op.Arg
	case Get:
		return old, old
	case Append:
		next = old + op.Arg
		return strconv.Itoa(len(next)), next
	case Incr:
		next = plusOne(old)
		return next, next
	case Pair:
		next = plusOne(old)
		return next + " " + next, next
	case Both:
		return old + " " + old, old
	}
	panic(fmt.Sprintf("chaos: operation %+v", op))
}

func plusOne(old string) string {
	n, _ := strconv.Atoi(old) // "" is 0, and nothing else is ever put there
	return strconv.Itoa(n + 1)
}

func (op Operation) String() string {
	text := string(op.Verb)
	if op.Verb == Swap {
		text += " " + strconv.Quote(op.Old)
	}
	if op.Arg != "" {
		text += " " + op.Arg
	}
	if !op.Known {
		return text + " ?"
	}
	return text + " -> " + strconv.Quote(op.Reply)
}
