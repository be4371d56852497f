package model

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

var (
	redisSeed     = flag.Uint64("model.redis.seed", 0, "replay TestCompatRedis with this seed")
	redisCommands = flag.Int("model.redis.commands", 10_000, "commands of TestCompatRedis")
)

const redisDatabases = 4

// TestCompatRedis gives the generator's commands to a real Redis and to the
// model. Replies must be the same to the byte, but for those that show a time.
func TestCompatRedis(t *testing.T) {
	r := startRedis(t)
	transactions := [3]int{}
	for done := 0; done < *redisCommands; {
		seed := *redisSeed
		if seed == 0 {
			seed = rand.Uint64()
		}
		s := newStream(t, r, seed)
		for range 100 {
			done += s.pipeline(s.rng.IntN(len(s.conns)))
		}
		s.compareKeys()
		for i := range transactions {
			transactions[i] += s.model.Verdicts[i]
		}
		if *redisSeed != 0 {
			break
		}
	}
	t.Logf("transactions with watches: %v", transactions)
}

// stream is a run of the generator's clients against an empty Redis.
type stream struct {
	t       *testing.T
	seed    uint64
	rng     *rand.Rand
	gen     *Generator
	model   *Model
	conns   []*redisConn
	watches [][]Watch // by client
	db      []int     // selected
	recent  []string
}

func newStream(t *testing.T, dial func() *redisConn, seed uint64) *stream {
	rng := rand.New(rand.NewPCG(seed, 0))
	s := &stream{t: t, seed: seed, rng: rng, gen: NewGenerator(rng, redisDatabases), model: New(redisDatabases)}
	s.gen.FarDeadlines = true
	for range 1 + rng.IntN(3) {
		s.conns = append(s.conns, dial())
	}
	s.watches, s.db = make([][]Watch, len(s.conns)), make([]int, len(s.conns))
	s.conns[0].do(t, "FLUSHALL")
	return s
}

// pipeline runs one of client id and returns the number of its commands.
func (s *stream) pipeline(id int) (commands int) {
	now := time.Now().UnixMilli()
	groups := s.gen.Pipeline(id, now)
	if len(groups) > 0 && s.conns[id].proto == 0 {
		s.conns[id].proto = groups[0].Proto
		s.conns[id].do(s.t, "HELLO", strconv.Itoa(groups[0].Proto))
	}
	var script [][]string
	var last []int // of each group, in script
	for i := range groups {
		g := &groups[i]
		commands += len(g.Commands)
		if db := g.Commands[0].DB; db != s.db[id] {
			script, s.db[id] = append(script, []string{"SELECT", strconv.Itoa(db)}), db
		}
		if g.Multi {
			script = append(script, []string{"MULTI"})
		}
		for _, c := range g.Commands {
			script = append(script, words(c.Args))
		}
		if g.Multi {
			script = append(script, []string{"EXEC"})
		}
		last = append(last, len(script)-1)
	}
	replies := s.conns[id].pipeline(s.t, script)
	for i := range groups {
		s.compare(id, now, &groups[i], replies[last[i]])
	}
	return commands
}

func words(args [][]byte) (out []string) {
	for _, a := range args {
		out = append(out, string(a))
	}
	return out
}

func (s *stream) compare(id int, now int64, g *Group, theirs []byte) {
	if words := g.Commands[0].Args; string(words[0]) == "WATCH" {
		g.Commands[0].Watched = &s.watches[id]
	}
	if g.Multi {
		g.Watches, s.watches[id] = s.watches[id], nil
	}
	before := s.model.Spurious
	ours := s.model.Entry(now, []Group{*g}, theirs, nil)
	for _, c := range g.Commands {
		s.recent = append(s.recent, fmt.Sprintf("%d, client %d, db %d: %.200q", now, id, c.DB, c.Args))
	}
	same := s.model.Spurious == before // Redis never aborts without need
	if head := fmt.Appendf(nil, "*%d\r\n", len(g.Commands)); g.Multi && bytes.HasPrefix(ours, head) && bytes.HasPrefix(theirs, head) {
		x, y := theirs[len(head):], ours[len(head):]
		for _, c := range g.Commands {
			n, m := replyLen(x), replyLen(y)
			same = same && s.alike(c, x[:n], y[:m])
			x, y = x[n:], y[m:]
		}
	} else {
		same = same && s.alike(g.Commands[0], theirs, ours)
	}
	if !same {
		s.t.Fatalf("%s\n%v, %d watches\nredis %.500q\nmodel %.500q\nreplay: go test ./raft/sim/model -run TestCompatRedis -model.redis.seed=%d",
			strings.Join(s.recent[max(0, len(s.recent)-30):], "\n"), g.Multi, len(g.Watches), theirs, ours, s.seed)
	}
}

// alike allows for the time that passes between the two. Redis removes keys that
// are gone when it comes across them, so it counts them longer.
func (s *stream) alike(c Command, redis, model []byte) bool {
	if bytes.Equal(redis, model) {
		return true
	}
	toleranceMs := int64(60_000) // deadlines are 100 s apart
	switch strings.ToLower(string(c.Args[0])) {
	case "dbsize":
		return s.gen.pastShare > 0 && redis[0] == ':'
	case "ttl", "expiretime":
		toleranceMs /= 1000
	case "pttl", "pexpiretime":
	default:
		return false
	}
	x, err1 := strconv.ParseInt(string(redis[1:len(redis)-2]), 10, 64)
	y, err2 := strconv.ParseInt(string(model[1:len(model)-2]), 10, 64)
	return err1 == nil && err2 == nil && min(x, y) >= 0 && max(x-y, y-x) <= toleranceMs
}

// compareKeys compares everything there is.
func (s *stream) compareKeys() {
	keys := 0
	for _, k := range s.model.Dump() {
		s.conns[0].do(s.t, "SELECT", strconv.Itoa(k.DB))
		s.db[0] = k.DB
		get := Command{DB: k.DB, Args: [][]byte{[]byte("GET"), []byte(k.Key)}}
		at := Command{DB: k.DB, Args: [][]byte{[]byte("PEXPIRETIME"), []byte(k.Key)}}
		s.compare(0, s.model.Now(), &Group{Proto: s.conns[0].proto, Commands: []Command{get}}, s.conns[0].do(s.t, words(get.Args)...))
		s.compare(0, s.model.Now(), &Group{Proto: s.conns[0].proto, Commands: []Command{at}}, s.conns[0].do(s.t, words(at.Args)...))
		keys++
	}
	theirs := 0
	for db := range redisDatabases {
		s.conns[0].do(s.t, "SELECT", strconv.Itoa(db))
		theirs += bytes.Count(s.conns[0].do(s.t, "KEYS", "*"), []byte("\r\n$"))
	}
	if theirs != keys {
		s.t.Fatalf("Redis has %d keys, the model %d; seed %d", theirs, keys, s.seed)
	}
}

// TestCompatWatch says what aborts a transaction of the client that sets the
// stage, when another one does something in between. GONE waits for a key to
// expire.
func TestCompatWatch(t *testing.T) {
	dial := startRedis(t)
	for _, test := range []struct {
		stage, between string
		want           Verdict
	}{
		{"WATCH k", "GET k", MustRun},
		{"WATCH k", "SET k 1", MustAbort},
		{"SET k 1; WATCH k", "SET k 1", MustAbort},
		{"SET k 1; WATCH k", "SET k 2 NX", MustRun},
		{"SET k 1; WATCH k", "SET k 2 NX GET", MustRun},
		{"SET k 1; WATCH k", "GET k; STRLEN k; TOUCH k; COPY k other", MustRun},
		{"SET k 1; WATCH k", "GETEX k", MustRun},
		{"SET k 1; WATCH k", "GETEX k PERSIST; PERSIST k", MustRun},
		{"SET k 1; WATCH k", "GETEX k EX 100", MustAbort},
		{"SET k 1 EX 100; WATCH k", "GETEX k PERSIST", MustAbort},
		{"SET k 1 EX 100; WATCH k", "PERSIST k", MustAbort},
		{"SET k 1; WATCH k", "EXPIRE k 100 XX", MustRun},
		{"SET k 1; WATCH k", "EXPIRE k 100 NX", MustAbort},
		{"SET k 1; WATCH k", "EXPIRE k -1", MustAbort},
		{"SET k 1; WATCH k", `APPEND k ""`, MustAbort},
		{"SET k 1; WATCH k", `SETRANGE k 5 ""`, MustRun},
		{"SET k 1; WATCH k", "SETRANGE k 0 1", MustAbort},
		{"SET k 1; WATCH k", "SETBIT k 7 1", MustRun},
		{"SET k 1; WATCH k", "SETBIT k 6 1", MustAbort},
		{"SET k 1; WATCH k", "SETBIT k 8 0", MustAbort},
		{"WATCH k", "SETBIT k 0 0", MustAbort},
		{"SET k 1; WATCH k", "INCRBY k 0", MustAbort},
		{"SET k x; WATCH k", "INCR k", MustRun},
		{"SET k 1; WATCH k", "INCRBYFLOAT k 0", MustAbort},
		{"SET k 1; WATCH k", "MSETNX k 2 other 2", MustRun},
		{"SET k 1; WATCH k", "MSET other 2", MustRun},
		{"SET k 1; WATCH k", "RENAME k k", MustRun},
		{"SET k 1; WATCH k", "RENAME k other; RENAME other k", MustAbort},
		{"SET k 1; SET other 2; WATCH k", "RENAME other k", MustAbort},
		{"SET k 1; SET other 2; WATCH k", "RENAMENX other k", MustRun},
		{"SET k 1; SET other 2; WATCH k", "COPY other k", MustRun},
		{"SET k 1; SET other 2; WATCH k", "COPY other k REPLACE", MustAbort},
		{"SET k 1; WATCH k", "MOVE k 1", MustAbort},
		{"SET k 1; WATCH k", "MOVE k 1; SELECT 1; MOVE k 0", MustAbort},
		{"WATCH k", "DEL k", MustRun},
		{"WATCH k", "SET k 1; DEL k", MustAbort},
		{"SET k 1; WATCH k", "DEL k; SET k 1", MustAbort},
		{"SET k 1; WATCH k", "GETDEL k", MustAbort},
		{"WATCH k", "SET {k}2 1", MustRun},
		{"SET {k}2 1; WATCH k", "DEL {k}2", MayAbort},
		{"SET k 1; SET {k}2 1; WATCH k", "DEL {k}2", MustRun},
		{"SET other 1; WATCH k", "FLUSHALL", MustRun},
		{"SET {k}2 1; WATCH k", "FLUSHALL", MayAbort},
		{"SET k 1; WATCH k", "FLUSHDB", MustAbort},
		{"SET k 1; WATCH k", "SELECT 1; FLUSHDB", MustRun},
		{"SET k 1; WATCH k", "SWAPDB 0 0; SWAPDB 1 2", MustRun},
		{"SET k 1; WATCH k", "SWAPDB 0 1", MustAbort},
		{"SET k 1; WATCH k", "SWAPDB 0 1; SWAPDB 0 1", MustAbort},
		{"SELECT 1; SET k 1; SELECT 0; WATCH k", "SWAPDB 0 1", MustAbort},
		{"SELECT 1; SET k 1; SELECT 0; WATCH k", "SWAPDB 0 1; SWAPDB 0 1", MustAbort},
		{"SELECT 1; SET k 1; SELECT 0; SET k 1; DEL k; WATCH k", "SWAPDB 0 1; FLUSHALL", MustAbort},
		{"SELECT 1; SET {k}2 1; SELECT 0; WATCH k", "SWAPDB 0 1", MayAbort},
		{"SET k 1 PXAT 1000; WATCH k", "GET k", MustRun},
		{"SET k 1 PXAT 1000; WATCH k", "SET k 2 PXAT 1000", MustAbort},
		{"SET k 1; WATCH k", "SET k 2 PXAT 1000", MustAbort},
		{"SET k 1 PXAT 1000; WATCH k", "SET k 2", MustAbort},
		{"SET k 1 PXAT 1000; SET {k}2 1 PXAT 1000; WATCH k", "DEL k", MayAbort},
		{"SET k 1 PX 3; WATCH k", "GONE k", MustAbort},
		{"SET k 1 PX 3; WATCH k", "GONE k; SET k 1", MustAbort},
		{"SET k 1 PXAT 1000; WATCH k", "DEL k", MayAbort},
		{"SET {k}2 1 PX 3; WATCH k", "GONE {k}2", MayAbort},
		{"SET other 1 PX 3; WATCH k", "GONE other", MustRun},
	} {
		r, m, now := dial(), New(redisDatabases), time.Now().UnixMilli()
		r.do(t, "FLUSHALL")
		var watches []Watch
		other := dial()
		run := func(conn *redisConn, script string) {
			db := 0
			for text := range strings.SplitSeq(script, ";") {
				c := Command{DB: db, Watched: &watches}
				for _, word := range strings.Fields(text) {
					c.Args = append(c.Args, []byte(strings.Trim(word, `"`)))
				}
				if string(c.Args[0]) == "GONE" {
					for string(conn.do(t, "EXISTS", string(c.Args[1]))) != ":0\r\n" {
					}
					m.Entry(time.Now().UnixMilli(), nil, nil, nil)
					continue
				}
				theirs := conn.do(t, words(c.Args)...)
				if string(c.Args[0]) == "SELECT" {
					db = int(c.Args[1][0] - '0')
				} else if ours := m.Read([]Group{{Proto: 2, Commands: []Command{c}}}, theirs, nil); !bytes.Equal(ours, theirs) {
					t.Fatalf("%s: redis %q, model %q", text, theirs, ours)
				}
			}
		}
		m.Entry(now, nil, nil, nil)
		run(r, test.stage)
		run(other, test.between)
		if got := m.Verdict(watches); got != test.want {
			t.Errorf("%s | %s: %v, want %v", test.stage, test.between, got, test.want)
		}
		r.do(t, "MULTI")
		if aborted := isNullArray(r.do(t, "EXEC")); aborted != (test.want == MustAbort) {
			t.Errorf("%s | %s: Redis aborts: %v, the model: %v", test.stage, test.between, aborted, test.want)
		}
	}
}

// TestCompatTime holds the model's clock against Redis's: when a key is gone and
// how TTL is rounded. Redis has run a command at some time between two looks at
// the clock, and the model agrees at one of them at least.
func TestCompatTime(t *testing.T) {
	r, now := startRedis(t)(), func() int64 { return time.Now().UnixMilli() }
	exact := 0
	for i := int64(0); i < 200; i++ {
		deadline := strconv.FormatInt(now()+i*37%1000*(i%2)+i%3, 10) // soon or within a second
		r.do(t, "SET", "k", "v", "PXAT", deadline)
		for _, command := range []string{"TTL", "PTTL", "GET", "EXPIRETIME"} {
			before := now()
			theirs := string(r.do(t, command, "k"))
			after := now()
			at := func(ms int64) string {
				m := New(1)
				run := func(args ...string) string {
					c := Command{}
					for _, a := range args {
						c.Args = append(c.Args, []byte(a))
					}
					return string(m.Read([]Group{{Proto: 2, Commands: []Command{c}}}, nil, nil))
				}
				run("SET", "k", "v", "PXAT", deadline)
				m.now = ms
				return run(command, "k")
			}
			agrees := false
			for ms := before; ms <= min(after, before+1000); ms++ {
				agrees = agrees || at(ms) == theirs
			}
			if !agrees {
				t.Fatalf("%s with the deadline %s between %d and %d: redis %q, model %q or %q", command, deadline, before, after, theirs, at(before), at(after))
			}
			if before == after {
				exact++
			}
		}
	}
	t.Logf("%d commands within one millisecond", exact)
}

type redisConn struct {
	conn  net.Conn
	r     *bufio.Reader
	proto int
}

// startRedis starts a Redis of our own that keeps nothing. Without one on the
// machine the test is skipped, but not in CI.
func startRedis(t *testing.T) (dial func() *redisConn) {
	t.Helper()
	const server = "/usr/bin/redis-server"
	if _, err := os.Stat(server); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("no %s (Debian's package redis-server) to compare with", server)
	}
	dir, err := os.MkdirTemp("", "redis") // t.TempDir may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "sock")
	cmd := exec.Command(server, "--port", "0", "--unixsocket", socket, "--dir", dir, "--databases", strconv.Itoa(redisDatabases),
		"--save", "", "--appendonly", "no", "--enable-debug-command", "yes", "--loglevel", "warning")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		os.RemoveAll(dir)
	})
	return func() *redisConn {
		conn, err := net.Dial("unix", socket)
		poll := time.NewTicker(5 * time.Millisecond)
		defer poll.Stop()
		for deadline := time.Now().Add(10 * time.Second); err != nil && time.Now().Before(deadline); {
			<-poll.C // until the server listens
			conn, err = net.Dial("unix", socket)
		}
		if err != nil {
			t.Fatalf("redis-server did not come up: %v", err)
		}
		t.Cleanup(func() { conn.Close() })
		c := &redisConn{conn: conn, r: bufio.NewReaderSize(conn, 1<<16)}
		c.do(t, "DEBUG", "SET-ACTIVE-EXPIRE", "0")
		return c
	}
}

func (c *redisConn) do(t *testing.T, args ...string) []byte {
	t.Helper()
	return c.pipeline(t, [][]string{args})[0]
}

// pipeline sends commands in one go and returns their raw replies.
func (c *redisConn) pipeline(t *testing.T, commands [][]string) (replies [][]byte) {
	t.Helper()
	var request []byte
	for _, args := range commands {
		request = fmt.Appendf(request, "*%d\r\n", len(args))
		for _, a := range args {
			request = fmt.Appendf(request, "$%d\r\n%s\r\n", len(a), a)
		}
	}
	sent := make(chan error, 1)
	go func() {
		_, err := c.conn.Write(request)
		sent <- err
	}()
	for range commands {
		reply, err := readReply(c.r)
		if err != nil {
			t.Fatal(err)
		}
		replies = append(replies, reply)
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	return replies
}

func readReply(r *bufio.Reader) ([]byte, error) {
	reply, err := r.ReadBytes('\n')
	if err != nil {
		return nil, err
	}
	n, _ := strconv.Atoi(string(reply[1 : len(reply)-2]))
	switch reply[0] {
	case '$':
		if n >= 0 {
			body := make([]byte, n+2)
			_, err = io.ReadFull(r, body)
			reply = append(reply, body...)
		}
	case '*', '%':
		if reply[0] == '%' { // a map, of HELLO
			n *= 2
		}
		for range n {
			element, err := readReply(r)
			if err != nil {
				return nil, err
			}
			reply = append(reply, element...)
		}
	}
	return reply, err
}

// replyLen is the length of the first reply.
func replyLen(b []byte) int {
	reply, _ := readReply(bufio.NewReader(bytes.NewReader(b)))
	return len(reply)
}
