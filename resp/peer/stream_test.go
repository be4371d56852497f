package peer

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"

	"redoubt/raft"
)

func TestMessagesArriveInOrderPerLane(t *testing.T) {
	n1, n2 := start(t, "n1", "", nil), start(t, "n2", "", nil)
	n1.dials(t, n2)
	const count = 2000
	for i := uint64(1); i <= count; i++ {
		n1.Send(heartbeat(n2, i))
		n1.Send(appendOf(n2, i, fmt.Appendf(nil, "entry %d", i)))
	}
	var ctl, log uint64
	for range 2 * count {
		m := receive(t, n2.messages)
		if m.From != "n1" || m.To != "n2" || m.Incarnation != incarnationOf("n1") {
			t.Fatalf("addresses: %+v", m)
		}
		switch m.Type {
		case raft.MsgHeartbeat:
			if ctl++; m.Round != ctl {
				t.Fatalf("heartbeat %d came as number %d", m.Round, ctl)
			}
		case raft.MsgAppend:
			log++
			want := appendOf(n2, log, fmt.Appendf(nil, "entry %d", log)).Entries
			if !reflect.DeepEqual(m.Entries, want) {
				t.Fatalf("append number %d is %+v", log, m)
			}
		}
	}
	s, r := n1.Peers()[0], n2
	if s.MessagesOut != 2*count || s.BytesOut == 0 || s.Drops != 0 || s.Reconnects != 0 {
		t.Errorf("sender: %+v", s)
	}
	r.SetMembers(membersOf(n1))
	if s := r.Peers()[0]; s.ID != "n1" || s.MessagesIn != 2*count || s.BytesIn == 0 {
		t.Errorf("receiver: %+v", s)
	}
}

func TestLanes(t *testing.T) {
	entries := []raft.Entry{{Index: 1}}
	for _, typ := range messageTypes {
		for _, e := range [][]raft.Entry{nil, entries} {
			want := laneCtl
			if e != nil || typ == raft.MsgAppend {
				want = laneLog
			}
			if got := laneOf(&raft.Message{Type: typ, Entries: e}); got != want {
				t.Errorf("type %d with %d entries goes to %s", typ, len(e), got)
			}
		}
	}
}

func TestABlockedReceiverDoesNotBlockTheSender(t *testing.T) {
	n1 := start(t, "n1", "", func(c *Config) { c.QueueMessages, c.WriteTimeout = 8, patience })
	open := make(chan struct{})
	n2 := start(t, "n2", "", func(c *Config) {
		deliver := c.Handler.Message
		c.Handler.Message = func(m raft.Message) {
			if m.Type == raft.MsgAppend {
				<-open
			}
			deliver(m)
		}
	})
	n1.dials(t, n2)
	data := make([]byte, 256<<10)
	for i := uint64(1); n1.Peers()[0].Drops == 0; i++ {
		n1.Send(appendOf(n2, i, data))
	}
	if s := n1.Peers()[0]; s.QueueMessages > 8 || s.QueueBytes == 0 {
		t.Errorf("queue: %+v", s)
	}
	n1.Send(heartbeat(n2, 1)) // the other lane is free
	if m := receive(t, n2.messages); m.Type != raft.MsgHeartbeat {
		t.Errorf("got %+v", m)
	}
	close(open)
	for i := uint64(1); i <= 8; i++ { // at least what was queued comes, in order
		if m := receive(t, n2.messages); m.Entries[0].Index != i {
			t.Fatalf("append number %d is %d", i, m.Entries[0].Index)
		}
	}
	eventually(t, "the queue is empty", func() bool { return n1.Peers()[0].QueueBytes == 0 })
}

func TestTheQueueIsBoundedInBytes(t *testing.T) {
	c := Config{QueueBytes: 1000, Listener: nil}.withDefaults()
	p := &peer{t: &Transport{config: c}, traffic: &traffic{}}
	s := newStream(p, laneLog)
	m := raft.Message{Type: raft.MsgForward, Entries: []raft.Entry{{Data: make([]byte, 600)}}}
	if _, n, _ := s.status(); s.push(m) || n != 0 || p.traffic.drops.Load() != 1 {
		t.Errorf("a stream without a connection queued %d", n)
	}
	conn, other := net.Pipe()
	defer conn.Close()
	defer other.Close()
	s.open(conn)
	if !s.push(m) || s.push(m) {
		t.Error("the second message is over 1000 bytes, the first is not")
	}
	if _, n, bytes := s.status(); n != 1 || bytes != messageSize(&m) || p.traffic.drops.Load() != 2 {
		t.Errorf("%d messages of %d bytes queued, %d dropped", n, bytes, p.traffic.drops.Load())
	}
	s.shut()
	s.open(conn)
	m.Entries[0].Data = make([]byte, 5000) // alone it may be larger than the queue
	s.push(m)
	if _, n, _ := s.status(); n != 1 || p.traffic.drops.Load() != 3 {
		t.Errorf("%d queued, %d dropped", n, p.traffic.drops.Load())
	}
}

func TestWhatTheReceiverWouldNotTakeIsNotSent(t *testing.T) {
	n1 := start(t, "n1", "", func(c *Config) { c.MaxMessageBytes = 10 << 10 })
	n2 := start(t, "n2", "", nil)
	n1.dials(t, n2)
	for _, m := range []raft.Message{
		appendOf(n2, 1, make([]byte, 11<<10)),
		{Type: raft.MsgAppend, To: "n2", Entries: make([]raft.Entry, maxEntries+1)},
		{Type: raft.MsgHeartbeat, To: "nobody"},
	} {
		if n1.Send(m) {
			t.Errorf("%d entries to %s are queued", len(m.Entries), m.To)
		}
	}
	if !n1.Send(appendOf(n2, 2, nil)) {
		t.Error("a good message is refused")
	}
	if m := receive(t, n2.messages); m.Entries[0].Index != 2 {
		t.Errorf("got %+v", m)
	}
	if s := n1.Peers()[0]; s.Drops != 2 {
		t.Errorf("%+v", s)
	}
}

func TestALargeMessage(t *testing.T) {
	n1, n2 := start(t, "n1", "", nil), start(t, "n2", "", nil)
	n1.dials(t, n2)
	data := bytes.Repeat([]byte("0123456789abcdef"), (20<<20)/16)
	n1.Send(appendOf(n2, 1, data))
	if m := receive(t, n2.messages); !bytes.Equal(m.Entries[0].Data, data) {
		t.Error("altered")
	}
}

func TestReconnectAfterTheAcceptorRestarts(t *testing.T) {
	n1, n2 := start(t, "n1", "", nil), start(t, "n2", "", nil)
	n1.dials(t, n2)
	n2.Close()
	for _, s := range n1.peers["n2"].streams {
		eventually(t, "the stream is down", func() bool {
			conn, _, _ := s.status()
			return conn == nil
		})
	}
	n1.Send(heartbeat(n2, 1)) // lost: nothing is kept for later
	n2 = start(t, "n2", n2.addr, nil)
	n1.awaitUp(t)
	n1.Send(heartbeat(n2, 2))
	if m := receive(t, n2.messages); m.Round != 2 {
		t.Errorf("got %+v", m)
	}
	if s := n1.Peers()[0]; s.Reconnects != 2 || s.Drops != 1 {
		t.Errorf("%+v", s)
	}
}

func TestAMemberThatMoves(t *testing.T) {
	n1, old := start(t, "n1", "", nil), start(t, "n2", "", nil)
	n1.dials(t, old)
	n2 := start(t, "n2", "", nil)
	n1.dials(t, n2)
	n1.Send(heartbeat(n2, 1))
	receive(t, n2.messages)
	expectNone(t, "at the old address", old.messages)
	n1.SetMembers(nil)
	if got := n1.Peers(); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	receive(t, n2.down)
}

func TestSendRefusesSnapshots(t *testing.T) {
	n1 := start(t, "n1", "", nil)
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	n1.Send(raft.Message{Type: raft.MsgSnapshot})
}

func TestLinkDownWhenThePeerDies(t *testing.T) {
	n1, n2 := start(t, "n1", "", nil), start(t, "n2", "", nil)
	n1.dials(t, n2)
	n1.Close()
	if id := receive(t, n2.down); id != "n1" {
		t.Errorf("LinkDown(%s)", id)
	}
	eventually(t, "no inbound connection is left", func() bool { return n2.inboundCount() == 0 })
	expectNone(t, "second LinkDown", n2.down)
}

func TestLinkDownSpeaksOfTheNewestControlConnectionOnly(t *testing.T) {
	n := start(t, "n2", "", nil)
	first := rawLink(t, n, "n1", laneCtl)
	log := rawLink(t, n, "n1", laneLog)
	second := rawLink(t, n, "n1", laneCtl)
	readAll(t, first) // replaced and closed
	log.Close()
	eventually(t, "one connection is left", func() bool { return n.inboundCount() == 1 })
	expectNone(t, "LinkDown", n.down)
	second.(*net.TCPConn).SetLinger(0) // RST
	second.Close()
	if id := receive(t, n.down); id != "n1" {
		t.Errorf("LinkDown(%s)", id)
	}
}

func TestBadFramesCloseTheConnection(t *testing.T) {
	n := start(t, "n2", "", func(c *Config) { c.MaxMessageBytes = 1 << 20 })
	frame := func(m raft.Message) string {
		return string(appendFrame(nil, &queued{m, messageSize(&m)}))
	}
	damaged := []byte(frame(appendOf(n, 1, []byte("data"))))
	damaged[bytes.Index(damaged, []byte("data"))] ^= 1
	for name, in := range map[string]string{
		"oversized":        "*2\r\n$8\r\nRAFT.MSG\r\n$1048577\r\n",
		"other command":    "*2\r\n$9\r\nRAFT.SNAP\r\n$1\r\nx\r\n",
		"not a message":    "*2\r\n$8\r\nRAFT.MSG\r\n$3\r\nabc\r\n",
		"damaged entry":    string(damaged),
		"snapshot message": frame(raft.Message{Type: raft.MsgSnapshot, Snapshot: &raft.SnapshotMeta{Config: testConfiguration()}}),
		"text":             strings.Repeat("hello\r\n", 100),
	} {
		t.Run(name, func(t *testing.T) {
			conn := rawLink(t, n, "n1", laneCtl)
			io.WriteString(conn, frame(heartbeat(n, 5))+in)
			readAll(t, conn)
			if m := receive(t, n.messages); m.Round != 5 {
				t.Errorf("got %+v", m)
			}
			expectNone(t, "message", n.messages)
		})
	}
	expectNone(t, "LinkDown, though this side closed", n.down)
}

func TestARemovedMemberIsCutOff(t *testing.T) {
	n1, n2 := start(t, "n1", "", nil), start(t, "n2", "", nil)
	n1.dials(t, n2)
	n1.Send(heartbeat(n2, 1))
	receive(t, n2.messages)
	n2.setVerify("n1", ErrRemoved)
	n2.SetMembers(nil)
	n1.Send(heartbeat(n2, 2)) // not delivered: it is refused
	if got, want := receive(t, n1.refused), "n2 removed: "+ErrRemoved.Error(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	expectNone(t, "message of a removed member", n2.messages)
	expectNone(t, "LinkDown", n2.down)
}

func TestAPeerThatTakesNothingIsGivenUp(t *testing.T) {
	n1 := start(t, "n1", "", func(c *Config) { c.WriteTimeout = 50 * time.Millisecond })
	open := make(chan struct{})
	n2 := start(t, "n2", "", func(c *Config) { c.Handler.Message = func(raft.Message) { <-open } })
	defer close(open)
	n1.dials(t, n2)
	data := make([]byte, 1<<20)
	eventually(t, "reconnected", func() bool {
		n1.Send(appendOf(n2, 1, data))
		return n1.Peers()[0].Reconnects > 0
	})
}

// The deadline for writing is for a peer that takes nothing. One that takes a large
// message slowly gets it whole.
func TestSlowReaderGetsItAll(t *testing.T) {
	conn, other := net.Pipe()
	k := newLink(context.Background(), conn)
	defer k.close()
	const timeout = time.Second
	s := &stream{peer: &peer{t: &Transport{config: Config{WriteTimeout: timeout}}, traffic: &traffic{}}}
	large := make([]byte, 5*flushBytes)
	go func() {
		defer other.Close()
		pace := time.NewTicker(timeout / 4)
		defer pace.Stop()
		for range 5 {
			<-pace.C
			if _, err := io.ReadFull(other, make([]byte, flushBytes)); err != nil {
				return
			}
		}
	}()
	if err := s.flush(k, large); err != nil || s.peer.traffic.bytesOut.Load() != uint64(len(large)) {
		t.Errorf("%v, %d bytes of %d were taken", err, s.peer.traffic.bytesOut.Load(), len(large))
	}
}
