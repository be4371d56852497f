package bench

import "slices"

// command is one that the generator can send.
type command struct {
	name   string
	reads  bool                                      // finds nothing unless the keys were stored before
	answer byte                                      // the type of its replies, as in reply
	args   func(g *generator, dst [][]byte) [][]byte // appends what follows the name
}

// multiKeys is how many keys MGET and MSET take.
const multiKeys = 10

// commands lists them all. The names of their keys differ by type, so that any
// of them can be mixed.
func commands() []command {
	return []command{
		{"ping", false, '+', func(g *generator, dst [][]byte) [][]byte {
			return dst
		}},
		{"get", true, '$', func(g *generator, dst [][]byte) [][]byte {
			return append(dst, g.key(stringKey))
		}},
		{"set", false, '+', func(g *generator, dst [][]byte) [][]byte {
			return append(dst, g.key(stringKey), g.value())
		}},
		{"incr", false, ':', func(g *generator, dst [][]byte) [][]byte {
			return append(dst, g.key(counterKey))
		}},
		{"exists", true, ':', func(g *generator, dst [][]byte) [][]byte {
			return append(dst, g.key(stringKey))
		}},
		{"del", false, ':', func(g *generator, dst [][]byte) [][]byte {
			return append(dst, g.key(stringKey))
		}},
		{"mget", true, '*', func(g *generator, dst [][]byte) [][]byte {
			for range multiKeys {
				dst = append(dst, g.key(stringKey))
			}
			return dst
		}},
		{"mset", false, '+', func(g *generator, dst [][]byte) [][]byte {
			for range multiKeys {
				dst = append(dst, g.key(stringKey), g.value())
			}
			return dst
		}},
		{"hset", false, ':', func(g *generator, dst [][]byte) [][]byte {
			return append(dst, g.key(hashKey), g.word("field"), g.value())
		}},
		{"sadd", false, ':', func(g *generator, dst [][]byte) [][]byte {
			return append(dst, g.word("bench:set"), g.key(memberName))
		}},
		{"zadd", false, ':', func(g *generator, dst [][]byte) [][]byte {
			return append(dst, g.word("bench:zset"), g.score(), g.key(memberName))
		}},
	}
}

// accepts reports whether p can be an answer to c.
func (c *command) accepts(p reply) bool {
	return p.kind == c.answer || p.kind == anyString && (c.answer == '+' || c.answer == '$')
}

func lookupCommand(name string) (command, bool) {
	all := commands()
	i := slices.IndexFunc(all, func(c command) bool { return c.name == name })
	if i < 0 {
		return command{}, false
	}
	return all[i], true
}

func CommandNames() []string {
	var names []string
	for _, c := range commands() {
		names = append(names, c.name)
	}
	return names
}
