package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/redis/go-redis/v9"
)

// devProcess is a running `redoubt dev`.
type devProcess struct {
	cmd  *exec.Cmd
	pids []int // of its nodes
	port int   // clients of n1
}

// startDevProcess runs it and reads what it prints up to the hint about Ctrl-C.
func startDevProcess(t *testing.T, nodes int, more ...string) *devProcess {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	d := &devProcess{port: portWithOthersAbove(t, nodes)}
	d.cmd = exec.Command(path, "dev", "--nodes", fmt.Sprint(nodes), "--port", fmt.Sprint(d.port))
	d.cmd.Args = append(d.cmd.Args, more...)
	d.cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir()) // a killed one cannot remove its data
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	d.cmd.Stderr = d.cmd.Stdout
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		d.cmd.Process.Kill()
		for _, pid := range d.pids {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	})
	row := regexp.MustCompile(`^  n\d+ .*http://\S+ +(\d+)`)
	lines := bufio.NewScanner(out)
	var all strings.Builder
	for lines.Scan() {
		all.WriteString(lines.Text() + "\n")
		if m := row.FindStringSubmatch(lines.Text()); m != nil {
			pid, _ := strconv.Atoi(m[1])
			d.pids = append(d.pids, pid)
		}
		if strings.HasPrefix(lines.Text(), "Ctrl-C") {
			go io.Copy(io.Discard, out)
			break
		}
	}
	if len(d.pids) != nodes {
		t.Fatalf("%d nodes in what dev says:\n%s", len(d.pids), &all)
	}
	return d
}

// portWithOthersAbove finds a port from which on all ports of the nodes are free.
func portWithOthersAbove(t *testing.T, nodes int) int {
	t.Helper()
	for port := 21000; port < 32000; port += 100 {
		free := true
		for i := range nodes {
			for _, offset := range []int{0, 1000, 10000} {
				l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port+i+offset))
				if err != nil {
					free = false
					continue
				}
				l.Close()
			}
		}
		if free {
			return port
		}
	}
	t.Fatal("no free ports")
	return 0
}

func (d *devProcess) awaitNodesGone(t *testing.T) {
	t.Helper()
	(&cluster{t: t}).await("the end of the nodes", func() bool {
		for _, pid := range d.pids {
			if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
				return false
			}
		}
		return true
	})
}

// When dev says so, every node can be used; a node that is killed comes back; and
// Ctrl-C leaves nothing behind.
func TestDev(t *testing.T) {
	d := startDevProcess(t, 3)
	clients := make([]*redis.Client, 3)
	for i := range clients {
		n := &node{addr: fmt.Sprintf("127.0.0.1:%d", d.port+i)}
		clients[i] = n.client()
		defer clients[i].Close()
		if err := clients[i].Set(background(t), "a", i, 0).Err(); err != nil {
			t.Errorf("SET through n%d: %v", i+1, err)
		}
	}
	if err := syscall.Kill(d.pids[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	(&cluster{t: t}).await("n1 to come back", func() bool {
		v, err := clients[0].Get(context.Background(), "a").Result()
		return err == nil && v == "2"
	})
	if err := d.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Wait(); err != nil {
		t.Errorf("after Ctrl-C: %v", err)
	}
	d.awaitNodesGone(t)
}

// Nodes do not outlive a dev that is killed.
func TestDevKilled(t *testing.T) {
	d := startDevProcess(t, 3)
	if err := d.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	d.awaitNodesGone(t)
}

// Only what a signal has ended was killed.
func TestDevSaysHowANodeEnded(t *testing.T) {
	for code, want := range map[int]string{-1: "was killed", 1: "ended with code 1 (its log is n1.log)"} {
		if got := ending(code, "n1.log"); got != want {
			t.Errorf("code %d: %q, want %q", code, got, want)
		}
	}
}

// The nodes of a directory know each other by their ports.
func TestDevAtAnotherPort(t *testing.T) {
	d := startDevProcess(t, 1, "--data-dir", t.TempDir())
	if err := d.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	args := []string{"--nodes", "1", "--port", fmt.Sprint(d.port + 1), "--data-dir", d.cmd.Args[len(d.cmd.Args)-1]}
	want := fmt.Sprintf("holds a cluster whose first node is at port %d", d.port)
	if code := runDev(t.Context(), args, &out, &errs); code != exitError || !strings.Contains(errs.String(), want) {
		t.Errorf("code %d, %s%s", code, &out, &errs)
	}
}

// What runs at the ports already is not shown as the new cluster.
func TestDevWherePortsAreTaken(t *testing.T) {
	d := startDevProcess(t, 1)
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(background(t), path, d.cmd.Args[1:]...).CombinedOutput()
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != exitError {
		t.Errorf("%v, want exit code %d", err, exitError)
	}
	if want := fmt.Sprintf("is another cluster running there? listen tcp 127.0.0.1:%d", d.port); !strings.Contains(string(out), want) {
		t.Errorf("no %q in:\n%s", want, out)
	}
}

func TestDevUsage(t *testing.T) {
	for args, want := range map[string]string{
		"--port 60000":           "--port 60000: the last of the ports above it",
		"--port 55534 --nodes 3": "--port 55534",
		"--port -1":              "--port -1",
		"--nodes 0":              "--nodes is between 1 and 9",
		"now":                    `dev takes no argument "now"`,
	} {
		var out, errs bytes.Buffer
		if code := runDev(t.Context(), strings.Fields(args), &out, &errs); code != exitUsage || !strings.Contains(errs.String(), want) {
			t.Errorf("%s: code %d, %s%s", args, code, &out, &errs)
		}
	}
}
