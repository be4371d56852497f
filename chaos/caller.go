package chaos

import (
	"errors"
	"os"
	"slices"
	"strconv"
	"time"

	"redoubt/devcluster"
	"redoubt/resp"
)

const (
	dialTimeout = time.Second
	// replyTimeout is beyond the nodes' own --command-timeout: it runs out only when
	// a node is paused or its machine is gone.
	replyTimeout = 5 * time.Second
)

// caller does operations, one after the other, over one connection at a time. It
// never repeats one.
type caller struct {
	nodes    []*devcluster.Node
	at       int // node, modulo their number
	recorder *Recorder

	conn   *resp.Client
	client int // of the history; 0 = a new one is needed
}

// result is what became of an operation.
type result uint8

const (
	acknowledged   result = iota
	refused               // surely not executed
	unknownOutcome        // may or may not have been executed
	aborted               // a SWAP that came too late
	surprise              // a reply that no command of ours may get
)

type outcome struct {
	result result
	why    string // the code of the error, or what happened to the connection
}

// surelyNot are the error codes that promise that nothing was executed.
var surelyNot = []string{"CLUSTERDOWN", "TRYAGAIN", "MISCONF", "OOM", "LOADING"}

func (c *caller) node() *devcluster.Node { return c.nodes[c.at%len(c.nodes)] }

func (c *caller) disconnect() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

// connect makes sure that there is a connection.
func (c *caller) connect() error {
	if c.conn != nil {
		return nil
	}
	conn, err := resp.Dial(c.node().Addr, dialTimeout)
	if err != nil {
		return err
	}
	conn.SetTimeout(replyTimeout)
	c.conn = conn
	return nil
}

// do executes the operation and fills in what came of it.
func (c *caller) do(op *Operation) outcome {
	op.Node = c.node().ID
	if err := c.connect(); err != nil {
		c.at++
		return outcome{refused, "no connection"}
	}
	if c.client == 0 {
		c.client = c.recorder.NewClient()
	}
	op.Client, op.Call = c.client, c.recorder.Now()
	out := c.send(op)
	op.Return, op.Known = c.recorder.Now(), true
	if out.result == unknownOutcome {
		op.Return, op.Known = Forever, false
		c.client = 0
	}
	return out
}

// send chooses the commands of the verb.
func (c *caller) send(op *Operation) outcome {
	switch op.Verb {
	case Set:
		return c.one(op, "SET", op.Key, op.Arg)
	case GetSet:
		return c.one(op, "GETSET", op.Key, op.Arg)
	case Get:
		return c.one(op, "GET", op.Key)
	case Append:
		return c.one(op, "APPEND", op.Key, op.Arg)
	case Incr:
		return c.one(op, "INCR", op.Key)
	case Pair:
		return c.transaction(op, []string{"INCR", op.Key + ":left"}, []string{"INCR", op.Key + ":right"})
	case Both:
		return c.transaction(op, []string{"GET", op.Key + ":left"}, []string{"GET", op.Key + ":right"})
	case Swap:
		return c.swap(op)
	}
	panic("chaos: verb " + string(op.Verb))
}

func (c *caller) one(op *Operation, args ...string) outcome {
	values, out := c.exchange(args)
	if out.result == acknowledged {
		op.Reply = text(values[0])
	}
	return out
}

// transaction executes both commands within MULTI and EXEC.
func (c *caller) transaction(op *Operation, left, right []string) outcome {
	values, out := c.exchange([]string{"MULTI"}, left, right, []string{"EXEC"})
	if out.result != acknowledged {
		return out
	}
	both := values[3].Array
	if len(both) != 2 || both[0].Err() != nil || both[1].Err() != nil {
		return outcome{surprise, values[3].String()}
	}
	op.Reply = text(both[0]) + " " + text(both[1])
	return out
}

// swap changes the value unless somebody else changes it meanwhile.
func (c *caller) swap(op *Operation) outcome {
	values, out := c.exchange([]string{"WATCH", op.Key}, []string{"GET", op.Key})
	if out.result == acknowledged && values[0].Err() != nil {
		out = judge(values[:1])
	}
	if out.result != acknowledged {
		c.disconnect() // and what is watched is forgotten
		if out.result == unknownOutcome {
			out.result = refused // nothing was written
		}
		return out
	}
	op.Old = text(values[1])
	op.Call = c.recorder.Now()
	values, out = c.exchange([]string{"MULTI"}, []string{"SET", op.Key, op.Arg}, []string{"EXEC"})
	if out.result != acknowledged {
		return out
	}
	if values[2].Null {
		return outcome{aborted, "aborted"}
	}
	op.Reply = "OK"
	return out
}

// exchange sends the commands at once and reads all replies. The last of them
// decides about the outcome.
func (c *caller) exchange(commands ...[]string) ([]resp.Value, outcome) {
	for _, args := range commands {
		c.conn.Send(args...)
	}
	err := c.conn.Flush()
	var values []resp.Value
	for err == nil && len(values) < len(commands) {
		var v resp.Value
		if v, err = c.conn.Receive(); err == nil {
			values = append(values, v)
		}
	}
	if err != nil {
		c.disconnect()
		c.at++
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil, outcome{unknownOutcome, "no reply"}
		}
		return nil, outcome{unknownOutcome, "connection lost"}
	}
	return values, judge(values)
}

// judge says what the last reply means. EXECABORT is explained by the first error
// before it.
func judge(values []resp.Value) outcome {
	last := values[len(values)-1].Err()
	if last == nil {
		return outcome{acknowledged, ""}
	}
	code := last.(resp.ErrorReply).Code()
	if code == "EXECABORT" {
		for _, v := range values {
			if first := v.Err(); first != nil {
				code = first.(resp.ErrorReply).Code()
				break
			}
		}
	}
	switch {
	case code == "UNCERTAIN":
		return outcome{unknownOutcome, code}
	case slices.Contains(surelyNot, code):
		return outcome{refused, code}
	}
	return outcome{surprise, last.Error()}
}

// text is a reply as the model writes it.
func text(v resp.Value) string {
	switch {
	case v.Null:
		return ""
	case v.Type == ':':
		return strconv.FormatInt(v.Int, 10)
	}
	return v.Str
}
