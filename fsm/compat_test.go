package fsm

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
)

var (
	compatSeed    = flag.Uint64("compat.seed", 0, "replay TestCompatRandom with this seed")
	compatStreams = flag.Int("compat.streams", 100, "streams of TestCompatRandom")
)

const (
	transcripts  = "testdata/compat/*.txt"
	transcriptAt = 1_700_000_000_000 // ms, when transcripts take place
)

// TestTranscripts runs the transcripts: commands and the replies that they get.
// -rewrite writes the replies anew.
func TestTranscripts(t *testing.T) {
	eachTranscript(t, func(t *testing.T, path string) {
		s := newSession(2, func() int64 { return transcriptAt })
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			s.proto = 2
			if d.HasArg("resp3") {
				s.proto = 3
			}
			var b strings.Builder
			for _, reply := range s.run(t, parseTranscript(t, d.Input)) {
				fmt.Fprintln(&b, showReply(reply))
			}
			return b.String()
		})
	})
}

// TestCompatTranscripts gives the transcripts to Redis and to redoubt, in both
// protocols, and compares the bytes of every reply.
func TestCompatTranscripts(t *testing.T) {
	dial := startRedis(t)
	eachTranscript(t, func(t *testing.T, path string) {
		for _, proto := range []int{2, 3} {
			var pipeline [][][]byte
			datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
				pipeline = append(pipeline, parseTranscript(t, d.Input)...)
				return d.Expected
			})
			redis, ours := dial(proto), newSession(proto, wallClock)
			for _, at := range compare(t, pipeline, redis.pipeline(t, pipeline), ours.run(t, pipeline)) {
				t.Errorf("RESP%d, command %d: %s", proto, at.index, at.text)
			}
		}
	})
}

// TestCompatRandom gives random commands to Redis and to redoubt.
func TestCompatRandom(t *testing.T) {
	dial := startRedis(t)
	for i := range *compatStreams {
		seed := *compatSeed
		if seed == 0 {
			seed = rand.Uint64()
		} else if i > 0 {
			break
		}
		g := newGenerator(seed)
		proto := 2 + int(seed%2)
		redis, ours := dial(proto), newSession(proto, wallClock)
		redis.pipeline(t, [][][]byte{words("DEBUG", "SET-ACTIVE-EXPIRE", "0")})
		for range 20 {
			pipeline := g.pipeline()
			differences := compare(t, pipeline, redis.pipeline(t, pipeline), ours.run(t, pipeline))
			if len(differences) == 0 {
				continue
			}
			d := differences[0]
			for j := max(0, d.index-12); j < d.index; j++ {
				t.Log(quoteCommand(pipeline[j]))
			}
			t.Fatalf("RESP%d: %s\nreplay: go test ./fsm -run TestCompatRandom -compat.seed=%d", proto, d.text, seed)
		}
	}
}

func wallClock() int64 { return time.Now().UnixMilli() }

func eachTranscript(t *testing.T, run func(t *testing.T, path string)) {
	paths, err := filepath.Glob(transcripts)
	if err != nil || len(paths) == 0 {
		t.Fatalf("no transcripts in %s: %v", transcripts, err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) { run(t, path) })
	}
}

// parseTranscript reads commands, one a line; arguments that are not plain are
// quoted as in Go.
func parseTranscript(t *testing.T, input string) [][][]byte {
	t.Helper()
	var commands [][][]byte
	for line := range strings.Lines(input) {
		var args [][]byte
		for rest := strings.TrimSpace(line); rest != ""; rest = strings.TrimLeft(rest, " ") {
			word, after, _ := strings.Cut(rest, " ")
			if rest[0] == '"' {
				quoted, err := strconv.QuotedPrefix(rest)
				if err != nil {
					t.Fatalf("%s: %v", line, err)
				}
				word, _ = strconv.Unquote(quoted)
				after = rest[len(quoted):]
			}
			args, rest = append(args, []byte(word)), after
		}
		if len(args) > 0 {
			commands = append(commands, args)
		}
	}
	return commands
}

type difference struct {
	index int
	text  string
}

// compare lists where replies differ that must not. Inside of EXEC the replies
// of the queued commands are compared one by one.
func compare(t *testing.T, pipeline [][][]byte, redis, ours [][]byte) []difference {
	t.Helper()
	var found []difference
	var queued [][][]byte
	for i, args := range pipeline {
		r, o := redis[i], ours[i]
		same := sameReply(args, r, o)
		switch {
		case bytes.Equal(r, []byte("+QUEUED\r\n")):
			queued = append(queued, args)
		case strings.EqualFold(string(args[0]), "exec"):
			args, r, o, same = compareExec(t, queued, r, o)
			queued = nil
		case strings.EqualFold(string(args[0]), "discard"):
			queued = nil
		}
		if !same {
			found = append(found, difference{i, fmt.Sprintf("%s\nredis   %s\nredoubt %s",
				quoteCommand(args), showReply(r), showReply(o))})
		}
	}
	return found
}

// compareExec looks for the first queued command whose replies differ.
func compareExec(t *testing.T, queued [][][]byte, redis, ours []byte) (args [][]byte, r, o []byte, same bool) {
	head := fmt.Appendf(nil, "*%d\r\n", len(queued))
	if !bytes.HasPrefix(redis, head) || !bytes.HasPrefix(ours, head) {
		return words("EXEC"), redis, ours, bytes.Equal(redis, ours)
	}
	rs := splitReplies(t, redis[len(head):], len(queued))
	os := splitReplies(t, ours[len(head):], len(queued))
	for i, args := range queued {
		if !sameReply(args, rs[i], os[i]) {
			return args, rs[i], os[i], false
		}
	}
	return nil, redis, ours, true
}

// sameReply knows the commands whose replies need not agree to the byte.
func sameReply(args [][]byte, redis, ours []byte) bool {
	if bytes.Equal(redis, ours) {
		return true
	}
	name := strings.ToLower(string(args[0]))
	if redis[0] == '-' || ours[0] == '-' {
		return false
	}
	switch name {
	case "scan": // a cursor means something else to each
		return string(args[1]) != "0" && redis[0] == ours[0] || bytes.Equal(sortedLines(redis), sortedLines(ours))
	case "keys":
		return bytes.Equal(sortedLines(redis), sortedLines(ours))
	case "randomkey":
		return redis[0] == '$' && ours[0] == '$' && len(redis) > 5 && len(ours) > 5 // not null
	case "ttl", "expiretime":
		return near(redis, ours, 2)
	case "pttl", "pexpiretime":
		return near(redis, ours, 2000)
	case "object":
		switch strings.ToLower(string(args[1])) {
		case "idletime", "refcount": // Redis shares small integers among keys
			return redis[0] == ours[0]
		}
	case "memory": // an estimate; Redis also gives one for an expired key
		return true
	}
	return false
}

// near compares integers; 0 and less are exact.
func near(redis, ours []byte, tolerance int64) bool {
	r, ok1 := parseInt(bytes.TrimSpace(redis[1:]))
	o, ok2 := parseInt(bytes.TrimSpace(ours[1:]))
	return redis[0] == ':' && ours[0] == ':' && ok1 && ok2 && r >= 0 && o >= 0 && max(r-o, o-r) <= tolerance
}

func sortedLines(b []byte) []byte {
	lines := bytes.Split(b, []byte("\r\n"))
	slices.SortFunc(lines, bytes.Compare)
	return bytes.Join(lines, []byte("\r\n"))
}
