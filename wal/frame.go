package wal

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"

	"redoubt/raft"
)

const (
	frameMagic       = 0x9fd2b3a5
	frameVersion     = 1
	frameHeaderBytes = 24

	recordHardState = 1
	recordEntry     = 2
	recordSnapshot  = 3

	recordHeaderBytes = 5  // type, length
	entryHeaderBytes  = 17 // index, term, type
	hardStateBytes    = 16 // term, commit; the vote follows

	// MaxEntryBytes is the most that Entry.Data may hold.
	MaxEntryBytes = 64 << 20

	maxNodeIDBytes  = 1 << 10
	maxPayloadBytes = MaxEntryBytes + 1<<20 // one entry of the greatest size, a hard state, a configuration
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// frameSeed starts every checksum of a frame. It differs from directory to
// directory, so bytes that merely look like a frame (a log stored as a value, a
// segment of another node) never pass for one.
func frameSeed(incarnation uint64) uint32 {
	return crc32.Checksum(binary.LittleEndian.AppendUint64(nil, incarnation), castagnoli)
}

// beginFrame resets dst to the room that sealFrame fills.
func beginFrame(dst []byte) []byte {
	return append(dst[:0], make([]byte, frameHeaderBytes)...)
}

// sealFrame writes the header of frame f, which holds header room and payload.
func sealFrame(f []byte, seed uint32, seq uint64) {
	le := binary.LittleEndian
	le.PutUint32(f[0:], frameMagic)
	le.PutUint32(f[8:], uint32(len(f)-frameHeaderBytes))
	f[12] = frameVersion
	f[13] = 0
	le.PutUint64(f[16:], seq)
	le.PutUint16(f[14:], headerCheck(f, seed))
	le.PutUint32(f[4:], crc32.Update(seed, castagnoli, f[8:]))
}

// headerCheck guards length and sequence on their own: a search for frames among
// damaged bytes must not have to believe a length before it checksums that much.
func headerCheck(f []byte, seed uint32) uint16 {
	c := crc32.Update(seed, castagnoli, f[8:14])
	return uint16(crc32.Update(c, castagnoli, f[16:24]))
}

// decodeFrame returns the frame at the start of b. Payload is part of b. A
// non-empty reason says why there is no intact frame.
func decodeFrame(b []byte, seed uint32) (seq uint64, payload []byte, reason string) {
	le := binary.LittleEndian
	switch {
	case len(b) < frameHeaderBytes:
		return 0, nil, "frame header cut short"
	case le.Uint32(b) != frameMagic:
		return 0, nil, "no frame magic"
	case le.Uint16(b[14:]) != headerCheck(b, seed):
		return 0, nil, "frame header check failed"
	}
	n := le.Uint32(b[8:])
	if uint64(n) > uint64(len(b)-frameHeaderBytes) {
		return 0, nil, "frame cut short"
	}
	end := frameHeaderBytes + int(n)
	if le.Uint32(b[4:]) != crc32.Update(seed, castagnoli, b[8:end]) {
		return 0, nil, "frame checksum failed"
	}
	return le.Uint64(b[16:]), b[frameHeaderBytes:end:end], ""
}

// findFrame looks for an intact frame anywhere in b with a sequence number of at
// least seq.
func findFrame(b []byte, seed uint32, seq uint64) (offset int, found uint64, ok bool) {
	magic := binary.LittleEndian.AppendUint32(nil, frameMagic)
	for at := 0; ; at++ {
		i := bytes.Index(b[at:], magic)
		if i < 0 {
			return 0, 0, false
		}
		at += i
		if s, _, reason := decodeFrame(b[at:], seed); reason == "" && s >= seq {
			return at, s, true
		}
	}
}

func appendRecord(dst []byte, kind byte) []byte {
	return append(dst, kind, 0, 0, 0, 0)
}

func closeRecord(dst []byte, start int) []byte {
	binary.LittleEndian.PutUint32(dst[start+1:], uint32(len(dst)-start-recordHeaderBytes))
	return dst
}

func appendHardState(dst []byte, h raft.HardState) []byte {
	start := len(dst)
	dst = appendRecord(dst, recordHardState)
	dst = binary.LittleEndian.AppendUint64(dst, h.Term)
	dst = binary.LittleEndian.AppendUint64(dst, h.Commit)
	dst = append(dst, h.Vote...)
	return closeRecord(dst, start)
}

func appendEntry(dst []byte, e *raft.Entry) []byte {
	start := len(dst)
	dst = appendRecord(dst, recordEntry)
	dst = binary.LittleEndian.AppendUint64(dst, e.Index)
	dst = binary.LittleEndian.AppendUint64(dst, e.Term)
	dst = append(dst, byte(e.Type))
	dst = append(dst, e.Data...)
	return closeRecord(dst, start)
}

func appendMark(dst []byte, m *raft.SnapshotMeta) []byte {
	start := len(dst)
	dst = appendRecord(dst, recordSnapshot)
	dst = binary.LittleEndian.AppendUint64(dst, m.Index)
	dst = binary.LittleEndian.AppendUint64(dst, m.Term)
	dst = m.Config.Append(dst)
	return closeRecord(dst, start)
}

// record is one decoded record; kind says which field is in use.
type record struct {
	kind      byte
	hardState raft.HardState
	entry     raft.Entry // Data is part of the payload
	mark      raft.SnapshotMeta
}

// nextRecord decodes the record at the start of payload p and the bytes it takes.
func nextRecord(p []byte) (r record, size int, reason string) {
	if len(p) < recordHeaderBytes {
		return r, 0, "record header cut short"
	}
	le := binary.LittleEndian
	r.kind = p[0]
	n := le.Uint32(p[1:])
	if uint64(n) > uint64(len(p)-recordHeaderBytes) {
		return r, 0, "record cut short"
	}
	size = recordHeaderBytes + int(n)
	b := p[recordHeaderBytes:size:size]
	switch r.kind {
	case recordHardState:
		if len(b) < hardStateBytes || len(b) > hardStateBytes+maxNodeIDBytes {
			return r, 0, "hard state has a wrong length"
		}
		r.hardState = raft.HardState{Term: le.Uint64(b), Commit: le.Uint64(b[8:]), Vote: raft.NodeID(b[16:])}
	case recordEntry:
		if len(b) < entryHeaderBytes || len(b) > entryHeaderBytes+MaxEntryBytes {
			return r, 0, "entry has a wrong length"
		}
		r.entry = raft.Entry{Index: le.Uint64(b), Term: le.Uint64(b[8:]), Type: raft.EntryType(b[16])}
		if len(b) > entryHeaderBytes {
			r.entry.Data = b[entryHeaderBytes:]
		}
	case recordSnapshot:
		if len(b) < 16 {
			return r, 0, "snapshot mark has a wrong length"
		}
		config, err := raft.DecodeConfiguration(b[16:])
		if err != nil {
			return r, 0, "snapshot mark: " + err.Error()
		}
		r.mark = raft.SnapshotMeta{Index: le.Uint64(b), Term: le.Uint64(b[8:]), Config: config}
	default:
		return r, 0, "unknown record type"
	}
	return r, size, ""
}
