package peer

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"redoubt/raft"
)

func TestRefusals(t *testing.T) {
	tests := []struct {
		name     string
		caller   func(*Config) // n1, who dials n2
		to       raft.NodeID
		verify   error // n2's opinion of n1
		word     string
		final    bool
		stranger bool
	}{
		{name: "welcome", to: "n2"},
		{name: "other cluster", caller: func(c *Config) { c.Self.ClusterID = "other" }, to: "n2", word: refusedWrongCluster, stranger: true},
		{name: "other node wanted", to: "n3", word: refusedWrongNode},
		{name: "caller claims to be the node itself", caller: func(c *Config) { c.Self.NodeID = "n2" }, to: "n2", word: refusedWrongNode},
		{name: "other error", to: "n2", verify: errors.New("not now"), word: refusedUnknown},
		{name: "removed node", to: "n2", verify: fmt.Errorf("n1: %w", ErrRemoved), word: refusedRemoved, final: true},
		{name: "wiped disk", to: "n2", verify: fmt.Errorf("n1: %w", ErrIncarnation), word: refusedIncarnation, final: true},
		{name: "wrong secret", caller: func(c *Config) { c.Secret = "guess" }, to: "n2", word: refusedSecret},
		{name: "no secret", caller: func(c *Config) { c.Secret = "" }, to: "n2", word: refusedSecret},
		{name: "wrong secret hides the rest", caller: func(c *Config) { c.Secret, c.Self.ClusterID = "guess", "other" }, to: "n2", word: refusedSecret},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n1, n2 := start(t, "n1", "", tt.caller), start(t, "n2", "", nil)
			n2.setVerify("n1", tt.verify)
			_, _, err := n1.introduce(rawDial(t, n2.addr), tt.to, laneCtl)
			var r *refusal
			if tt.word == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if !errors.As(err, &r) || r.word != tt.word || r.final() != tt.final || r.stranger() != tt.stranger {
				t.Fatalf("got %#v (%v), want word %q, final %t, stranger %t", r, err, tt.word, tt.final, tt.stranger)
			}
			// The same through the stream that dials.
			n1.SetMembers([]raft.Member{{ID: tt.to, PeerAddr: n2.addr}})
			if tt.final {
				if got, want := receive(t, n1.refused), string(tt.to)+" "+tt.word+": "; !strings.HasPrefix(got, want) {
					t.Errorf("Refused(%q), want %q…", got, want)
				}
			}
			for range 3 { // at each attempt
				if !tt.stranger {
					break
				}
				if got, want := receive(t, n1.strange), string(tt.to)+" "+tt.word+": "; !strings.HasPrefix(got, want) {
					t.Errorf("Stranger(%q), want %q…", got, want)
				}
			}
		})
	}
}

func TestTheDiallingSideChecksWhoAnswers(t *testing.T) {
	n1, n2 := start(t, "n1", "", nil), start(t, "n2", "", nil)
	n1.setVerify("n2", ErrIncarnation)
	if _, _, err := n1.introduce(rawDial(t, n2.addr), "n2", laneCtl); !errors.Is(err, ErrIncarnation) {
		t.Errorf("got %v", err)
	}
}

// A node that is no member yet finds out whether it will be let in.
func TestProbe(t *testing.T) {
	n := start(t, "n2", "", nil)
	self := Identity{ClusterID: n.config.Self.ClusterID, NodeID: "n9", Incarnation: 9, Version: "test"}
	if err := Probe(self, n.config.Secret, "n2", n.addr); err != nil {
		t.Errorf("welcome: %v", err)
	}
	if err := Probe(self, "guess", "n2", n.addr); !errors.Is(err, ErrSecret) {
		t.Errorf("wrong secret: %v", err)
	}
	if err := Probe(self, n.config.Secret, "n3", n.addr); err == nil {
		t.Error("another node answered")
	}
	for _, verdict := range []error{ErrRemoved, ErrIncarnation} {
		n.setVerify("n9", verdict)
		if err := Probe(self, n.config.Secret, "n2", n.addr); !errors.Is(err, verdict) {
			t.Errorf("%v: %v", verdict, err)
		}
	}
}

func TestOtherProtocolVersion(t *testing.T) {
	n := start(t, "n2", "", nil)
	conn := rawDial(t, n.addr)
	fmt.Fprint(conn, strings.Replace(string(testHello().append(nil)), "$1\r\n"+protocolVersion+"\r\n", "$1\r\n1\r\n", 1))
	if got := readAll(t, conn); !strings.HasPrefix(got, "-REFUSED protocol - ") {
		t.Errorf("got %q", got)
	}
}

func testHello() hello {
	return hello{testCluster, "n1", "n2", incarnationOf("n1"), "", "test", laneCtl, newNonce()}
}

func TestAReplayedHandshakeIsRefused(t *testing.T) {
	n := start(t, "n2", "", nil)
	h := testHello()
	first := rawDial(t, n.addr)
	first.Write(h.append(nil))
	f := newFrameReader(first, 4096)
	c, err := readChallenge(f)
	if err != nil {
		t.Fatal(err)
	}
	auth := appendCommand(nil, "RAFT.AUTH", string(newProof("a secret", h, c).dialer()))
	first.Write(auth)
	if err := readVerdict(f, newProof("a secret", h, c)); err != nil {
		t.Fatal(err)
	}

	second := rawDial(t, n.addr)
	second.Write(h.append(nil))
	f = newFrameReader(second, 4096)
	if _, err := readChallenge(f); err != nil {
		t.Fatal(err)
	}
	second.Write(auth)
	if line, err := f.line(); err != nil || !strings.HasPrefix(string(line), "-REFUSED secret - ") {
		t.Errorf("the recorded proof got %q, %v", line, err)
	}
}

// TestAnImpostor plays the accepting side without knowing the secret.
func TestAnImpostor(t *testing.T) {
	tests := []struct {
		name    string
		verdict func(auth string) string
	}{
		{"makes up a mac", func(string) string { return "+OK " + strings.Repeat("00", 32) + "\r\n" }},
		{"sends the caller's own mac back", func(auth string) string { return fmt.Sprintf("+OK %x\r\n", auth) }},
		{"refuses for good without a mac", func(string) string { return "-REFUSED removed - go away\r\n" }},
		{"refuses for good with a made-up mac", func(auth string) string { return fmt.Sprintf("-REFUSED removed %x go away\r\n", auth) }},
		{"says something else", func(string) string { return "+PONG\r\n" }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n1 := start(t, "n1", "", nil)
			l := listen(t, "127.0.0.1:0")
			defer l.Close()
			done := make(chan error, 1)
			go func() {
				conn, err := l.Accept()
				if err != nil {
					done <- err
					return
				}
				defer conn.Close()
				f := newFrameReader(conn, 4096)
				if _, err := readHello(f); err != nil {
					done <- err
					return
				}
				conn.Write(challenge{"n2", incarnationOf("n2"), "test", newNonce()}.append(nil))
				args, err := f.command("RAFT.AUTH", 1, 32)
				if err == nil {
					_, err = io.WriteString(conn, tt.verdict(string(args[0])))
				}
				done <- err
			}()
			_, _, err := n1.introduce(rawDial(t, l.Addr().String()), "n2", laneCtl)
			if e := receive(t, done); e != nil {
				t.Fatal(e)
			}
			var r *refusal
			if err == nil || errors.As(err, &r) && r.final() {
				t.Errorf("believed: %v", err)
			}
		})
	}
}

func TestASlowHandshakeIsCut(t *testing.T) {
	n := start(t, "n2", "", func(c *Config) { c.HandshakeTimeout = 50 * time.Millisecond })
	hello := string(testHello().append(nil))
	for _, sent := range []string{"", "*", hello[:40], hello} {
		conn := rawDial(t, n.addr)
		io.WriteString(conn, sent)
		readAll(t, conn) // fails the test unless the node closes
	}
}

func TestHandshakesAreBounded(t *testing.T) {
	n := start(t, "n2", "", func(c *Config) { c.HandshakeTimeout = patience })
	silent := make([]net.Conn, maxHandshakes)
	for i := range silent {
		silent[i] = rawDial(t, n.addr)
	}
	readAll(t, rawDial(t, n.addr)) // one too many: closed at once
	for _, conn := range silent {
		conn.Close()
	}
	n1 := start(t, "n1", "", nil)
	n1.dials(t, n)
}

func TestGarbageHurtsNobodyElse(t *testing.T) {
	n1, n2 := start(t, "n1", "", nil), start(t, "n2", "", nil)
	n1.dials(t, n2)
	hello := string(testHello().append(nil))
	for _, tt := range []struct{ in, want string }{
		{"POST / HTTP/1.1\r\nHost: x\r\n\r\n", "-ERR Protocol error: "},
		{"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "-ERR Protocol error: "},
		{"*1\r\n$4\r\nPING\r\n", "-ERR Protocol error: this is a redoubt peer port"},
		{"*2\r\n$8\r\nRAFT.MSG\r\n$1\r\nx\r\n", "-ERR Protocol error: "},
		{"*9\r\n$10\r\nRAFT.HELLO\r\n$1000000000\r\n", "-ERR Protocol error: "},
		{strings.Replace(hello, "ctl", "ltc", 1), "-ERR Protocol error: no such lane"},
		{strings.Replace(hello, "$4\r\n1049\r\n", "$4\r\n-100\r\n", 1), "-ERR Protocol error: bad incarnation"},
		{strings.Repeat("x", 100000), "-ERR Protocol error: "},
	} {
		conn := rawDial(t, n2.addr)
		io.WriteString(conn, tt.in)
		conn.(*net.TCPConn).CloseWrite()
		// A reset may overtake the answer when input was left unread.
		if got := readAll(t, conn); !strings.HasPrefix(got, tt.want) && len(tt.in) < 1000 {
			t.Errorf("%.40q got %q, want %q", tt.in, got, tt.want)
		}
	}
	// Data before the verdict.
	conn := rawDial(t, n2.addr)
	h := testHello()
	conn.Write(h.append(nil))
	c, err := readChallenge(frameReader{bufio.NewReader(conn)})
	if err != nil {
		t.Fatal(err)
	}
	conn.Write(append(appendCommand(nil, "RAFT.AUTH", string(newProof("a secret", h, c).dialer())), "*2\r\n"...))
	if got := readAll(t, conn); strings.HasPrefix(got, "+OK") {
		t.Errorf("got %q", got)
	}

	n1.Send(heartbeat(n2, 7))
	if m := receive(t, n2.messages); m.Round != 7 {
		t.Errorf("got %+v", m)
	}
	expectNone(t, "link down", n2.down)
}
