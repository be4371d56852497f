package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"

	"redoubt/wal"
)

// What the settings give up, and what the heap may take, is in the log of every start.
func TestServeLogsWhatItStartsWith(t *testing.T) {
	t.Setenv("GOMEMLIMIT", "123456789")
	c := newCluster(t, 1, "--fsync", "no")
	c.startAll()
	text := readFile(t, c.nodes[0].log)
	for _, want := range []string{`"level":"WARN","msg":"fsync is off`, `"event":"memory","bytes":123456789`} {
		if !strings.Contains(text, want) {
			t.Errorf("the log lacks %s: %s", want, text)
		}
	}
}

// A directory is one node's for ever, with what it was made with; starting again is
// useless.
func TestDirectoryOfAnotherIsRefused(t *testing.T) {
	dir := wal.Dir{Path: t.TempDir() + "/data", FS: wal.OS()}
	for _, tt := range []struct{ args, want string }{
		{"--id n1", ""},
		{"--id n1", ""},
		{"--id n2", "belongs to node n1, not to n2"},
		{"--id n1 --databases 3", "was made with --databases 16; that cannot be changed to 3"},
	} {
		_, _, err := identity(t.Context(), load(t, strings.Fields(tt.args)...), dir, slog.New(slog.DiscardHandler))
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%s: %v", tt.args, err)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want) || exitCode(err) != exitRefused):
			t.Errorf("%s: code %d, %v, want %d, …%s…", tt.args, exitCode(err), err, exitRefused, tt.want)
		}
	}
}

// A node that is asked to stop while it waits to be let in has done what it was asked.
func TestStopWhileJoining(t *testing.T) {
	c := newCluster(t, 1) // which does not run
	n := c.joining("n2", c.nodes[0])
	c.start(n)
	c.await("n2 asks to be let in", func() bool { return strings.Contains(readFile(t, n.log), "not let in yet") })
	n.signal(syscall.SIGTERM)
	if code := c.awaitExit(n); code != exitOK || !strings.Contains(readFile(t, n.log), `"event":"stop"`) {
		t.Errorf("code %d, and %s", code, readFile(t, n.log))
	}
}

// It does not wait for the answer of a node, either.
func TestStopWhileANodeIsAskedToLetIn(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, stop := context.WithCancel(t.Context())
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		conn.Read(make([]byte, 1))
		stop()
		<-t.Context().Done()
	}()
	config := load(t, "--id", "n4", "--join", l.Addr().String(), "--command-timeout", "10m")
	_, err = (&joiner{config: config, log: slog.New(slog.DiscardHandler)}).join(ctx, joinPatience)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("join: %v", err)
	}
}

// What one node cannot do now, another may: the next address of --join is asked.
func TestJoinGoesOnToTheNextAddress(t *testing.T) {
	c := newCluster(t, 1)
	c.startAll()
	for i, reply := range []string{"ERR max number of clients reached", "LOADING Redis is loading the dataset in memory"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				conn.Read(make([]byte, 1000))
				fmt.Fprintf(conn, "-%s\r\n", reply)
				conn.Close()
			}
		}()
		n := c.joining(fmt.Sprintf("n%d", i+2), c.nodes[0])
		n.join = l.Addr().String() + "," + n.join
		c.start(n)
		c.awaitReady(n)
	}
	c.awaitMembers(c.nodes[0], "n1 n2 n3")
}

// Whoever replaces a node, or adds one, may be quicker than the new node's own question,
// which is refused then.
func TestNodeIsAddedWhileItAsks(t *testing.T) {
	c := newCluster(t, 1)
	c.startAll()
	first := c.nodes[0]
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	n := c.joining("n2", first)
	added := sync.OnceFunc(func() { c.mustMember([]*node{first}, "add", "n2", n.announced(), "--learner") })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go forward(conn, first.addr, func(request string) {
				if strings.Contains(request, "ADD") {
					added()
				}
			})
		}
	}()
	n.join = l.Addr().String()
	c.start(n)
	c.awaitReady(n)
	c.awaitMembers(first, "n1 n2:learner")
	if text := readFile(t, n.log); !strings.Contains(text, "there is a member of this id") {
		t.Errorf("its question was not refused: %s", text)
	}
}

// forward carries a connection on to an address, after before has seen what it asks.
func forward(conn net.Conn, to string, before func(request string)) {
	defer conn.Close()
	next, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer next.Close()
	go io.Copy(conn, next)
	request := make([]byte, 1000)
	for {
		count, err := conn.Read(request)
		if err != nil {
			return
		}
		before(string(request[:count]))
		if _, err := next.Write(request[:count]); err != nil {
			return
		}
	}
}
