package peer

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"redoubt/raft"
	"redoubt/resp"
)

const (
	protocolVersion = "2"
	nonceBytes      = 32
	// maxHelloBytes bounds each argument before the other side has proven
	// itself; helloBufferBytes is all that an unproven connection costs.
	maxHelloBytes    = 256
	helloBufferBytes = 4 << 10
)

// What Handler.Verify answers, wrapped or bare, decides the word of the
// refusal. Both are for good: an id that left never comes back, a wiped disk does
// not remember.
var (
	ErrRemoved     = errors.New("node was removed from the cluster")
	ErrIncarnation = errors.New("node has lost its data directory")
)

// The words of "-REFUSED <word> …".
const (
	refusedProtocol     = "protocol"
	refusedSecret       = "secret"
	refusedWrongCluster = "wrong-cluster"
	refusedWrongNode    = "wrong-node"
	refusedUnknown      = "unknown"
	refusedRemoved      = "removed"
	refusedIncarnation  = "incarnation"
)

// refusal is a definite no of one side of the handshake.
type refusal struct {
	word, text string
	// proven: the refusing side knows the secret. Only then is its word taken
	// as final: anybody can answer on a port.
	proven bool
}

func (r *refusal) Error() string { return "refused: " + r.word + ": " + r.text }

// final tells whether trying again is useless.
func (r *refusal) final() bool {
	switch r.word {
	case refusedRemoved, refusedIncarnation:
		return r.proven
	}
	return false
}

// stranger tells that the other side belongs to another cluster: this node or the
// other is where it should not be.
func (r *refusal) stranger() bool { return r.word == refusedWrongCluster && r.proven }

// lane separates messages that must not wait from those that may be large.
type lane uint8

const (
	laneCtl lane = iota
	laneLog
	laneSnap
)

func (l lane) String() string { return [...]string{"ctl", "log", "snap"}[l] }

func parseLane(s string) (lane, bool) {
	for _, l := range [...]lane{laneCtl, laneLog, laneSnap} {
		if s == l.String() {
			return l, true
		}
	}
	return 0, false
}

// hello is what the dialling side says about itself and whom it wants.
type hello struct {
	clusterID   string
	from, to    raft.NodeID
	incarnation uint64
	addr        string // where from accepts; it may be new to the other side
	version     string
	lane        lane
	nonce       string
}

func (h hello) append(dst []byte) []byte {
	return appendCommand(dst, "RAFT.HELLO", protocolVersion, h.clusterID, string(h.from), string(h.to),
		strconv.FormatUint(h.incarnation, 10), h.addr, h.version, h.lane.String(), h.nonce)
}

// readHello returns a *refusal when the frame is sound but of another protocol.
func readHello(f frameReader) (hello, error) {
	args, err := f.command("RAFT.HELLO", 9, maxHelloBytes)
	if err != nil {
		return hello{}, err
	}
	h := hello{clusterID: string(args[1]), from: raft.NodeID(args[2]), to: raft.NodeID(args[3]),
		addr: string(args[5]), version: string(args[6]), nonce: string(args[8])}
	if string(args[0]) != protocolVersion {
		return h, &refusal{word: refusedProtocol, text: "this node speaks peer protocol " + protocolVersion}
	}
	if h.incarnation, err = strconv.ParseUint(string(args[4]), 10, 64); err != nil {
		return h, fmt.Errorf("%w: bad incarnation", errProtocol)
	}
	var ok bool
	if h.lane, ok = parseLane(string(args[7])); !ok {
		return h, fmt.Errorf("%w: no such lane", errProtocol)
	}
	if len(h.nonce) != nonceBytes {
		return h, fmt.Errorf("%w: bad nonce", errProtocol)
	}
	return h, nil
}

// challenge is the accepting side's answer to a hello.
type challenge struct {
	id          raft.NodeID
	incarnation uint64
	version     string
	nonce       string
}

func (c challenge) append(dst []byte) []byte {
	return appendCommand(dst, string(c.id), strconv.FormatUint(c.incarnation, 10), c.version, c.nonce)
}

func readChallenge(f frameReader) (challenge, error) {
	if b, err := f.r.Peek(1); err == nil && b[0] == '-' {
		return challenge{}, readVerdict(f, nil)
	}
	n, err := f.number('*', 4)
	if err != nil {
		return challenge{}, err
	}
	if n != 4 {
		return challenge{}, fmt.Errorf("%w: challenge of %d parts", errProtocol, n)
	}
	args, err := f.bulks(4, maxHelloBytes)
	if err != nil {
		return challenge{}, err
	}
	c := challenge{id: raft.NodeID(args[0]), version: string(args[2]), nonce: string(args[3])}
	if c.incarnation, err = strconv.ParseUint(string(args[1]), 10, 64); err != nil || len(c.nonce) != nonceBytes {
		return c, fmt.Errorf("%w: bad challenge", errProtocol)
	}
	return c, nil
}

// proof authenticates one side's part of a handshake: the label says whose, the
// transcript has both nonces and both identities, so that a proof fits neither
// the other direction nor another connection.
type proof struct {
	secret     []byte
	transcript []byte
}

func newProof(secret string, h hello, c challenge) *proof {
	return &proof{[]byte(secret), c.append(h.append(nil))}
}

func (p *proof) dialer() []byte { return p.sum("redoubt dialer") }

func (p *proof) acceptor(word string) []byte { return p.sum("redoubt acceptor " + word) }

func (p *proof) sum(label string) []byte {
	mac := hmac.New(sha256.New, p.secret)
	mac.Write([]byte(label))
	mac.Write([]byte{0})
	mac.Write(p.transcript)
	return mac.Sum(nil)
}

// appendVerdict writes "+OK <mac>" or "-REFUSED <word> <mac or -> <text>". The
// mac covers the word.
func appendVerdict(dst []byte, p *proof, r *refusal) []byte {
	if r == nil {
		return resp.AppendSimple(dst, fmt.Sprintf("OK %x", p.acceptor("OK")))
	}
	mac := "-"
	if r.proven {
		mac = hex.EncodeToString(p.acceptor(r.word))
	}
	return resp.AppendError(dst, fmt.Sprintf("REFUSED %s %s %s", r.word, mac, r.text))
}

// readVerdict returns nil for a proven OK. p is nil before the challenge.
func readVerdict(f frameReader, p *proof) error {
	b, err := f.line()
	if err != nil {
		return unexpected(err)
	}
	line := string(b)
	proven := func(word, mac string) bool {
		sum, err := hex.DecodeString(mac)
		return err == nil && p != nil && hmac.Equal(sum, p.acceptor(word))
	}
	if mac, ok := strings.CutPrefix(line, "+OK "); ok {
		if !proven("OK", mac) {
			return &refusal{word: refusedSecret, text: "the peer does not know the cluster secret"}
		}
		return nil
	}
	if rest, ok := strings.CutPrefix(line, "-REFUSED "); ok {
		if parts := strings.SplitN(rest, " ", 3); len(parts) == 3 {
			return &refusal{parts[0], parts[2], proven(parts[0], parts[1])}
		}
	}
	return fmt.Errorf("%w: expected a verdict, got %.128q", errProtocol, line)
}

func newNonce() string {
	b := make([]byte, nonceBytes)
	rand.Read(b) // never fails, see crypto/rand
	return string(b)
}

// introduce runs the dialling side of the handshake. It returns who answered.
func (t *Transport) introduce(conn net.Conn, to raft.NodeID, l lane) (frameReader, challenge, error) {
	// Big enough for what comes back on every lane: verdicts and offsets.
	f := newFrameReader(conn, helloBufferBytes)
	self := t.config.Self
	h := hello{self.ClusterID, self.NodeID, to, self.Incarnation, self.Addr, self.Version, l, newNonce()}
	if err := conn.SetDeadline(time.Now().Add(t.config.HandshakeTimeout)); err != nil {
		return f, challenge{}, err
	}
	if _, err := conn.Write(h.append(nil)); err != nil {
		return f, challenge{}, err
	}
	c, err := readChallenge(f)
	if err != nil {
		return f, c, err
	}
	p := newProof(t.config.Secret, h, c)
	if _, err := conn.Write(appendCommand(nil, "RAFT.AUTH", string(p.dialer()))); err != nil {
		return f, c, err
	}
	if err := readVerdict(f, p); err != nil {
		return f, c, err
	}
	if c.id != to {
		return f, c, fmt.Errorf("node %q answered in place of %q", c.id, to)
	}
	if err := t.config.Handler.Verify(to, c.incarnation); err != nil {
		return f, c, fmt.Errorf("the node that answered is not the member: %w", err)
	}
	return f, c, conn.SetDeadline(time.Time{})
}

// welcome runs the accepting side of the handshake. It returns who called; the
// error says whether it was told why not.
func (t *Transport) welcome(conn net.Conn) (hello, error) {
	f := newFrameReader(conn, helloBufferBytes)
	if err := conn.SetDeadline(time.Now().Add(t.config.HandshakeTimeout)); err != nil {
		return hello{}, err
	}
	h, err := readHello(f)
	var refused *refusal
	if errors.As(err, &refused) {
		conn.Write(appendVerdict(nil, nil, refused)) // best effort: the connection ends here
		return h, refused
	}
	if err != nil {
		return h, err
	}
	self := t.config.Self
	c := challenge{self.NodeID, self.Incarnation, self.Version, newNonce()}
	if _, err := conn.Write(c.append(nil)); err != nil {
		return h, err
	}
	auth, err := f.command("RAFT.AUTH", 1, sha256.Size)
	if err != nil {
		return h, unexpected(err)
	}
	p := newProof(t.config.Secret, h, c)
	if hmac.Equal(auth[0], p.dialer()) {
		refused = t.judge(h)
	} else {
		refused = &refusal{word: refusedSecret, text: "the cluster secrets differ"}
	}
	if f.r.Buffered() > 0 {
		return h, fmt.Errorf("%w: data before the verdict", errProtocol)
	}
	if _, err := conn.Write(appendVerdict(nil, p, refused)); err != nil {
		return h, err
	}
	if refused != nil {
		return h, refused
	}
	return h, conn.SetDeadline(time.Time{})
}

// judge decides about a caller that knows the secret; nil means welcome.
func (t *Transport) judge(h hello) *refusal {
	self := t.config.Self
	if h.clusterID != self.ClusterID {
		return &refusal{refusedWrongCluster, "this node belongs to another cluster", true}
	}
	if h.to != self.NodeID || h.from == self.NodeID {
		return &refusal{refusedWrongNode, "this is node " + string(self.NodeID), true}
	}
	err := t.config.Handler.Verify(h.from, h.incarnation)
	switch {
	case err == nil && !t.hasRoomFor(h.from):
		return &refusal{refusedUnknown, fmt.Sprintf("this node knows neither %s nor %d others that have called", h.from, maxGuests), true}
	case err == nil:
		return nil
	case errors.Is(err, ErrRemoved):
		return &refusal{refusedRemoved, err.Error(), true}
	case errors.Is(err, ErrIncarnation):
		return &refusal{refusedIncarnation, err.Error(), true}
	}
	return &refusal{refusedUnknown, err.Error(), true}
}

// complain tells a stranger that speaks RESP where it has landed; best effort.
func complain(conn net.Conn, err error) {
	if errors.Is(err, errProtocol) {
		conn.Write(resp.AppendError(nil, "ERR Protocol error: "+strings.TrimPrefix(err.Error(), errProtocol.Error()+": ")))
	}
}
