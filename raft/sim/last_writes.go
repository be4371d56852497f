package sim

import "math/rand/v2"

// oneWrite is a client that writes once.
type oneWrite struct{ sent bool }

func (o *oneWrite) connected() {}

func (o *oneWrite) next(*rand.Rand) [][][]byte {
	if o.sent {
		return nil
	}
	o.sent = true
	return [][][]byte{words("SET", "last", "write")}
}

// lastWrites has every member that is up asked for a write. A cluster that agrees
// about everything and takes nothing is not well. One outcome may be unknown, if a
// snapshot has overtaken the write, but not one after the other.
type lastWrites struct {
	writers []*client
	rounds  int
}

// done says that all have taken one; else it asks those again that have not.
func (l *lastWrites) done(w *World) bool {
	if l.rounds == 0 {
		for _, n := range w.nodes {
			if _, is := member(&w.oracle.config, n.id); is && n.up() {
				l.writers = append(l.writers, &client{w: w, index: len(w.users), rng: w.plan.stream(streamClient, 1<<18+n.index, 0), node: n})
				w.users = append(w.users, l.writers[len(l.writers)-1])
			}
		}
	}
	all := true
	for _, c := range l.writers {
		if c.outcome == outcomeDone || !c.node.up() {
			continue
		}
		if all = false; l.rounds == 3 {
			w.fail("liveness", "%s does not take a write, though all is well", c.node.id)
			return false
		}
		c.hangUp()
		c.number++
		c.replies, c.ran, c.conn, c.work = nil, nil, connection{}, &oneWrite{}
		c.s = c.node.open(c, c.number)
		c.send()
	}
	l.rounds++
	return all
}
