package devcluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Node is one member of the cluster, whether its process runs or not.
type Node struct {
	ID       string
	Addr     string // for clients
	PeerAddr string // where it listens for the other nodes
	HTTPAddr string // /status, /metrics, /readyz
	DataDir  string
	LogFile  string
	Args     []string // further flags from its next start on

	cluster   *Cluster
	announced string // where the other nodes dial: PeerAddr or a proxy
	proxy     *proxy // nil without Config.Links
	namespace namespace
	join      string       // whom it asks to be let in; "" is a founder
	claim     net.Listener // on a port beside its own; nil: it is in the cluster's

	mu     sync.Mutex
	run    *run
	paused atomic.Bool
}

// run is one life of the process.
type run struct {
	cmd    *exec.Cmd
	exited chan struct{}
}

// Start runs the process and does not wait until it is ready.
func (n *Node) Start() error {
	if n.Running() {
		return fmt.Errorf("%s runs already", n.ID)
	}
	log, err := os.OpenFile(n.LogFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	c := n.cluster
	args := append([]string{}, c.config.Command...)
	args = append(args, "--id", n.ID, "--addr", n.Addr, "--peer-addr", n.PeerAddr, "--http-addr", n.HTTPAddr,
		"--data-dir", n.DataDir, "--log-format", "json")
	switch {
	case n.join != "":
		args = append(args, "--join", n.join, "--announce", n.Announced())
	case c.config.Nodes > 1:
		args = append(args, "--cluster", c.founders)
	}
	args = append(append(args, c.config.Args...), n.Args...)
	program := c.config.Program
	if c.networks != nil {
		// ip becomes the program, so the process is the node's all the same.
		program, args = "ip", slices.Concat([]string{"netns", "exec", n.namespace.name, program}, args, []string{"--protected-mode", "no"})
	}
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = processAttributes()
	if err := c.started.start(cmd); err != nil {
		return fmt.Errorf("%s: %w", n.ID, err)
	}
	r := &run{cmd: cmd, exited: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // how it ended is in ProcessState
		close(r.exited)
	}()
	n.mu.Lock()
	n.run = r
	n.mu.Unlock()
	n.paused.Store(false)
	return nil
}

// Announced is how the node is reached by clients and by other nodes, in the form
// of the --cluster list.
func (n *Node) Announced() string {
	_, bus, _ := net.SplitHostPort(n.announced)
	return n.Addr + "@" + bus
}

func (n *Node) current() *run {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.run
}

// Started reports whether the process was ever started.
func (n *Node) Started() bool { return n.current() != nil }

// Running reports whether the process lives, paused or not.
func (n *Node) Running() bool {
	r := n.current()
	if r == nil {
		return false
	}
	select {
	case <-r.exited:
		return false
	default:
		return true
	}
}

// Paused reports whether the process is stopped by Pause.
func (n *Node) Paused() bool { return n.paused.Load() }

// Pid is that of the process, 0 when none runs.
func (n *Node) Pid() int {
	if !n.Running() {
		return 0
	}
	return n.current().cmd.Process.Pid
}

// Kill ends the process with SIGKILL and waits for its end.
func (n *Node) Kill() {
	if n.Running() {
		_ = n.signal(syscall.SIGKILL) // it may have ended by itself
		<-n.current().exited
	}
}

// Terminate asks the process to end, with SIGTERM, and does not wait.
func (n *Node) Terminate() error { return n.signal(syscall.SIGTERM) }

// Pause stops the process where it is, until Continue. When it returns nothing of the
// process runs any more: the signal alone takes its time on a busy machine.
func (n *Node) Pause() error {
	n.paused.Store(true)
	if err := n.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	if pid := n.Pid(); pid != 0 {
		awaitStop(pid)
	}
	return nil
}

// Continue lets a paused process go on.
func (n *Node) Continue() error {
	n.paused.Store(false)
	return n.signal(syscall.SIGCONT)
}

func (n *Node) signal(sig syscall.Signal) error {
	r := n.current()
	if r == nil {
		return nil
	}
	if err := r.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("%s: %w", n.ID, err)
	}
	return nil
}

// AwaitExit waits until the process has ended.
func (n *Node) AwaitExit(ctx context.Context) error {
	r := n.current()
	if r == nil {
		return nil
	}
	select {
	case <-r.exited:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waited for the end of %s: %w", n.ID, context.Cause(ctx))
	}
}

// ExitCode is that of the last life; -1 when it runs, was killed or never ran.
func (n *Node) ExitCode() int {
	if r := n.current(); r != nil && !n.Running() {
		return r.cmd.ProcessState.ExitCode()
	}
	return -1
}

// Restart kills the process when it runs, starts it again and waits until it is
// ready.
func (n *Node) Restart(ctx context.Context) error {
	n.Kill()
	if err := n.Start(); err != nil {
		return err
	}
	return n.AwaitReady(ctx)
}

// ExitError: a process ended that should have served.
type ExitError struct {
	Node string
	Code int    // -1: by a signal
	Last string // of what it printed
}

func (e *ExitError) Error() string {
	return fmt.Sprintf("%s exited with code %d: %s", e.Node, e.Code, e.Last)
}

// AwaitReady waits until the node serves: it knows a leader, has caught up and can
// write. It returns an *ExitError when the process ends instead.
func (n *Node) AwaitReady(ctx context.Context) error {
	return await(ctx, n.ID+" to be ready", func() (bool, error) {
		if !n.Running() {
			return false, &ExitError{n.ID, n.ExitCode(), n.lastLine()}
		}
		res, err := n.get("/readyz", httpTimeout)
		if err != nil {
			return false, nil
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK, nil
	})
}

// lastLine is the end of what the node has printed.
func (n *Node) lastLine() string {
	text, _ := os.ReadFile(n.LogFile) // an empty line says as much as an error here
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return lines[len(lines)-1]
}

// httpTimeout bounds a question to a node: paused ones do not answer.
const httpTimeout = 500 * time.Millisecond

func (n *Node) get(path string, patience time.Duration) (*http.Response, error) {
	// Kept connections would break at every kill.
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	return client.Get("http://" + n.HTTPAddr + path)
}
