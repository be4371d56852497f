package demo

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"redoubt/devcluster"
	"redoubt/resp"
)

// readBatch is how many keys one MGET of the proof reads.
const readBatch = 500

// proof is what reading the ledger back through one node has shown.
type proof struct {
	acknowledged, refused, unknown int // read
	tookEffect                     int // of the unknown ones
	wrong                          []string
}

// maxWrong bounds the list of what is wrong; one is too many.
const maxWrong = 10

// find enters what was found under the key of a write.
func (p *proof) find(node, key string, out outcome, v resp.Value) {
	there := !v.Null && v.Str == valueOf(key)
	wrong := ""
	switch {
	case !v.Null && !there:
		wrong = fmt.Sprintf("has %q, which nobody wrote", v.Str)
	case out == acknowledged && !there:
		wrong = "was acknowledged and is not there"
	case out == refused && there:
		wrong = "was refused and is there"
	}
	if wrong != "" && len(p.wrong) < maxWrong {
		p.wrong = append(p.wrong, fmt.Sprintf("%s %s, read through %s", key, wrong, node))
	}
	switch out {
	case acknowledged:
		p.acknowledged++
	case refused:
		p.refused++
	case unknown:
		p.unknown++
		if there {
			p.tookEffect++
		}
	}
}

// Verify reads every write of the ledger back through every node. Nobody may write
// meanwhile. The error says what is wrong, or what could not be read.
func (l *Load) Verify(ctx context.Context, nodes []*devcluster.Node) (proof, error) {
	l.mu.Lock()
	writers := slices.Clone(l.writers)
	l.mu.Unlock()
	proofs, errs := make([]proof, len(nodes)), make([]error, len(nodes))
	var wg sync.WaitGroup
	for i, n := range nodes {
		wg.Go(func() { proofs[i], errs[i] = verify(ctx, n, writers) })
	}
	wg.Wait()
	var all []string
	for i, p := range proofs {
		if errs[i] != nil {
			return p, errs[i]
		}
		all = append(all, p.wrong...)
	}
	if len(all) > 0 {
		return proofs[0], fmt.Errorf("%s", strings.Join(all, "; "))
	}
	return proofs[0], nil
}

// verify reads all keys through one node.
func verify(ctx context.Context, n *devcluster.Node, writers []*writer) (p proof, err error) {
	conn, err := resp.Dial(n.Addr, clientTimeout)
	if err != nil {
		return p, err
	}
	defer conn.Close()
	for _, w := range writers {
		for from := 0; from < len(w.ledger) && err == nil; from += readBatch {
			if ctx.Err() != nil {
				return p, context.Cause(ctx)
			}
			err = p.readBack(conn, n.ID, w, from, min(from+readBatch, len(w.ledger)))
		}
	}
	if err != nil {
		return p, fmt.Errorf("reading through %s: %w", n.ID, err)
	}
	return p, nil
}

// readBack reads the keys [from, to) of a client.
func (p *proof) readBack(conn *resp.Client, node string, w *writer, from, to int) error {
	args := []string{"MGET"}
	for i := from; i < to; i++ {
		args = append(args, w.key(i))
	}
	v, err := conn.Do(args...)
	if err == nil {
		err = v.Err()
	}
	if err == nil && len(v.Array) != to-from {
		err = fmt.Errorf("%d values for %d keys", len(v.Array), to-from)
	}
	if err != nil {
		return err
	}
	for i, found := range v.Array {
		p.find(node, w.key(from+i), w.ledger[from+i], found)
	}
	return nil
}
