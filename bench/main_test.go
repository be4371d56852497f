package bench

import (
	"context"
	"flag"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"redoubt/devcluster"
)

var update = flag.Bool("update", false, "write the files of testdata anew")

// program is built once for all tests.
var program string

func TestMain(m *testing.M) {
	flag.Parse()
	redis.SetLogger(quiet{}) // connections break on purpose
	dir, err := os.MkdirTemp("", "redoubt-test-")
	if err != nil {
		panic(err)
	}
	program = filepath.Join(dir, "redoubt")
	build := exec.Command("go", "build", "-o", program, "redoubt/cmd/redoubt")
	build.Stdout, build.Stderr = os.Stdout, os.Stderr
	code := 1
	if build.Run() == nil {
		code = m.Run()
	}
	if err := goleak.Find(); err != nil && code == 0 {
		os.Stderr.WriteString(err.Error())
		code = 1
	}
	os.RemoveAll(dir)
	os.Exit(code)
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
