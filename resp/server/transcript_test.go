package server

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
)

// The files in testdata are transcripts over real sockets. In those of
// testdata/redis the replies are Redis's: recorded from it, compared with it
// again by TestRedisAgrees, and given by redoubt byte for byte. Those of
// testdata/redoubt are ours alone.
//
//	server requirepass=secret       a fresh server; the default is none of it
//	run                             steps, one a line:
//	  a: PING | GET k               connection a sends both in one write
//	  a: ~CLIENT REPLY OFF          no reply is expected
//	  a: ?HELLO 3                   a reply is expected and not shown
//	  a: %*0\r\n*1\r\n$4\r\nPING    raw bytes, one reply
//	  a: EOF                        the server hangs up
func TestTranscripts(t *testing.T) {
	for _, dir := range []string{"testdata/redis", "testdata/redoubt"} {
		datadriven.Walk(t, dir, func(t *testing.T, path string) {
			play(t, path, func(t *testing.T, args []datadriven.CmdArg) (network, addr string) {
				return "tcp", start(t, func(v *Values) {
					for _, arg := range args {
						if errText := setAll(v, [][]byte{[]byte(arg.Key), []byte(arg.Vals[0])}); errText != "" {
							t.Fatal(errText)
						}
					}
				}).addr
			})
		})
	}
}

func TestRedisAgrees(t *testing.T) {
	datadriven.Walk(t, "testdata/redis", func(t *testing.T, path string) {
		play(t, path, func(t *testing.T, args []datadriven.CmdArg) (network, addr string) {
			var flags []string
			for _, arg := range args {
				flags = append(flags, "--"+arg.Key, arg.Vals[0])
			}
			return "unix", startRedis(t, flags...)
		})
	})
}

func play(t *testing.T, path string, begin func(t *testing.T, args []datadriven.CmdArg) (network, addr string)) {
	var network, addr string
	conns := map[string]*wire{}
	datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
		switch d.Cmd {
		case "server":
			network, addr = begin(t, d.CmdArgs)
			conns = map[string]*wire{}
			return ""
		case "run":
			if addr == "" {
				network, addr = begin(t, nil)
			}
			var out strings.Builder
			for _, line := range strings.Split(d.Input, "\n") {
				step(t, &out, line, func(name string) *wire {
					if conns[name] == nil {
						conns[name] = dial(t, network, addr)
					}
					return conns[name]
				})
			}
			return out.String()
		}
		d.Fatalf(t, "unknown directive %s", d.Cmd)
		return ""
	})
}

func step(t *testing.T, out *strings.Builder, line string, conn func(name string) *wire) {
	name, rest, ok := strings.Cut(strings.TrimSpace(line), ": ")
	if !ok {
		t.Fatalf("not a step: %q", line)
	}
	w := conn(name)
	if rest == "EOF" {
		fmt.Fprintf(out, "%s: EOF %s\n", name, strconv.Quote(w.rest(t)))
		return
	}
	var send strings.Builder
	var shown []bool
	for _, command := range strings.Split(rest, " | ") {
		silent := strings.HasPrefix(command, "~")
		hidden := strings.HasPrefix(command, "?")
		command = strings.TrimLeft(command, "~?")
		if raw, ok := strings.CutPrefix(command, "%"); ok {
			text, err := strconv.Unquote(`"` + raw + `"`)
			if err != nil {
				t.Fatalf("%s: %v", command, err)
			}
			send.WriteString(text)
		} else {
			send.WriteString(command + "\r\n")
		}
		if !silent {
			shown = append(shown, !hidden)
		}
	}
	w.send(t, send.String())
	for _, show := range shown {
		raw, err := w.readReply(nil)
		if err != nil {
			t.Fatalf("%s: %v (so far %q)", line, err, raw)
		}
		reply := strings.ReplaceAll(strings.TrimSuffix(string(raw), "\r\n"), "\r\n", " ")
		if !show {
			reply = "(a reply)"
		}
		fmt.Fprintf(out, "%s: %s\n", name, reply)
	}
}

const redisServer = "/usr/bin/redis-server"

// startRedis starts a real Redis and returns its socket. Without one the test is
// skipped, except in CI, where that would hide what it is for.
func startRedis(t *testing.T, flags ...string) (socket string) {
	t.Helper()
	if _, err := os.Stat(redisServer); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("comparing with Redis needs %s, from Debian's package redis-server: %v", redisServer, err)
		}
		t.Skipf("no %s (Debian's package redis-server) to compare with", redisServer)
	}
	dir, err := os.MkdirTemp("", "redis") // t.TempDir may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	socket = filepath.Join(dir, "s")
	cmd := exec.Command(redisServer, append([]string{"--port", "0", "--unixsocket", socket, "--dir", dir, "--save", ""}, flags...)...)
	log, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		os.RemoveAll(dir)
	})
	watchdog := time.AfterFunc(testTimeout, func() { _ = cmd.Process.Kill() })
	defer watchdog.Stop()
	buf := make([]byte, 1<<14)
	var text strings.Builder
	for !strings.Contains(text.String(), "ready to accept connections at") {
		n, err := log.Read(buf)
		text.Write(buf[:n])
		if err != nil {
			t.Fatalf("redis-server did not start: %v\n%s", err, text.String())
		}
	}
	return socket
}
