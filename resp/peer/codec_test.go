package peer

import (
	"bytes"
	"encoding/hex"
	"reflect"
	"slices"
	"testing"
	"unsafe"

	"pgregory.net/rapid"

	"redoubt/raft"
)

var messageTypes = []raft.MessageType{
	raft.MsgPreVote, raft.MsgPreVoteReply, raft.MsgVote, raft.MsgVoteReply, raft.MsgAppend, raft.MsgAppendReply,
	raft.MsgHeartbeat, raft.MsgHeartbeatReply, raft.MsgTimeoutNow, raft.MsgReadIndex, raft.MsgReadIndexReply,
	raft.MsgSnapshot, raft.MsgForward, raft.MsgForwardReply, raft.MsgRemoved, raft.MsgChange, raft.MsgChangeReply,
}

func drawMessage(t *rapid.T) raft.Message {
	m := raft.Message{
		Type: rapid.SampledFrom(messageTypes).Draw(t, "type"),
		Term: rapid.Uint64().Draw(t, "term"), LogIndex: rapid.Uint64().Draw(t, "logIndex"),
		LogTerm: rapid.Uint64().Draw(t, "logTerm"), Commit: rapid.Uint64().Draw(t, "commit"),
		Round: rapid.Uint64().Draw(t, "round"), Index: rapid.Uint64().Draw(t, "index"), ID: rapid.Uint64().Draw(t, "id"),
		Reject: rapid.Bool().Draw(t, "reject"), Force: rapid.Bool().Draw(t, "force"),
	}
	for range rapid.IntRange(0, 5).Draw(t, "entries") {
		e := raft.Entry{
			Index: rapid.Uint64().Draw(t, "index"), Term: rapid.Uint64().Draw(t, "term"),
			Type: raft.EntryType(rapid.Byte().Draw(t, "type")),
		}
		if data := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "data"); len(data) > 0 {
			e.Data = data
		}
		m.Entries = append(m.Entries, e)
	}
	if m.Type == raft.MsgSnapshot {
		m.Snapshot = &raft.SnapshotMeta{
			Index: rapid.Uint64().Draw(t, "snapshotIndex"), Term: rapid.Uint64().Draw(t, "snapshotTerm"),
			Config: testConfiguration(),
		}
	}
	return m
}

func testConfiguration() raft.Configuration {
	return raft.Configuration{
		Members: []raft.Member{
			{ID: "n1", Role: raft.Voter, Addr: "127.0.0.1:7001", PeerAddr: "127.0.0.1:17001", Incarnation: 11},
			{ID: "n2", Role: raft.Learner, Addr: "127.0.0.1:7002", PeerAddr: "127.0.0.1:17002"},
		},
		Removed: []raft.NodeID{"n0"},
	}
}

func TestCodecKeepsEveryMessage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawMessage(t)
		b := appendMessage([]byte("before"), &m)
		b = b[len("before"):]
		if len(b) != messageSize(&m) {
			t.Fatalf("encoded to %d bytes, messageSize says %d", len(b), messageSize(&m))
		}
		got, err := decodeMessage(b)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, m) {
			t.Fatalf("got  %+v\nwant %+v", got, m)
		}
	})
}

func TestDecodeFindsEveryDamage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawMessage(t)
		b := appendMessage(nil, &m)
		bit := rapid.IntRange(0, 8*len(b)-1).Draw(t, "bit")
		flipped := slices.Clone(b)
		flipped[bit/8] ^= 1 << (bit % 8)
		if got, err := decodeMessage(flipped); err == nil {
			t.Fatalf("bit %d of %x flipped and still %+v", bit, b, got)
		}
		if _, err := decodeMessage(b[:rapid.IntRange(0, len(b)-1).Draw(t, "cut")]); err == nil {
			t.Fatal("a message cut short was taken")
		}
		if _, err := decodeMessage(append(slices.Clone(b), 0)); err == nil {
			t.Fatal("a byte behind the message was taken")
		}
	})
}

// TestGoldenBytes pins the format: nodes of two releases talk to each other
// during an upgrade. A change of these bytes needs a new codecVersion.
func TestGoldenBytes(t *testing.T) {
	m := raft.Message{
		Type: raft.MsgAppend, From: "n1", To: "n2", Incarnation: 9, Term: 7, LogIndex: 300, LogTerm: 6, Commit: 299,
		Round: 1, Index: 2, ID: 3, Reject: true, Force: true,
		Entries: []raft.Entry{{Index: 301, Term: 7, Type: raft.EntryCommand, Data: []byte("abc")}, {Index: 302, Term: 7, Type: raft.EntryNoOp}},
	}
	const golden = "" +
		"01" + "05" + "03" + "00" + // version, type, flags, group
		"07" + "ac02" + "06" + "ab02" + "01" + "02" + "03" + "02" + // numbers, count
		"6cb1d0ce" + // crc
		"01" + "ad02" + "07" + "03" + "616263" + "dded18c9" +
		"02" + "ae02" + "07" + "00" + "059ed6b7"
	got := hex.EncodeToString(appendMessage(nil, &m))
	if got != golden {
		t.Errorf("got  %s\nwant %s", got, golden)
	}
}

func TestDecodeSharesTheBufferButNotTheCapacity(t *testing.T) {
	m := raft.Message{Type: raft.MsgForward, Entries: []raft.Entry{{Data: []byte("first")}, {Data: []byte("second")}}}
	b := appendMessage(nil, &m)
	got, err := decodeMessage(b)
	if err != nil {
		t.Fatal(err)
	}
	b[bytes.Index(b, []byte("first"))] = 'F'
	if string(got.Entries[0].Data) != "First" {
		t.Error("Data was copied")
	}
	_ = append(got.Entries[0].Data, "overwritten"...)
	if string(got.Entries[1].Data) != "second" {
		t.Error("appending to one entry reached the next")
	}
}

func TestCodecAllocations(t *testing.T) {
	m := raft.Message{Type: raft.MsgAppend, Entries: make([]raft.Entry, 100)}
	for i := range m.Entries {
		m.Entries[i] = raft.Entry{Index: uint64(i), Term: 1, Type: raft.EntryCommand, Data: make([]byte, 100)}
	}
	b := appendMessage(nil, &m)
	if n := testing.AllocsPerRun(100, func() { messageSize(&m); b = appendMessage(b[:0], &m) }); n != 0 {
		t.Errorf("encoding allocates %v times", n)
	}
	if n := testing.AllocsPerRun(100, func() { decodeMessage(b) }); n != 1 {
		t.Errorf("decoding 100 entries allocates %v times, want 1", n)
	}
}

func BenchmarkCodec(b *testing.B) {
	m := raft.Message{Type: raft.MsgAppend, Entries: make([]raft.Entry, 100)}
	for i := range m.Entries {
		m.Entries[i] = raft.Entry{Index: 1 << 30, Term: 1, Type: raft.EntryCommand, Data: make([]byte, 128)}
	}
	buf := appendMessage(nil, &m)
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			messageSize(&m)
			buf = appendMessage(buf[:0], &m)
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			decodeMessage(buf)
		}
	})
}

func FuzzDecode(f *testing.F) {
	for _, typ := range messageTypes {
		m := raft.Message{Type: typ, Term: 3, LogIndex: 1 << 40, Index: 5}
		switch typ {
		case raft.MsgAppend, raft.MsgForward:
			m.Entries = []raft.Entry{{Index: 1, Term: 2, Type: raft.EntryCommand, Data: []byte("data")}, {}}
		case raft.MsgSnapshot:
			m.Snapshot = &raft.SnapshotMeta{Index: 4, Term: 2, Config: testConfiguration()}
		}
		f.Add(appendMessage(nil, &m), true)
	}
	f.Fuzz(func(t *testing.T, b []byte, seal bool) {
		if seal { // a right header checksum, so that the rest is reached
			b = sealHeader(b)
		}
		m, err := decodeMessage(b)
		if size := cap(m.Entries) * int(unsafe.Sizeof(raft.Entry{})); size > 6*len(b) || cap(m.Entries) > maxEntries {
			t.Fatalf("%d bytes of input made it allocate %d", len(b), size)
		}
		if err != nil {
			return
		}
		again, err := decodeMessage(appendMessage(nil, &m))
		if err != nil || !reflect.DeepEqual(again, m) {
			t.Fatalf("got %+v, %v\nwant %+v", again, err, m)
		}
	})
}

// sealHeader replaces the header checksum of b by the right one.
func sealHeader(b []byte) []byte {
	d := decoder{b: b}
	d.byte()
	d.byte()
	flags := d.byte()
	for range 8 {
		d.uvarint()
	}
	if flags&flagSnapshot != 0 {
		d.uvarint()
		d.uvarint()
		d.bytes(d.uvarint())
	}
	d.uvarint()
	if d.failed || len(b)-d.off < crcBytes {
		return b
	}
	return append(appendCRC(slices.Clone(b[:d.off]), 0), b[d.off+crcBytes:]...)
}
