package sim

import (
	"strconv"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// history is what the clients have seen, for the judgement from outside: by an
// independent checker that knows nothing of logs and indexes.
type history struct {
	w   *World
	ops []*operation
}

// add notes an operation that has its outcome.
func (h *history) add(op *operation) {
	if h.w.plan.Registers {
		h.ops = append(h.ops, op)
	}
}

// seen is an operation as the checker takes it.
type seen struct {
	verb, arg, reply string
	known            bool
}

// momentBits make room for many commits within one moment.
const momentBits = 20

// porcupineTimeout bounds one key's check. A history that cannot be judged is a
// failure too: the plan is too big.
const porcupineTimeout = 30 * time.Second

// check asks porcupine for an order of the operations on each key that explains
// all replies. Of those of unknown outcome it is told which were committed and at
// which moment; trying all of their orders too would take for ever.
func (h *history) check() {
	var keys []string
	byKey := map[string][]porcupine.Operation{}
	add := func(user int, args [][]byte, reply string, known bool, call, ret int64) {
		in := seen{verb: string(args[0]), reply: reply, known: known}
		if len(args) > 2 {
			in.arg = string(args[2])
		}
		key := string(args[1])
		if byKey[key] == nil {
			keys = append(keys, key)
		}
		byKey[key] = append(byKey[key], porcupine.Operation{ClientId: user, Input: in, Call: call, Return: ret})
	}
	for _, op := range h.ops {
		if op.outcome == outcomeDone || op.executed {
			add(op.user, op.args, string(op.reply), true, op.call<<momentBits, (op.ret+1)<<momentBits-1)
		}
	}
	commands := int64(0) // in the order of the log, as that of the calls below
	for _, c := range h.w.oracle.committedUnknown() {
		for _, args := range c.commands {
			commands++
			if at := c.committedAt<<momentBits + commands; string(args[0]) != "GET" {
				add(c.session.user.index, args, "", false, at, at)
			}
		}
	}
	for _, key := range keys {
		ops := byKey[key]
		if result := porcupine.CheckOperationsTimeout(register, ops, porcupineTimeout); result != porcupine.Ok {
			h.w.fail("history", "the %d operations on %s: %v", len(ops), key, result)
			h.w.picture = func(path string) error {
				_, info := porcupine.CheckOperationsVerbose(register, ops, porcupineTimeout)
				return porcupine.VisualizePath(register, info, path)
			}
		}
	}
}

// register is one key under SET, GET, GETSET, APPEND and INCR; "" is a missing
// key, as none of these leaves an empty one.
var register = porcupine.Model{
	Init: func() any { return "" },
	Step: func(state, input, _ any) (bool, any) {
		old, op := state.(string), input.(seen)
		var reply, next string
		switch op.verb {
		case "SET":
			reply, next = "+OK\r\n", op.arg
		case "GET":
			reply, next = bulk(old), old
		case "GETSET":
			reply, next = bulk(old), op.arg
		case "APPEND":
			next = old + op.arg
			reply = ":" + strconv.Itoa(len(next)) + "\r\n"
		case "INCR":
			n, _ := strconv.Atoi(old) // nothing else is ever put there
			next = strconv.Itoa(n + 1)
			reply = ":" + next + "\r\n"
		}
		return !op.known || reply == op.reply, next
	},
	DescribeOperation: func(input, _ any) string {
		op := input.(seen)
		if !op.known {
			return op.verb + " " + op.arg + " ?"
		}
		return strings.TrimSpace(op.verb+" "+op.arg) + " -> " + strings.TrimSpace(op.reply)
	},
}

func bulk(s string) string {
	if s == "" {
		return "$-1\r\n"
	}
	return "$" + strconv.Itoa(len(s)) + "\r\n" + s + "\r\n"
}
