package peer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/bits"

	"redoubt/raft"
)

const (
	codecVersion = 1
	// group is the only Raft group there is. It is on the wire so that several
	// groups can share one connection without a new format.
	group = 0

	flagReject   = 1 << 0
	flagForce    = 1 << 1
	flagSnapshot = 1 << 2
	knownFlags   = flagReject | flagForce | flagSnapshot

	crcBytes = 4
	// minEntryBytes is an entry without data: type, three one-byte numbers, crc.
	minEntryBytes = 4 + crcBytes
	// maxEntries bounds what a small message can make the receiver allocate: an
	// Entry in memory is six times as large as the least one on the wire.
	maxEntries = 1 << 16
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errMalformed is the root of all that decodeMessage finds wrong.
var errMalformed = errors.New("malformed message")

// appendMessage encodes m behind dst; doc.go has the byte table. From, To and
// Incarnation are left out: the handshake has proven them for the connection.
func appendMessage(dst []byte, m *raft.Message) []byte {
	start := len(dst)
	var flags byte
	if m.Reject {
		flags |= flagReject
	}
	if m.Force {
		flags |= flagForce
	}
	if m.Snapshot != nil {
		flags |= flagSnapshot
	}
	dst = append(dst, codecVersion, byte(m.Type), flags)
	dst = binary.AppendUvarint(dst, group)
	for _, v := range numbers(m) {
		dst = binary.AppendUvarint(dst, v)
	}
	if s := m.Snapshot; s != nil {
		config := s.Config.Append(nil)
		dst = binary.AppendUvarint(dst, s.Index)
		dst = binary.AppendUvarint(dst, s.Term)
		dst = binary.AppendUvarint(dst, uint64(len(config)))
		dst = append(dst, config...)
	}
	dst = binary.AppendUvarint(dst, uint64(len(m.Entries)))
	dst = appendCRC(dst, start)

	for i := range m.Entries {
		e := &m.Entries[i]
		start := len(dst)
		dst = append(dst, byte(e.Type))
		dst = binary.AppendUvarint(dst, e.Index)
		dst = binary.AppendUvarint(dst, e.Term)
		dst = binary.AppendUvarint(dst, uint64(len(e.Data)))
		dst = append(dst, e.Data...)
		dst = appendCRC(dst, start)
	}
	return dst
}

// messageSize is the exact number of bytes that appendMessage adds: RESP wants
// the length first, and the queues are bounded in bytes.
func messageSize(m *raft.Message) int {
	n := 3 + uvarintSize(group) + uvarintSize(uint64(len(m.Entries))) + crcBytes
	for _, v := range numbers(m) {
		n += uvarintSize(v)
	}
	if s := m.Snapshot; s != nil {
		config := len(s.Config.Append(nil))
		n += uvarintSize(s.Index) + uvarintSize(s.Term) + uvarintSize(uint64(config)) + config
	}
	for i := range m.Entries {
		e := &m.Entries[i]
		n += 1 + uvarintSize(e.Index) + uvarintSize(e.Term) + uvarintSize(uint64(len(e.Data))) + len(e.Data) + crcBytes
	}
	return n
}

// numbers lists the plain numbers of a message in wire order.
func numbers(m *raft.Message) [7]uint64 {
	return [...]uint64{m.Term, m.LogIndex, m.LogTerm, m.Commit, m.Round, m.Index, m.ID}
}

func uvarintSize(v uint64) int { return (bits.Len64(v|1) + 6) / 7 }

func appendCRC(dst []byte, start int) []byte {
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
}

// decodeMessage reads one message. The entries' Data are slices of b, which
// belongs to the message from then on. No length is believed before it has
// been compared with the bytes that are there.
func decodeMessage(b []byte) (raft.Message, error) {
	var m raft.Message
	d := decoder{b: b}
	if version := d.byte(); version != codecVersion {
		return m, fmt.Errorf("%w: format version %d", errMalformed, version)
	}
	m.Type = raft.MessageType(d.byte())
	if m.Type < raft.MsgPreVote || m.Type > raft.MsgChangeReply {
		return m, fmt.Errorf("%w: type %d", errMalformed, m.Type)
	}
	flags := d.byte()
	if flags&^knownFlags != 0 {
		return m, fmt.Errorf("%w: flags %#x", errMalformed, flags)
	}
	m.Reject, m.Force = flags&flagReject != 0, flags&flagForce != 0
	if g := d.uvarint(); g != group {
		return m, fmt.Errorf("%w: group %d", errMalformed, g)
	}
	for _, p := range [...]*uint64{&m.Term, &m.LogIndex, &m.LogTerm, &m.Commit, &m.Round, &m.Index, &m.ID} {
		*p = d.uvarint()
	}
	var config []byte
	if flags&flagSnapshot != 0 {
		m.Snapshot = &raft.SnapshotMeta{Index: d.uvarint(), Term: d.uvarint()}
		config = d.bytes(d.uvarint())
	}
	count := d.uvarint()
	d.crc(0)
	if d.failed {
		return m, fmt.Errorf("%w: header cut short or damaged", errMalformed)
	}
	if m.Snapshot != nil {
		c, err := raft.DecodeConfiguration(config)
		if err != nil {
			return m, fmt.Errorf("%w: snapshot configuration: %w", errMalformed, err)
		}
		m.Snapshot.Config = c
	}
	if count > maxEntries || count > uint64(len(b)-d.off)/minEntryBytes {
		return m, fmt.Errorf("%w: %d entries in %d bytes", errMalformed, count, len(b)-d.off)
	}
	if err := d.entries(&m, int(count)); err != nil {
		return m, err
	}
	if d.off != len(b) {
		return m, fmt.Errorf("%w: %d bytes after the last entry", errMalformed, len(b)-d.off)
	}
	return m, nil
}

func (d *decoder) entries(m *raft.Message, count int) error {
	if count == 0 {
		return nil
	}
	m.Entries = make([]raft.Entry, count)
	for i := range m.Entries {
		e, start := &m.Entries[i], d.off
		e.Type = raft.EntryType(d.byte())
		e.Index = d.uvarint()
		e.Term = d.uvarint()
		e.Data = d.bytes(d.uvarint())
		d.crc(start)
		if d.failed {
			return fmt.Errorf("%w: entry %d of %d cut short or damaged", errMalformed, i, count)
		}
	}
	return nil
}

// decoder walks over b. After the first failure it yields zeros, so that the
// caller checks once per section.
type decoder struct {
	b      []byte
	off    int
	failed bool
}

func (d *decoder) byte() byte {
	if d.failed || d.off == len(d.b) {
		d.failed = true
		return 0
	}
	d.off++
	return d.b[d.off-1]
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b[d.off:])
	if d.failed || n <= 0 {
		d.failed = true
		return 0
	}
	d.off += n
	return v
}

// bytes returns the next n bytes without copying; nil for none. The capacity
// ends with them: appending to one entry's Data cannot reach the next.
func (d *decoder) bytes(n uint64) []byte {
	if d.failed || n > uint64(len(d.b)-d.off) {
		d.failed = true
		return nil
	}
	if n == 0 {
		return nil
	}
	end := d.off + int(n)
	p := d.b[d.off:end:end]
	d.off = end
	return p
}

// crc reads a checksum and compares it with that of the bytes from start.
func (d *decoder) crc(start int) {
	end := d.off
	p := d.bytes(crcBytes)
	if d.failed || binary.LittleEndian.Uint32(p) != crc32.Checksum(d.b[start:end], castagnoli) {
		d.failed = true
	}
}
