package model

import (
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
)

// Generator makes what clients send. How long pipelines are, which keys there
// are and which commands is drawn once, so that runs differ from each other.
type Generator struct {
	// FarDeadlines keeps all deadlines far from now and from each other, for a
	// comparison with a server whose clock is its own.
	FarDeadlines bool

	rng       *rand.Rand
	databases int
	keys      [roles][]string
	forms     []form
	total     int // of the forms' weights
	clients   map[int]*client
	deadlines int64 // made so far

	maxPipeline      int
	transactionShare float64
	watchShare       float64
	bigShare         float64 // of values; the largest have 1 MiB
	pastShare        float64 // of deadlines given as a time
}

// role is what a key is mostly used for.
type role int

const (
	register role = iota
	counter
	list // of tokens that were appended
	roles
)

// client is a client's session.
type client struct {
	id, proto, db int
	operations    int
	watching      bool
	nowMs         int64 // about
}

// NewGenerator draws what the run is like. All that it makes follows from rng
// and the calls.
func NewGenerator(rng *rand.Rand, databases int) *Generator {
	g := &Generator{
		rng: rng, databases: 1, clients: map[int]*client{},
		maxPipeline:      pick(rng, 1, 1, 4, 20, 100),
		transactionShare: pick(rng, 0, 0.1, 0.3, 0.6),
		watchShare:       pick(rng, 0, 0.5, 0.9),
		bigShare:         pick(rng, 0, 0, 0.0005, 0.005),
		pastShare:        pick(rng, 0, 0.2),
	}
	if rng.IntN(3) == 0 {
		g.databases = databases
	}
	prefix := pick(rng, "k", "key:", "{slot}", "{slot}", "\x00\r\n\xff ")
	for i := range 1 + rng.IntN(10) {
		r := role(rng.IntN(int(roles)))
		g.keys[r] = append(g.keys[r], prefix+strconv.Itoa(i))
	}
	if rng.IntN(10) == 0 {
		g.keys[register] = append(g.keys[register], "")
	}
	for g.total == 0 {
		g.forms = nil
		for _, f := range families {
			weight := pick(rng, 0, 1, 2, 4, 8) * f.weight
			for text := range strings.Lines(f.forms) {
				g.forms = append(g.forms, form{strings.Fields(text), weight})
				g.total += weight
			}
		}
	}
	return g
}

func pick[T any](rng *rand.Rand, choices ...T) T { return choices[rng.IntN(len(choices))] }

// Pipeline returns what a client sends next, at about nowMs; it is to be called
// again when the client has all replies. A WATCH is followed by its transaction
// in a later pipeline. The caller gives every WATCH its Watched, and what it has
// collected to the next transaction of the client, as Watches.
func (g *Generator) Pipeline(id int, nowMs int64) []Group {
	c := g.clients[id]
	if c == nil {
		c = &client{id: id, proto: 2 + g.rng.IntN(2)}
		g.clients[id] = c
	}
	c.nowMs = nowMs
	if g.rng.IntN(8) == 0 {
		c.db = g.rng.IntN(g.databases)
	}
	var groups []Group
	for range 1 + g.rng.IntN(1+g.rng.IntN(g.maxPipeline)) { // short ones more often
		groups = append(groups, g.group(c))
	}
	if !c.watching && g.rng.Float64() < g.transactionShare*g.watchShare {
		if g.rng.IntN(4) == 0 {
			groups = append(groups, g.single(c, []string{"DEL", "any", "any", "any"}))
		}
		groups = append(groups, g.single(c, strings.Fields(pick(g.rng, "WATCH key", "WATCH key any", "WATCH any any any"))))
		if g.rng.IntN(2) == 0 {
			groups = append(groups, g.single(c, []string{"GET", "key"}))
		}
		c.watching = true
	}
	return groups
}

func (g *Generator) group(c *client) Group {
	if g.rng.Float64() >= g.transactionShare {
		return g.single(c, g.form())
	}
	t := Group{Proto: c.proto, Multi: true}
	for range 2 + g.rng.IntN(5) {
		t.Commands = append(t.Commands, g.command(c, g.form()))
	}
	c.watching = false
	return t
}

func (g *Generator) single(c *client, words []string) Group {
	return Group{Proto: c.proto, Commands: []Command{g.command(c, words)}}
}

// form draws one by the weights.
func (g *Generator) form() []string {
	n := g.rng.IntN(g.total)
	for _, f := range g.forms {
		if n -= f.weight; n < 0 {
			return f.words
		}
	}
	panic("model: the weights do not add up")
}

// command makes a command of a form.
func (g *Generator) command(c *client, words []string) Command {
	c.operations++
	made := Command{DB: c.db}
	for _, word := range words {
		if optional, ok := strings.CutPrefix(word, "?"); ok {
			if word = pick(g.rng, strings.Split(optional, "|")...); g.rng.IntN(2) == 0 {
				continue
			}
		}
		made.Args = append(made.Args, []byte(g.argument(c, word)))
	}
	if words[0] == "PING" {
		made.Literal = []byte("+PONG\r\n")
	}
	return made
}

// argument makes what a word of a form stands for.
func (g *Generator) argument(c *client, word string) string {
	switch word {
	case "key":
		return g.key(register)
	case "counter":
		return g.key(counter)
	case "list":
		return g.key(list)
	case "any":
		return g.key(role(g.rng.IntN(int(roles))))
	case "value":
		return g.value(c)
	case "token":
		return c.unique() + ";"
	case "small":
		return strconv.Itoa(g.rng.IntN(21) - 10)
	case "float":
		return pick(g.rng, "0.5", "-0.25", "1e2", "3", "0.1", "-3.0e-3", "1e20", "-1e-20")
	case "odd":
		return pick(g.rng, oddNumbers...)
	case "oddtime":
		return pick(g.rng, oddTimes...)
	case "past":
		return strconv.Itoa(-g.rng.IntN(3))
	case "offset":
		return strconv.Itoa(g.rng.IntN(40))
	case "index":
		return strconv.Itoa(g.rng.IntN(40) - 20)
	case "bit":
		return strconv.Itoa(g.rng.IntN(2))
	case "db":
		return strconv.Itoa(g.rng.IntN(g.databases))
	case "ms":
		return strconv.FormatInt(g.duration(), 10)
	case "seconds":
		return strconv.FormatInt(1+g.duration()/1000, 10)
	case "atms":
		return strconv.FormatInt(g.moment(c), 10)
	case "at":
		return strconv.FormatInt(max(g.moment(c)/1000, 1), 10)
	}
	return word
}

// key draws one with a role or, now and then and when there is none, any key.
func (g *Generator) key(r role) string {
	for len(g.keys[r]) == 0 || g.rng.IntN(20) == 0 {
		r = role(g.rng.IntN(int(roles)))
	}
	return g.keys[r][g.rng.IntN(len(g.keys[r]))]
}

// unique names the operation.
func (c *client) unique() string { return strconv.Itoa(c.id) + "." + strconv.Itoa(c.operations) }

func (g *Generator) value(c *client) string {
	v := "v" + c.unique()
	if g.rng.Float64() < g.bigShare {
		size := int(math.Exp2(10 + 10*g.rng.Float64()))
		v += strings.Repeat("-", size-len(v))
	}
	return v
}

// duration is a time to live in ms.
func (g *Generator) duration() int64 {
	if g.FarDeadlines {
		g.deadlines++
		return (1000 + 100*(g.deadlines*7919%10007)) * 1000
	}
	return 1 + g.rng.Int64N(pick(g.rng, int64(3), 50, 500, 3000))
}

// moment is a deadline in ms, now and then one that has passed.
func (g *Generator) moment(c *client) int64 {
	if g.rng.Float64() >= g.pastShare {
		return c.nowMs + g.duration()
	}
	past := g.rng.Int64N(5000)
	if g.FarDeadlines {
		past += 1000
	}
	return max(c.nowMs-past, 1)
}
