package bench

import (
	"bufio"
	"context"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"redoubt/resp"
)

// asked is what the server itself has counted.
func asked(t *testing.T, addr, command string) (calls int64) {
	t.Helper()
	c, err := resp.Dial(addr, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	v, err := c.Do("INFO", "commandstats")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(v.Str, "cmdstat_"+command+":calls=")
	number, _, _ := strings.Cut(rest, ",")
	calls, _ = strconv.ParseInt(number, 10, 64) // 0 when it was never called
	return calls
}

func mix(t *testing.T, text string) (m Mix) {
	t.Helper()
	if err := m.UnmarshalText([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return m
}

// brief is a short run without a warm-up.
func brief(addrs ...string) Options {
	o := DefaultOptions()
	o.Addrs, o.Connections, o.Keys = addrs, 4, 1000
	o.Duration, o.Warmup, o.Fill = 300*time.Millisecond, 0, false
	return o
}

func checkSum(t *testing.T, r *Result) {
	t.Helper()
	if sum := r.OK + r.Uncertain + total(r.Errors); r.Sent != sum || r.Latency.Count != r.OK {
		t.Errorf("sent %d, and %d have an outcome; %d succeeded, and %d have a latency", r.Sent, sum, r.OK, r.Latency.Count)
	}
	byCommand := int64(0)
	for _, c := range r.Commands {
		byCommand += c.Latency.Count
	}
	if byCommand != r.OK {
		t.Errorf("%d succeeded, %d by command", r.OK, byCommand)
	}
}

// Whatever the load, each request has one outcome, and the server has seen as
// many as were counted.
func TestEveryRequestIsCounted(t *testing.T) {
	addrs := startNodes(t, 1)
	for _, tt := range []struct {
		name string
		set  func(o *Options)
		sent int64 // 0 = as many as it takes
	}{
		{"closed", func(o *Options) {}, 0},
		{"pipeline", func(o *Options) { o.Pipeline = 16 }, 0},
		{"requests", func(o *Options) { o.Requests = 1003; o.Pipeline = 7 }, 1003},
		{"fewer requests than connections", func(o *Options) { o.Requests = 3 }, 3},
		{"open", func(o *Options) { o.Rate = 2000 }, 600},
		{"open with requests", func(o *Options) { o.Rate, o.Requests = 2000, 501 }, 501},
		{"zipf and ranges", func(o *Options) { o.Zipf, o.ValueBytes = 1.2, Range{0, 300} }, 0},
		{"go-redis", func(o *Options) { o.Compat = true }, 0},
		{"go-redis, pipeline", func(o *Options) { o.Compat, o.Pipeline, o.Requests = true, 16, 1000 }, 1000},
		{"go-redis, open", func(o *Options) { o.Compat, o.Rate = true, 1000 }, 300},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := brief(addrs...)
			o.Commands = mix(t, "get=2,set,incr")
			tt.set(&o)
			before := asked(t, addrs[0], "get") + asked(t, addrs[0], "set") + asked(t, addrs[0], "incr")
			r, err := Run(t.Context(), o, nil)
			if err != nil {
				t.Fatal(err)
			}
			checkSum(t, r)
			if r.OK != r.Sent || r.Sent == 0 {
				t.Errorf("%d of %d succeeded: %v", r.OK, r.Sent, r.Errors)
			}
			if tt.sent != 0 && (r.Sent != tt.sent || r.Unsent != 0) {
				t.Errorf("sent %d, want %d; unsent %d", r.Sent, tt.sent, r.Unsent)
			}
			after := asked(t, addrs[0], "get") + asked(t, addrs[0], "set") + asked(t, addrs[0], "incr")
			if after-before != r.Sent {
				t.Errorf("the server has seen %d, counted were %d", after-before, r.Sent)
			}
			if len(r.Series) == 0 && o.Requests == 0 {
				t.Error("no series")
			}
		})
	}
}

func TestEveryCommandOfTheTable(t *testing.T) {
	addrs := startNodes(t, 1)
	for _, name := range CommandNames() {
		o := brief(addrs...)
		o.Commands, o.Requests, o.Pipeline = mix(t, name), 200, 4
		r, err := Run(t.Context(), o, nil)
		if err != nil {
			t.Fatal(err)
		}
		checkSum(t, r)
		if asked(t, addrs[0], name) == 0 {
			if r.OK != 0 || r.Errors["ERR"] != 200 {
				t.Errorf("%s is not known to the server: %d succeeded, errors %v", name, r.OK, r.Errors)
			}
		} else if r.OK != 200 {
			t.Errorf("%s: %d of 200 succeeded: %v", name, r.OK, r.Errors)
		}
	}
}

// Warm-up is asked, and not counted.
func TestWarmupIsNotCounted(t *testing.T) {
	addrs := startNodes(t, 1)
	o := brief(addrs...)
	o.Commands, o.Requests, o.Warmup = mix(t, "set"), 100, 100*time.Millisecond
	r, err := Run(t.Context(), o, nil)
	if err != nil {
		t.Fatal(err)
	}
	if seen := asked(t, addrs[0], "set"); r.Sent != 100 || seen <= 100 {
		t.Errorf("sent %d, the server has seen %d", r.Sent, seen)
	}
}

func TestFillStoresEveryKey(t *testing.T) {
	addrs := startNodes(t, 1)
	o := brief(addrs...)
	o.Commands, o.Requests, o.Keys = mix(t, "get,mget"), 500, 777
	r, err := Run(t.Context(), o, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.Misses == 0 || r.Misses != r.Commands[0].Latency.Count {
		t.Errorf("%d misses of %d GET in an empty server", r.Misses, r.Commands[0].Latency.Count)
	}
	o.Fill = true
	if r, err = Run(t.Context(), o, nil); err != nil {
		t.Fatal(err)
	}
	if r.Misses != 0 || asked(t, addrs[0], "set") != 777 {
		t.Errorf("%d misses; %d SET", r.Misses, asked(t, addrs[0], "set"))
	}
}

func TestPasswordAndDatabase(t *testing.T) {
	addrs := startNodes(t, 1, "--requirepass", "sesame")
	for _, compat := range []bool{false, true} {
		o := brief(addrs...)
		o.Compat, o.Requests, o.Commands, o.DB = compat, 100, mix(t, "set"), 3
		if _, err := Run(t.Context(), o, nil); err == nil || !strings.Contains(err.Error(), "NOAUTH") {
			t.Errorf("without a password: %v", err)
		}
		o.Password = "simsalabim"
		if _, err := Run(t.Context(), o, nil); err == nil || !strings.Contains(err.Error(), "WRONGPASS") {
			t.Errorf("with a wrong one: %v", err)
		}
		o.Password = "sesame"
		if r, err := Run(t.Context(), o, nil); err != nil || r.OK != 100 {
			t.Errorf("with the right one: %v, %+v", err, r)
		}
	}
	c, err := resp.Dial(addrs[0], 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, cmd := range []string{"AUTH sesame", "SELECT 3"} {
		if v, err := c.Do(strings.Fields(cmd)...); err != nil || v.Err() != nil {
			t.Fatal(err, v)
		}
	}
	if v, err := c.Do("DBSIZE"); err != nil || v.Int == 0 {
		t.Errorf("database 3 has %v keys, %v", v, err)
	}
}

// Errors of the server and of the connection are counted by their kind, each
// request once, and none is a success.
func TestErrorsAreCountedByKind(t *testing.T) {
	replies := []string{"+OK\r\n", "-UNCERTAIN the leader is gone\r\n", "-TRYAGAIN later\r\n", ":1\r\n", "-TRYAGAIN\r\n", ""}
	for _, compat := range []bool{false, true} {
		addr := fakeServer(t, func(conn net.Conn) {
			r := bufio.NewReader(conn)
			for next := 0; ; {
				v, err := resp.ReadValue(r)
				if err != nil {
					return
				}
				reply := "+OK\r\n"
				switch name := strings.ToUpper(v.Array[0].Str); {
				case name == "HELLO":
					reply = "-ERR unknown command\r\n"
				case name == "PING":
					reply = "+PONG\r\n"
				case name == "SET" && replies[next] == "":
					return
				case name == "SET":
					reply = replies[next]
					next++
				}
				if _, err := conn.Write([]byte(reply)); err != nil {
					return
				}
			}
		})
		o := brief(addr)
		o.Connections, o.Requests, o.Commands, o.Compat = 1, 12, mix(t, "set"), compat
		r, err := Run(t.Context(), o, nil)
		if err != nil {
			t.Fatal(err)
		}
		checkSum(t, r)
		want := map[string]int64{"TRYAGAIN": 4, "unexpected reply": 2, "no reply: connection closed": 2}
		if r.OK != 2 || r.Uncertain != 2 || countsText(r.Errors) != countsText(want) {
			t.Errorf("go-redis %v: %d succeeded, %d uncertain, failed: %s", compat, r.OK, r.Uncertain, countsText(r.Errors))
		}
	}
}

func TestNobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	for _, compat := range []bool{false, true} {
		o := brief(l.Addr().String())
		o.Compat = compat
		if _, err := Run(t.Context(), o, nil); err == nil || !strings.Contains(err.Error(), "connection refused") {
			t.Errorf("%v", err)
		}
	}
}

// A dead address costs nothing but its turn; those that live take the load.
func TestConnectionsTakeTurns(t *testing.T) {
	addrs := startNodes(t, 3)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	o := brief(append(slices.Clone(addrs), l.Addr().String())...)
	o.Commands, o.Requests, o.Connections = mix(t, "ping"), 3000, 6
	r, err := Run(t.Context(), o, nil)
	if err != nil || r.OK != 3000 {
		t.Fatal(err, r)
	}
	for _, addr := range addrs {
		if asked(t, addr, "ping") == 0 {
			t.Errorf("%s was never asked", addr)
		}
	}
}

func TestInterruptedRunSaysWhatThereIs(t *testing.T) {
	addrs := startNodes(t, 1)
	for _, rate := range []float64{0, 500} {
		ctx, cancel := context.WithCancel(t.Context())
		o := brief(addrs...)
		o.Duration, o.Interval, o.Rate, o.Commands = time.Hour, 50*time.Millisecond, rate, mix(t, "set")
		r, err := Run(ctx, o, func(p Point) {
			if p.Seconds > 0 {
				cancel()
			}
		})
		if err != nil || !r.Interrupted || r.OK == 0 || r.Seconds <= 0 || r.Seconds > 60 {
			t.Errorf("rate %v: %v, %+v", rate, err, r)
		}
		cancel()
	}
}
