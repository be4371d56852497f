package sim

import (
	"math/rand/v2"
	"slices"
	"strconv"

	"redoubt/raft/sim/model"
)

// everything is a client that uses all commands, databases, transactions and
// both versions of the protocol, out of one generator for all clients.
type everything struct {
	w         *World
	generator *model.Generator
	user      int
	left      int
	db, proto int        // of the connection; db is -1 when it is not known
	held      [][][]byte // the rest of what was to be one pipeline
}

func (e *everything) connected() { e.db, e.proto, e.held = 0, 2, nil }

func (e *everything) next(rng *rand.Rand) [][][]byte {
	out := e.held
	e.held = nil
	if len(out) == 0 {
		out = e.pipeline(rng)
	}
	// A transaction may come in pieces.
	if end := len(out) - 1; e.w.plan.Pieces && end > 0 && rng.IntN(3) == 0 {
		cut := 1 + rng.IntN(end)
		out, e.held = out[:cut:cut], out[cut:]
		e.w.markIf(endsInTransaction(out), MarkTransactionInPieces)
	}
	return out
}

// endsInTransaction: the newest MULTI has no EXEC yet.
func endsInTransaction(out [][][]byte) bool {
	for _, args := range slices.Backward(out) {
		switch string(args[0]) {
		case "MULTI":
			return true
		case "EXEC":
			return false
		}
	}
	return false
}

func (e *everything) pipeline(rng *rand.Rand) [][][]byte {
	if e.left <= 0 {
		return nil
	}
	var out [][][]byte
	for _, g := range e.generator.Pipeline(e.user, epochMs+e.w.nowUs/1000) {
		if g.Proto != e.proto {
			e.proto = g.Proto
			out = append(out, words("HELLO", strconv.Itoa(g.Proto)))
		}
		odd := e.w.plan.OddSessions && rng.IntN(6) == 0
		if odd && g.Multi {
			out = e.watchBefore(rng, out, &g)
		}
		if db := g.Commands[0].DB; db != e.db {
			e.db = db
			out = append(out, words("SELECT", strconv.Itoa(db)))
		}
		start := len(out)
		if g.Multi {
			out = append(out, words("MULTI"))
		}
		for _, c := range g.Commands {
			out = append(out, c.Args)
		}
		if g.Multi {
			out = append(out, words("EXEC"))
		}
		if odd {
			out = e.odd(rng, out, start)
		}
	}
	e.left -= len(out)
	return out
}

// watchBefore watches keys that the transaction behind it uses, now and then
// one of them again, or in another database.
func (e *everything) watchBefore(rng *rand.Rand, out [][][]byte, g *model.Group) [][][]byte {
	key := []byte("k0")
	if args := g.Commands[rng.IntN(len(g.Commands))].Args; len(args) > 1 {
		key = args[1]
	}
	for range 1 + rng.IntN(3) {
		switch rng.IntN(4) {
		case 0:
			e.db = rng.IntN(databases)
			out = append(out, words("SELECT", strconv.Itoa(e.db)))
		case 1:
			out = append(out, words("SET", string(key), "between"))
		}
		if rng.IntN(3) == 0 {
			out = append(out, [][]byte{[]byte("WATCH"), key, []byte("other"), key})
		} else {
			out = append(out, [][]byte{[]byte("WATCH"), key})
		}
	}
	return out
}

// odd puts something into the commands from start on that changes the course of
// a transaction.
func (e *everything) odd(rng *rand.Rand, out [][][]byte, start int) [][][]byte {
	at := start + rng.IntN(len(out)-start+1)
	switch rng.IntN(8) {
	case 0:
		return slices.Insert(out, at, words("NOSUCH", "a"))
	case 1:
		return slices.Insert(out, at, words("GET"))
	case 2:
		return slices.Insert(out, at, words("WATCH", "k0"))
	case 3:
		return slices.Insert(out, at, words("MULTI"), words("GET", "k0"), words("EXEC"))
	case 4:
		return slices.Insert(out, at, words("UNWATCH"))
	case 5:
		return slices.Insert(out, at, words("DISCARD"))
	case 6:
		return slices.Insert(out, at, words("EXEC"))
	default:
		e.db = -1 // whether it is done depends on what becomes of the transaction
		return slices.Insert(out, at, words("SELECT", strconv.Itoa(rng.IntN(databases))))
	}
}
