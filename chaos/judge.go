package chaos

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"redoubt/devcluster"
	"redoubt/resp"
)

// heal takes back what is still broken and waits until the cluster is whole: every
// node is ready and has acknowledged a write. False when it is not; then there is
// a violation.
func (r *run) heal(ctx context.Context, round int) (bool, error) {
	x := r.inject
	failures := x.failures
	x.failures = nil
	for _, n := range r.cluster.Nodes {
		for _, t := range diskTroubles() {
			failures = append(failures, t.end(n.DataDir))
		}
		failures = append(failures, n.Continue(), x.start(n))
	}
	var ended *devcluster.ExitError
	for _, err := range failures {
		switch {
		case errors.As(err, &ended):
			r.violate(round, NodeEnded, "%v", err)
		case err != nil && ctx.Err() == nil:
			return false, err
		}
	}
	if ended != nil {
		return false, nil
	}
	healing, cancel := context.WithTimeout(ctx, healTimeout)
	defer cancel()
	for _, n := range r.cluster.Nodes {
		if x.goes(n) {
			continue
		}
		err := n.AwaitReady(healing)
		if err == nil {
			err = r.awaitWrite(healing, n)
		}
		switch {
		case ctx.Err() != nil:
			return false, nil
		case errors.As(err, &ended):
			r.violate(round, NodeEnded, "%v", err)
			return false, nil
		case err != nil:
			r.violate(round, NotRecovered, "%v", err)
			return false, nil
		}
	}
	if x.exchange.goes == nil {
		return true, nil
	}
	err := x.completeExchange(healing)
	switch {
	case ctx.Err() != nil:
		return false, nil
	case errors.As(err, &ended):
		r.violate(round, NodeEnded, "%v", err)
	case err != nil:
		r.violate(round, NotRecovered, "%v", err)
	}
	return err == nil, nil
}

// awaitWrite writes through the node until it is acknowledged.
func (r *run) awaitWrite(ctx context.Context, n *devcluster.Node) error {
	c := caller{nodes: []*devcluster.Node{n}, recorder: r.load.recorder}
	defer c.disconnect()
	for {
		op := Operation{Verb: Set, Key: "probe:" + n.ID, Arg: "1"}
		if c.do(&op).result == acknowledged {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("no write through %s was acknowledged: %w", n.ID, ctx.Err())
		}
		sleep(ctx, refusedPause)
	}
}

// readBack compares the nodes with each other and with what was acknowledged, and
// returns the reads of all keys of the round through all nodes.
func (r *run) readBack(ctx context.Context, round int, history []Operation) []Operation {
	healing, cancel := context.WithTimeout(ctx, healTimeout)
	defer cancel()
	r.load.readAll(healing, history)
	err := r.cluster.AwaitEqualState(healing)
	if err == nil {
		err = r.checkLedger(healing, round)
	}
	var diverged *devcluster.DivergedError
	switch {
	case errors.As(err, &diverged):
		r.violate(round, Diverged, "%v", err)
	case err != nil && ctx.Err() == nil:
		r.violate(round, NotRecovered, "%v", err)
	}
	return r.load.recorder.Take()
}

// ledgerBatch is how many keys one MGET reads.
const ledgerBatch = 500

// checkLedger reads every acknowledged write of the run back, through another node
// each round. It fails when that node does not answer until ctx ends.
func (r *run) checkLedger(ctx context.Context, round int) error {
	n := r.cluster.Nodes[round%len(r.cluster.Nodes)]
	r.load.mu.Lock()
	keys := r.load.ledger
	r.load.mu.Unlock()
	for len(keys) > 0 && ctx.Err() == nil {
		some := keys[:min(ledgerBatch, len(keys))]
		values, err := readSome(n, some)
		if err != nil {
			sleep(ctx, refusedPause)
			continue
		}
		for i, key := range some {
			if v := values[i]; v.Null || v.Str != ledgerValue(key) {
				r.violate(round, LostWrite, "%s: SET %s was acknowledged, GET answers %v", n.ID, key, v)
				return nil // the others are the same
			}
		}
		keys = keys[len(some):]
	}
	if len(keys) > 0 {
		return fmt.Errorf("%s does not answer reads of the ledger", n.ID)
	}
	return nil
}

func readSome(n *devcluster.Node, keys []string) ([]resp.Value, error) {
	c, err := resp.Dial(n.Addr, dialTimeout)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	c.SetTimeout(replyTimeout)
	v, err := c.Do(append([]string{"MGET"}, keys...)...)
	if err == nil {
		err = v.Err()
	}
	if err == nil && len(v.Array) != len(keys) {
		err = fmt.Errorf("MGET of %d keys: %d values", len(keys), len(v.Array))
	}
	return v.Array, err
}

// judge asks the checker, and keeps the history of what it objects to. When ctx ends,
// the rest of the keys are not judged.
func (r *run) judge(ctx context.Context, round int, history []Operation) error {
	r.load.mu.Lock()
	for _, s := range r.load.surprises {
		r.violate(round, WrongReply, "%s", s)
	}
	r.load.surprises = nil
	r.load.mu.Unlock()
	j := Check(ctx, history, checkTimeout)
	r.report.HistoryKeys += j.Keys
	r.report.HistoryOperations += len(history)
	for _, key := range j.Guilty {
		r.violate(round, NotLinearizable, "no order explains the operations on %s", key)
	}
	r.report.Undecided = append(r.report.Undecided, j.Undecided...)
	if len(r.report.Violations) == 0 && len(j.Undecided) == 0 {
		return nil
	}
	return writeHistory(ctx, r.cluster.Dir, round, history, append(j.Guilty, j.Undecided...))
}

// pictures is of how many keys a page is drawn.
const pictures = 5

// writeHistory writes all operations, one a line, and pages of those keys.
func writeHistory(ctx context.Context, dir string, round int, history []Operation, keys []string) error {
	f, err := os.Create(filepath.Join(dir, fmt.Sprintf("round-%d.jsonl", round)))
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriter(f)
	lines := json.NewEncoder(w)
	for _, op := range history {
		if err := lines.Encode(op); err != nil {
			return err
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	byKey := Split(history)
	for _, key := range keys[:min(pictures, len(keys))] {
		name := fmt.Sprintf("round-%d-%s.html", round, strings.ReplaceAll(key, ":", "-"))
		if err := Picture(ctx, filepath.Join(dir, name), byKey[key], checkTimeout); err != nil {
			return err
		}
	}
	return nil
}
