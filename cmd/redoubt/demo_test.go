package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"redoubt/resp"
)

func TestDemoUsage(t *testing.T) {
	for args, want := range map[string]string{
		"":                 "demo needs a terminal",
		"--nodes 2 --auto": "--nodes is between 3 and 9",
		"--nodes 10":       "--nodes is between 3 and 9",
		"--speed 0 --auto": "--speed is more than 0",
		"--speed x":        "invalid value",
		"extra":            `demo takes no argument "extra"`,
	} {
		var stdout, stderr bytes.Buffer
		if code := runDemo(t.Context(), strings.Fields(args), &stdout, &stderr); code != exitUsage || !strings.Contains(stderr.String(), want) {
			t.Errorf("demo %s: code %d, %q", args, code, &stderr)
		}
	}
}

// demoProcess is `redoubt demo --auto` with three nodes.
type demoProcess struct {
	t     *testing.T
	cmd   *exec.Cmd
	tmp   string
	lines *bufio.Scanner
	text  strings.Builder // what it has printed so far
}

func startDemo(t *testing.T, speed string) *demoProcess {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	d := &demoProcess{t: t, tmp: t.TempDir()}
	d.cmd = exec.Command(path, "demo", "--auto", "--nodes", "3", "--speed", speed)
	d.cmd.Env = append(os.Environ(), "TMPDIR="+d.tmp)
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	d.cmd.Stderr = d.cmd.Stdout
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.cmd.Process.Kill() })
	d.lines = bufio.NewScanner(out)
	return d
}

// read reads up to the line that has the text; false when it never comes.
func (d *demoProcess) read(text string) bool {
	for d.lines.Scan() {
		d.text.WriteString(d.lines.Text() + "\n")
		if text != "" && strings.Contains(d.lines.Text(), text) {
			return true
		}
	}
	return false
}

// end reads the rest and looks for what it has left behind.
func (d *demoProcess) end() (code int) {
	d.t.Helper()
	pids := nodesIn(d.t, d.tmp)
	d.read("")
	_ = d.cmd.Wait() // the code is in ProcessState
	nothingLeft(d.t, d.tmp, pids)
	return d.cmd.ProcessState.ExitCode()
}

// nodesIn finds the processes that have the directory on their command line.
func nodesIn(t *testing.T, dir string) (pids []int) {
	t.Helper()
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil || len(lines) == 0 {
		t.Skip("no /proc")
	}
	for _, file := range lines {
		text, _ := os.ReadFile(file) // it may have ended meanwhile
		if strings.Contains(string(text), "\x00serve\x00") && strings.Contains(string(text), dir) {
			var pid int
			fmt.Sscanf(file, "/proc/%d/", &pid)
			pids = append(pids, pid)
		}
	}
	return pids
}

func nothingLeft(t *testing.T, dir string, pids []int) {
	t.Helper()
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("%s is left behind", left[0].Name())
	}
	if len(pids) == 0 {
		t.Error("no node was seen")
	}
	if left := nodesIn(t, dir); len(left) > 0 {
		t.Errorf("processes %v are left behind", left)
	}
}

// The story is told to its end, and everything in it has happened.
func TestDemo(t *testing.T) {
	d := startDemo(t, "100")
	d.read("2 of 7")
	code := d.end()
	text := d.text.String()
	if code != exitOK {
		t.Fatalf("exit code %d\n%s", code, text)
	}
	for _, want := range []string{
		`n3> GET greeting +"hello"`,
		`! n\d was killed: SIGKILL to process \d+`,
		`=> n\d led [\d.]+ m?s after n\d was killed`,
		`=> n\d was ready [\d.]+ m?s after its start`,
		`=> [\d,]+ writes were acknowledged within`,
		`=> n\d was [\d,]+ entries behind and caught up within`,
		`> SET side minority +\(error\) CLUSTERDOWN`,
		`> SET side majority +OK`,
		`> GET side +"majority"`,
		`=> The log of n\d, which leads, begins at entry [\d,]+ now`,
		`=> n\d received a snapshot up to entry [\d,]+`,
		`n4: joining, with [\d,]+ of [\d,]+ entries`,
		`=> n4 had a vote [\d.]+ m?s after its start, and with\s+it\s+the\s+data\s+of [\d,]+\s+entries\. No\s+request\s+failed\.`,
		`> REDOUBT MEMBER REMOVE n\d +OK`,
		`n\d has ended by itself: exit code 3`,
		`=> n\d had left after [\d.]+ m?s, its process ended with exit code 3, and`,
		`=> Proved\. [\d,]+ acknowledged writes, read through each of 3 nodes: all are`,
	} {
		if !regexp.MustCompile(want).MatchString(text) {
			t.Errorf("nothing like %q", want)
		}
	}
	if strings.Contains(text, "\x1b") {
		t.Error("not plain text")
	}
	if t.Failed() {
		t.Log(text)
	}
}

// A proof that fails is a failure: here somebody deletes everything before it.
func TestDemoProofFails(t *testing.T) {
	d := startDemo(t, "100")
	address := regexp.MustCompile(`redis-cli -p (\d+)`)
	if !d.read("redis-cli -p") {
		t.Fatal(d.text.String())
	}
	port := address.FindStringSubmatch(d.text.String())[1]
	if !d.read("5 of 7") {
		t.Fatal(d.text.String())
	}
	c, err := resp.Dial("127.0.0.1:"+port, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Do("FLUSHALL"); err != nil {
		t.Fatal(err)
	}
	if code := d.end(); code != exitError || !strings.Contains(d.text.String(), "was acknowledged and is not there") {
		t.Errorf("exit code %d\n%s", code, &d.text)
	}
}

// TestDemoInterrupted: it ends at once, in the middle of the story, and that is no
// success.
func TestDemoInterrupted(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		t.Run(sig.String(), func(t *testing.T) {
			d := startDemo(t, "5")
			if !d.read("2 of 7") {
				t.Fatal(d.text.String())
			}
			pids := nodesIn(t, d.tmp)
			if err := d.cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			d.read("")
			_ = d.cmd.Wait()
			if code := d.cmd.ProcessState.ExitCode(); code != exitError || !strings.Contains(d.text.String(), "interrupted before the proof") {
				t.Errorf("exit code %d\n%s", code, &d.text)
			}
			nothingLeft(t, d.tmp, pids)
		})
	}
}

// TestDemoInATerminal: the screen, some keys, and Ctrl-C in the middle of an act.
func TestDemoInATerminal(t *testing.T) {
	tool(t, "tmux")
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	tmp, seen := t.TempDir(), ""
	term := &terminal{t: t, socket: filepath.Join(t.TempDir(), "tmux")}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the screen:\n%s", seen)
		}
		term.tmux("kill-server")
	})
	term.tmux("new-session", "-d", "-x", "80", "-y", "24", "NO_COLOR=1 TMPDIR="+tmp+" "+path+" demo; echo exit code $?; exec cat")
	await := func(what string, patterns ...string) {
		t.Helper()
		(&cluster{t: t}).await(what, func() bool {
			seen = term.screen()
			for _, p := range patterns {
				if !regexp.MustCompile(p).MatchString(seen) {
					return false
				}
			}
			return true
		})
	}
	await("the first step", `Any node will do`, `(?m)^▸ n1 +up`, ` up +leader `, `enter  do it here`, `q ends the demo`)
	if colour := regexp.MustCompile(`\x1b\[[0-9;]*\b(3|4|9)[0-7]\b`).FindString(term.tmux("capture-pane", "-p", "-e")); colour != "" {
		t.Errorf("a colour in spite of NO_COLOR: %q", colour)
	}
	term.tmux("send-keys", "Enter")
	await("its result", `✓ n5 read what n1 was given`, `enter  go on: The leader dies`)
	term.tmux("send-keys", "2", "k")
	await("a dead node", `(?m)^▸ n2 +down`, `n2 was killed`)
	term.tmux("send-keys", "k")
	await("its return", `(?m)^▸ n2 +up +(follower|leader)`)
	term.tmux("resize-window", "-x", "140", "-y", "45")
	await("the wide screen", `node address +state`)
	pids := nodesIn(t, tmp)
	term.tmux("send-keys", "Enter")
	await("the second step", `enter  kill the leader`)
	term.tmux("send-keys", "Enter", "C-c")
	await("the end", `exit code 0`)
	nothingLeft(t, tmp, pids)
}
