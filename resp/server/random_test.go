package server

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// Random pipelines on two connections, against redoubt and Redis: every reply
// must be the same to the byte.
func TestRandomPipelinesAgreeWithRedis(t *testing.T) {
	socket := startRedis(t)
	in := start(t, nil)
	seed := rand.Uint64()
	defer func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	}()
	rng := rand.New(rand.NewPCG(seed, 0))
	commands := strings.Split("SET a 1|SET b x|GET a|GET b|GET c|INCR a|INCR b|DEL a|DEL b c|APPEND c y|EXPIRE a 100|PERSIST a|TYPE a|EXISTS a b c|"+
		"WATCH a|WATCH b c|UNWATCH|MULTI|MULTI|EXEC|EXEC|EXEC|DISCARD|SELECT 0|SELECT 0|SELECT 1|SELECT x|SELECT 99|PING|PING p|ECHO e|"+
		"NOSUCH n|GET|SET a|EXEC x|RESET|CLIENT SETNAME n|CLIENT GETNAME|CLIENT NOSUCH|WAIT 0 0|CONFIG GET nosuch|STRLEN c|GETSET a 5|MGET a b c|DBSIZE", "|")
	type pair struct{ ours, theirs *wire }
	var conns []pair
	for range 2 {
		conns = append(conns, pair{dial(t, "tcp", in.addr), dial(t, "unix", socket)})
	}
	var history []string
	for round := range 1500 {
		i := rng.IntN(len(conns))
		var lines []string
		for range 1 + rng.IntN(8) {
			lines = append(lines, commands[rng.IntN(len(commands))])
		}
		history = append(history, fmt.Sprintf("%d: %s", i, strings.Join(lines, " | ")))
		ours, theirs := conns[i].ours.do(t, lines...), conns[i].theirs.do(t, lines...)
		if ours != theirs {
			t.Fatalf("round %d\n%s\nredoubt %q\nredis   %q", round, strings.Join(history[max(0, len(history)-12):], "\n"), ours, theirs)
		}
		if rng.IntN(20) == 0 { // change the protocol, outside MULTI
			for _, w := range []*wire{conns[i].ours, conns[i].theirs} {
				w.do(t, "RESET", "HELLO 3")
			}
		}
	}
}
