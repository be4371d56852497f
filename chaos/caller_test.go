package chaos

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"

	"redoubt/devcluster"
	"redoubt/resp"
)

func TestJudge(t *testing.T) {
	for _, c := range []struct {
		replies string
		want    result
		why     string
	}{
		{"+OK\r\n", acknowledged, ""},
		{"$-1\r\n", acknowledged, ""},
		{"-CLUSTERDOWN no leader\r\n", refused, "CLUSTERDOWN"},
		{"-TRYAGAIN\r\n", refused, "TRYAGAIN"},
		{"-MISCONF full\r\n", refused, "MISCONF"},
		{"-UNCERTAIN who knows\r\n", unknownOutcome, "UNCERTAIN"},
		{"-ERR no such thing\r\n", surprise, "ERR no such thing"},
		{"-WRONGTYPE x\r\n", surprise, "WRONGTYPE x"},
		{"+OK\r\n-CLUSTERDOWN x\r\n-EXECABORT y\r\n", refused, "CLUSTERDOWN"},
		{"+OK\r\n-ERR x\r\n-EXECABORT y\r\n", surprise, "EXECABORT y"},
		{"+OK\r\n+QUEUED\r\n-UNCERTAIN\r\n", unknownOutcome, "UNCERTAIN"},
	} {
		var values []resp.Value
		for r := bufio.NewReader(strings.NewReader(c.replies)); ; {
			v, err := resp.ReadValue(r)
			if err != nil {
				break
			}
			values = append(values, v)
		}
		if got := judge(values); got.result != c.want || got.why != c.why {
			t.Errorf("%q: %+v", c.replies, got)
		}
	}
}

// server answers each connection with one of the texts, then closes it. Nobody
// listens any more when the last one is answered.
func server(t *testing.T, answers ...string) *devcluster.Node {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for i, a := range answers {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if i == len(answers)-1 {
				l.Close()
			}
			if _, err := c.Read(make([]byte, 4096)); err == nil {
				io.WriteString(c, a)
			}
			c.Close()
		}
	}()
	return &devcluster.Node{ID: "n1", Addr: l.Addr().String()}
}

// After an unknown outcome the client is never heard of again, and the operation
// stays open for ever.
func TestClientRetiresAfterAnUnknownOutcome(t *testing.T) {
	n := server(t, "", "-UNCERTAIN\r\n:1\r\n", ":2\r\n")
	c := caller{nodes: []*devcluster.Node{n}, recorder: NewRecorder()}
	do := func() (Operation, outcome) {
		op := Operation{Verb: Incr, Key: "k"}
		out := c.do(&op)
		return op, out
	}
	broken, out := do()
	if out.result != unknownOutcome || broken.Known || broken.Return != Forever {
		t.Errorf("connection lost: %+v, %+v", broken, out)
	}
	uncertain, out := do()
	if out.result != unknownOutcome || uncertain.Known || uncertain.Client == broken.Client {
		t.Errorf("UNCERTAIN: %+v, %+v", uncertain, out)
	}
	done, out := do() // on the same connection, by another client
	if out.result != acknowledged || !done.Known || done.Reply != "1" || done.Client == uncertain.Client || done.Return < done.Call {
		t.Errorf("done: %+v, %+v", done, out)
	}
	c.disconnect()
	again, out := do()
	if out.result != acknowledged || again.Client != done.Client || again.Reply != "2" {
		t.Errorf("again: %+v, %+v", again, out)
	}
	c.disconnect()
	if _, out := do(); out.result != refused {
		t.Errorf("nobody listens: %+v", out)
	}
}
