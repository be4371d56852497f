package bench

import (
	"context"
	"flag"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/redis/go-redis/v9"

	"redoubt/devcluster"
	"redoubt/devcluster/testprogram"
)

var update = flag.Bool("update", false, "write the files of testdata anew")

// program is built once for all tests.
var program string

func TestMain(m *testing.M) {
	flag.Parse()
	redis.SetLogger(quiet{}) // connections break on purpose
	testprogram.Main(m, &program)
}

// quiet keeps go-redis from printing every connection that breaks.
type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}

// startNodes runs real processes and returns where their clients connect.
func startNodes(t *testing.T, nodes int, args ...string) []string {
	t.Helper()
	c, err := devcluster.New(devcluster.Config{Program: program, Nodes: nodes, Args: args})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	var addrs []string
	for _, n := range c.Nodes {
		addrs = append(addrs, n.Addr)
	}
	return addrs
}

// fakeServer answers each connection with a function, for what no real server
// does when it is asked to.
func fakeServer(t *testing.T, answer func(conn net.Conn)) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				answer(conn)
				conn.Close()
			}()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-closed
	})
	return l.Addr().String()
}

// golden compares with a file of testdata, or writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test ./bench -update writes it); got:\n%s", path, got)
	}
}
