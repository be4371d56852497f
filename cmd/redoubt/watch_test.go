package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"
)

// run runs a subcommand of the program as a user would and returns what it
// printed on its standard output.
func (c *cluster) run(args ...string) (stdout string, code int) {
	c.t.Helper()
	path, err := built()
	if err != nil {
		c.t.Fatal(err)
	}
	cmd := exec.CommandContext(background(c.t), path, args...)
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Run(); cmd.ProcessState == nil {
		c.t.Fatal(err)
	}
	return out.String(), cmd.ProcessState.ExitCode()
}

// members is what scripts read of redoubt status --json.
type members struct {
	Leader  string `json:"leader"`
	Quorum  bool   `json:"quorum"`
	Members []struct {
		ID      string  `json:"id"`
		Addr    string  `json:"addr"`
		Role    string  `json:"role"`
		Error   string  `json:"error"`
		Term    uint64  `json:"term"`
		Commit  uint64  `json:"commit_index"`
		Applied uint64  `json:"applied_index"`
		Lag     *uint64 `json:"lag"`
	} `json:"members"`
}

func (c *cluster) statusJSON(addr string) (m members, code int) {
	c.t.Helper()
	out, code := c.run("status", "--addr", addr, "--json")
	if err := json.Unmarshal([]byte(out), &m); err != nil {
		c.t.Fatalf("status --json: %v in\n%s", err, out)
	}
	return m, code
}

func TestStatusHealthAndWatch(t *testing.T) {
	c := newCluster(t, 3)
	c.startAll()
	c.await("status says that all is well and what is committed", func() bool {
		m, code := c.statusJSON(c.nodes[0].addr)
		for _, got := range m.Members {
			if got.Commit == 0 {
				return false
			}
		}
		return code == exitOK
	})
	t.Run("all well", func(t *testing.T) {
		for _, n := range c.nodes {
			m, code := c.statusJSON(n.addr)
			if code != exitOK || m.Leader == "" || !m.Quorum || len(m.Members) != 3 {
				t.Errorf("exit code %d, %+v", code, m)
			}
			for i, got := range m.Members {
				want := c.nodes[i]
				role := "follower"
				if want.id == m.Leader {
					role = "leader"
				}
				if got.ID != want.id || got.Addr != want.addr || got.Role != role || got.Term == 0 || got.Commit == 0 || got.Lag == nil {
					t.Errorf("asked at %s: %+v, want %s %s at %s", n.id, got, role, want.id, want.addr)
				}
			}
			if out, code := c.run("health", "--addr", n.addr); code != exitOK || !strings.HasPrefix(out, "ready: "+n.id+", ") {
				t.Errorf("health of %s: exit code %d, %q", n.id, code, out)
			}
		}
		out, _ := c.run("status", "--addr", c.nodes[1].addr)
		if !strings.Contains(out, "healthy; 3 of 3 members up, leader n") {
			t.Errorf("status printed\n%s", out)
		}
	})
	t.Run("watch once", func(t *testing.T) {
		out, code := c.run("watch", "--once", "--interval", "200ms", "--addr", c.nodes[0].addr)
		if code != exitOK || !strings.Contains(out, "● healthy") || !regexp.MustCompile(`(?m)^ n\d +leader `).MatchString(out) {
			t.Errorf("exit code %d\n%s", code, out)
		}
		for line := range strings.Lines(out) {
			if strings.Contains(line, "\x1b") || utf8.RuneCountInString(line) > 81 {
				t.Errorf("not 80 columns of plain text: %q", line)
			}
		}
	})
	leader := c.leader()
	leader.signal(syscall.SIGKILL)
	c.leader()
	others := strings.Join([]string{leader.addr, c.nodes[0].addr, c.nodes[1].addr}, ",")
	t.Run("one down", func(t *testing.T) {
		c.await("a new leader in status", func() bool {
			m, code := c.statusJSON(others)
			if code != exitError {
				t.Fatalf("exit code %d with a dead node, want %d", code, exitError)
			}
			for _, got := range m.Members {
				if dead := got.ID == leader.id; dead != (got.Role == "unreachable") || dead != (got.Error != "") {
					t.Fatalf("%+v, and %s is dead", got, leader.id)
				}
			}
			return m.Quorum && m.Leader != "" && m.Leader != leader.id
		})
		out, code := c.run("status", "--addr", others)
		if want := fmt.Sprintf("%s: connection refused\n", leader.id); code != exitError || !strings.Contains(out, want) {
			t.Errorf("exit code %d, without %q\n%s", code, want, out)
		}
		if out, code := c.run("health", "--addr", leader.addr); code != exitError || !strings.Contains(out, "connection refused") {
			t.Errorf("health of a dead node: exit code %d, %q", code, out)
		}
		if out, code := c.run("status", "--addr", leader.addr); code != exitError || !strings.Contains(out, "no member answers") {
			t.Errorf("status at a dead node: exit code %d\n%s", code, out)
		}
	})
	t.Run("no quorum", func(t *testing.T) {
		last := c.leader()
		for _, n := range c.nodes {
			if n != last {
				n.signal(syscall.SIGKILL)
			}
		}
		c.await("health says that the node is not ready", func() bool {
			out, code := c.run("health", "--addr", last.addr)
			return code == exitError && strings.Contains(out, "leader: none known")
		})
		m, code := c.statusJSON(last.addr)
		if code != exitError || m.Quorum || m.Leader != "" {
			t.Errorf("exit code %d, %+v", code, m)
		}
	})
}

func TestToolsGiveThePassword(t *testing.T) {
	c := newCluster(t, 1, "--requirepass", "secret")
	c.startAll()
	addr := c.nodes[0].addr
	if out, code := c.run("health", "--addr", addr); code != exitError || !strings.Contains(out, "REDOUBT_PASSWORD") {
		t.Errorf("without a password: exit code %d, %q", code, out)
	}
	if out, code := c.run("health", "--addr", addr, "--password", "wrong"); code != exitError || !strings.Contains(out, "the password is wrong") {
		t.Errorf("with a wrong one: exit code %d, %q", code, out)
	}
	if out, code := c.run("status", "--addr", addr, "--password", "secret"); code != exitOK {
		t.Errorf("with --password: exit code %d\n%s", code, out)
	}
	for _, name := range []string{"REDOUBT_PASSWORD", "REDOUBT_REQUIREPASS"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, "secret")
			if out, code := c.run("health", "--addr", addr); code != exitOK {
				t.Errorf("exit code %d, %q", code, out)
			}
		})
	}
}

// TestWatchWritesJSON: one line each time, with what happened meanwhile.
func TestWatchWritesJSON(t *testing.T) {
	c := newCluster(t, 3)
	c.startAll()
	dead := c.nodes[0]
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(background(t), path, "watch", "--json", "--interval", "100ms", "--addr", dead.addr)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := json.NewDecoder(bufio.NewReader(out))
	for killed := false; ; {
		var line struct {
			members
			Events []struct{ Level, Text string }
		}
		if err := lines.Decode(&line); err != nil {
			t.Fatal(err)
		}
		if len(line.Members) != 3 {
			t.Fatalf("%d members", len(line.Members))
		}
		if !killed {
			dead.signal(syscall.SIGKILL)
			killed = true
		}
		if len(line.Events) > 0 && line.Events[0].Text == dead.id+" does not answer: connection refused" {
			break
		}
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	_, _ = io.Copy(io.Discard, out)
	if err := cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
}

// terminal is a real one, of tmux, with redoubt watch in it.
type terminal struct {
	t      *testing.T
	socket string
}

func (tt *terminal) tmux(args ...string) string {
	tt.t.Helper()
	cmd := exec.CommandContext(background(tt.t), "tmux", append([]string{"-u", "-S", tt.socket, "-f", "/dev/null"}, args...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		tt.t.Fatalf("tmux %v: %v\n%s", args, err, out)
	}
	return string(out)
}

func (tt *terminal) screen() string { return tt.tmux("capture-pane", "-p") }

// TestWatchInATerminal looks at the screen while nodes die and come back.
func TestWatchInATerminal(t *testing.T) {
	tool(t, "tmux")
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	c := newCluster(t, 3)
	c.startAll()
	seen := ""
	term := &terminal{t: t, socket: filepath.Join(t.TempDir(), "tmux")}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the screen:\n%s", seen)
		}
		term.tmux("kill-server")
	})
	term.tmux("new-session", "-d", "-x", "80", "-y", "24",
		path+" watch --interval 200ms --addr "+c.nodes[0].addr+"; echo exit code $?; exec cat")
	await := func(what string, patterns ...string) {
		t.Helper()
		c.await(what, func() bool {
			seen = term.screen()
			for _, p := range patterns {
				if !regexp.MustCompile(p).MatchString(seen) {
					return false
				}
			}
			return true
		})
	}
	await("the healthy cluster", `● healthy`, `members 3 of 3 up`, `leader n\d `, `(?m)^ n\d +leader `, `q quit`)
	leader := c.leader()
	leader.signal(syscall.SIGKILL)
	await("the dead leader, and a new one", `▲ degraded: `+leader.id+` does not answer`,
		`(?m)^ `+leader.id+` +no answer for \d+s: connection refused$`, leader.id+` does not answer: connection refused`, `quorum yes`, `n\d leads`)
	for _, n := range c.nodes {
		n.signal(syscall.SIGKILL)
	}
	await("the end of all", `✖ no member answers since \d\d:\d\d:\d\d`, `members 0 of 3 up`)
	for _, n := range c.nodes {
		c.start(n)
	}
	await("all back", `● healthy`, `members 3 of 3 up`, `answers again after .*restarted`)
	term.tmux("send-keys", "?")
	await("the help", `what it means`, `lag +committed entries`)
	term.tmux("send-keys", "p")
	await("the pause", `PAUSED`)
	term.tmux("resize-window", "-x", "140", "-y", "40")
	await("the wide screen", `address +role`, `ops/s, highest`)
	term.tmux("send-keys", "q")
	await("the end", `^exit code 0`)
}
