package bench

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// Keys have 16 bytes, like those of redis-benchmark: six letters and a number.
const (
	stringKey  = "bench:"
	counterKey = "count:"
	hashKey    = "hash_:"
	memberName = "member"

	keyDigits = 10
	maxKeys   = 10_000_000_000
)

// request is one command of a batch, and what became of it.
type request struct {
	command int // index into the generator's commands
	args    [][]byte
	due     time.Time // when it was to be sent; its latency counts from here
	reply   reply
	arrived time.Time // zero = no reply came
}

// generator draws the requests of one connection. The same seed and number of
// the connection give the same requests.
type generator struct {
	rng      *rand.Rand
	commands []command
	names    [][]byte // of commands, as they are sent
	chosen   []int    // each command as often as its weight says
	next     func() uint64
	sizes    Range
	random   []byte // values are pieces of it
	memory   []byte // of the keys of the batch
}

// valueChoices is in how many ways the generator can cut a value.
const valueChoices = 64 << 10

func newGenerator(o *Options, connection int, random []byte) *generator {
	g := &generator{
		rng:   rand.New(rand.NewPCG(o.Seed, uint64(connection))),
		sizes: o.ValueBytes, random: random,
	}
	for i, s := range o.Commands {
		c, _ := lookupCommand(s.Command) // a Mix holds known commands only
		g.commands = append(g.commands, c)
		g.names = append(g.names, []byte(strings.ToUpper(c.name)))
		for range s.Weight {
			g.chosen = append(g.chosen, i)
		}
	}
	g.next = func() uint64 { return g.rng.Uint64N(uint64(o.Keys)) }
	if o.Zipf != 0 {
		g.next = rand.NewZipf(g.rng, o.Zipf, 1, uint64(o.Keys-1)).Uint64
	}
	return g
}

// randomBytes is what all generators cut their values from: they do not compress.
func randomBytes(o *Options) []byte {
	b := make([]byte, o.ValueBytes.Max+valueChoices)
	rng := rand.NewChaCha8([32]byte{byte(o.Seed)})
	rng.Read(b)
	return b
}

// draw fills the batch with new requests. Their arguments are valid until the
// next call.
func (g *generator) draw(batch []request) {
	g.memory = g.memory[:0]
	for i := range batch {
		q := &batch[i]
		q.command = 0
		if len(g.commands) > 1 {
			q.command = g.chosen[g.rng.IntN(len(g.chosen))]
		}
		q.args = g.commands[q.command].args(g, append(q.args[:0], g.names[q.command]))
		q.reply, q.arrived = reply{}, time.Time{}
	}
}

func (g *generator) key(prefix string) []byte { return g.named(prefix, g.next()) }

func (g *generator) named(prefix string, n uint64) []byte {
	start := len(g.memory)
	g.memory = append(g.memory, prefix...)
	var digits [keyDigits]byte
	for i := keyDigits - 1; i >= 0; i-- {
		digits[i] = byte('0' + n%10)
		n /= 10
	}
	g.memory = append(g.memory, digits[:]...)
	return g.since(start)
}

func (g *generator) word(s string) []byte {
	start := len(g.memory)
	g.memory = append(g.memory, s...)
	return g.since(start)
}

// since is what was appended to the memory. When that grows and moves, what
// was returned before stays where it is.
func (g *generator) since(start int) []byte { return g.memory[start:len(g.memory):len(g.memory)] }

func (g *generator) value() []byte {
	size := g.sizes.Min
	if g.sizes.Max > size {
		size += g.rng.IntN(g.sizes.Max - size + 1)
	}
	at := g.rng.IntN(valueChoices)
	return g.random[at : at+size]
}

func (g *generator) score() []byte {
	start := len(g.memory)
	g.memory = strconv.AppendInt(g.memory, g.rng.Int64N(1_000_000), 10)
	return g.since(start)
}
