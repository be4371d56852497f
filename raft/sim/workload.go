package sim

import (
	"math/rand/v2"
	"strconv"
)

// workload makes what one client sends: one pipeline at a time.
type workload interface {
	next(rng *rand.Rand) [][][]byte
	// connected says that a new connection begins, with nothing set up.
	connected()
}

// registers is a client that reads and writes a few keys one by one: SET, GET,
// INCR, APPEND. What all its like have seen can be judged from outside, without
// knowing the log.
type registers struct {
	user, keys, left, made int
	pipeline               int
}

func (r *registers) connected() {}

func (r *registers) next(rng *rand.Rand) [][][]byte {
	var out [][][]byte
	for range min(r.left, 1+rng.IntN(r.pipeline)) {
		r.left--
		r.made++
		n := rng.IntN(r.keys)
		token := strconv.Itoa(r.user) + "." + strconv.Itoa(r.made) + ";"
		var cmd []string
		switch key := "r" + strconv.Itoa(n); {
		case n%3 == 0 && rng.IntN(2) == 0:
			cmd = []string{"INCR", "n" + strconv.Itoa(n)}
		case n%3 == 0:
			cmd = []string{"GET", "n" + strconv.Itoa(n)}
		case rng.IntN(3) == 0:
			cmd = []string{"GET", key}
		case n%3 == 1 && rng.IntN(4) > 0:
			cmd = []string{"APPEND", key, token}
		case rng.IntN(4) == 0:
			cmd = []string{"GETSET", key, token}
		default:
			cmd = []string{"SET", key, token}
		}
		out = append(out, words(cmd...))
	}
	return out
}

func words(s ...string) [][]byte {
	args := make([][]byte, len(s))
	for i, w := range s {
		args[i] = []byte(w)
	}
	return args
}
