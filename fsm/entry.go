package fsm

import (
	"encoding/binary"
	"errors"
)

// The layout of an entry is in doc.go.
const (
	entryVersion = 1

	timeOffset   = 1
	seedOffset   = timeOffset + 8
	bootOffset   = seedOffset + 8
	seqOffset    = bootOffset + 8
	headerLength = seqOffset + 8
)

const (
	tagCommand = 1
	tagExec    = 2
	tagLiteral = 3 // within tagExec only
)

// Origin names the pending batch that an entry was made of, on the node whose
// process life Boot is. The zero Origin is that of an entry without a batch.
type Origin struct{ Boot, Seq uint64 }

// AppendEntry appends the log entry of the writes among cmds to dst. Time, seed
// and origin are zero and set later. Without a write the entry moves log time
// and nothing else.
func AppendEntry(dst []byte, cmds []Command) []byte {
	var header [headerLength]byte
	header[0] = entryVersion
	dst = append(dst, header[:]...)
	for i := range cmds {
		if cmds[i].Class() == Write {
			dst = appendCommand(dst, &cmds[i])
		}
	}
	return dst
}

func appendCommand(dst []byte, c *Command) []byte {
	switch {
	case c.Exec != nil:
		dst = append(dst, tagExec, byte(c.Proto))
		dst = binary.AppendUvarint(dst, uint64(len(c.Exec.Watches)))
		for _, w := range c.Exec.Watches {
			dst = binary.AppendUvarint(dst, uint64(w.DB))
			dst = appendBytes(dst, w.Key)
			dst = binary.LittleEndian.AppendUint64(dst, w.Version)
		}
		dst = binary.AppendUvarint(dst, uint64(len(c.Exec.Commands)))
		for i := range c.Exec.Commands {
			dst = appendCommand(dst, &c.Exec.Commands[i])
		}
	case c.Literal != nil:
		dst = append(dst, tagLiteral)
		dst = appendBytes(dst, c.Literal)
	default:
		dst = append(dst, tagCommand, byte(c.Proto))
		dst = binary.AppendUvarint(dst, uint64(c.DB))
		dst = binary.AppendUvarint(dst, uint64(len(c.Args)))
		for _, arg := range c.Args {
			dst = appendBytes(dst, arg)
		}
	}
	return dst
}

func appendBytes[T string | []byte](dst []byte, b T) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(b)))
	return append(dst, b...)
}

// Stamp sets the time and the seed of an entry, which the leader does.
func Stamp(entry []byte, timeMs int64, seed uint64) {
	binary.LittleEndian.PutUint64(entry[timeOffset:], uint64(timeMs))
	binary.LittleEndian.PutUint64(entry[seedOffset:], seed)
}

// SetOrigin sets the origin of an entry, which the node does that has the batch.
func SetOrigin(entry []byte, o Origin) {
	binary.LittleEndian.PutUint64(entry[bootOffset:], o.Boot)
	binary.LittleEndian.PutUint64(entry[seqOffset:], o.Seq)
}

// EntryOrigin returns the origin of an entry; ok is false when it has none or is
// no entry.
func EntryOrigin(entry []byte) (o Origin, ok bool) {
	if len(entry) < headerLength || entry[0] != entryVersion {
		return Origin{}, false
	}
	o.Boot = binary.LittleEndian.Uint64(entry[bootOffset:])
	o.Seq = binary.LittleEndian.Uint64(entry[seqOffset:])
	return o, o != Origin{}
}

var (
	errEntryVersion  = errors.New("entry of an unknown version")
	errEntryShort    = errors.New("entry cut short")
	errEntryTag      = errors.New("entry with an unknown kind of command")
	errEntryProto    = errors.New("entry with an unknown protocol version")
	errEntryDatabase = errors.New("entry for a database that does not exist: is --databases the same on every node?")
	errEntryCommand  = errors.New("entry with an unknown command: is a node of an older version among the others?")
	errEntryNoWrite  = errors.New("entry with a command that does not write")
)

// entryReader decodes the commands of an entry one after the other; they point
// into the entry.
type entryReader struct {
	timeMs    int64
	seed      uint64
	rest      []byte
	databases int
	args      [][]byte // of the commands since forget
}

func (r *entryReader) reset(entry []byte, databases int) error {
	if len(entry) < headerLength {
		return errEntryShort
	}
	if entry[0] != entryVersion {
		return errEntryVersion
	}
	r.timeMs = int64(binary.LittleEndian.Uint64(entry[timeOffset:]))
	r.seed = binary.LittleEndian.Uint64(entry[seedOffset:])
	r.rest = entry[headerLength:]
	r.databases = databases
	return nil
}

// maxIdleArgs bounds the memory that forget keeps.
const maxIdleArgs = 64 << 10

// forget lets the commands to come use the memory of those before.
func (r *entryReader) forget() {
	if cap(r.args) > maxIdleArgs {
		r.args = nil
	}
	r.args = r.args[:0]
}

// next decodes a command into c; false at the end of the entry.
func (r *entryReader) next(c *Command) (bool, error) {
	if len(r.rest) == 0 {
		return false, nil
	}
	tag, err := r.byte()
	if err != nil {
		return false, err
	}
	switch tag {
	case tagCommand:
		err = r.single(c)
	case tagExec:
		err = r.transaction(c)
	default:
		err = errEntryTag
	}
	if err == nil && c.Class() != Write {
		err = errEntryNoWrite
	}
	return err == nil, err
}

func (r *entryReader) single(c *Command) (err error) {
	*c = Command{}
	if c.Proto, err = r.proto(); err != nil {
		return err
	}
	if c.DB, err = r.database(); err != nil {
		return err
	}
	n, err := r.count(1)
	if err != nil {
		return err
	}
	start := len(r.args)
	for range n {
		arg, err := r.bytes()
		if err != nil {
			return err
		}
		r.args = append(r.args, arg)
	}
	c.Args = r.args[start:len(r.args):len(r.args)]
	if n == 0 {
		return errEntryCommand
	}
	spec, text := Resolve(c.Args)
	if text != "" || spec.run == nil {
		return errEntryCommand
	}
	c.Spec = spec
	return nil
}

func (r *entryReader) transaction(c *Command) (err error) {
	*c = Command{Exec: &Exec{}}
	if c.Proto, err = r.proto(); err != nil {
		return err
	}
	n, err := r.count(1 + 1 + 8)
	if err != nil {
		return err
	}
	for range n {
		var w Watch
		if w.DB, err = r.database(); err != nil {
			return err
		}
		if w.Key, err = r.bytes(); err != nil {
			return err
		}
		if len(r.rest) < 8 {
			return errEntryShort
		}
		w.Version = binary.LittleEndian.Uint64(r.rest)
		r.rest = r.rest[8:]
		c.Exec.Watches = append(c.Exec.Watches, w)
	}
	if n, err = r.count(2); err != nil {
		return err
	}
	for range n {
		var queued Command
		if err := r.queued(&queued); err != nil {
			return err
		}
		c.Exec.Commands = append(c.Exec.Commands, queued)
	}
	return nil
}

func (r *entryReader) queued(c *Command) error {
	tag, err := r.byte()
	if err != nil {
		return err
	}
	switch tag {
	case tagCommand:
		return r.single(c)
	case tagLiteral:
		c.Literal, err = r.bytes()
		return err
	}
	return errEntryTag
}

func (r *entryReader) byte() (byte, error) {
	if len(r.rest) == 0 {
		return 0, errEntryShort
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b, nil
}

func (r *entryReader) proto() (int, error) {
	b, err := r.byte()
	if err == nil && b != 2 && b != 3 {
		err = errEntryProto
	}
	return int(b), err
}

func (r *entryReader) database() (int, error) {
	n, err := r.uvarint()
	if err == nil && n >= uint64(r.databases) {
		err = errEntryDatabase
	}
	return int(n), err
}

// count decodes a number of things that take at least minBytes each.
func (r *entryReader) count(minBytes int) (int, error) {
	n, err := r.uvarint()
	if err == nil && n > uint64(len(r.rest)/minBytes) {
		err = errEntryShort
	}
	return int(n), err
}

func (r *entryReader) uvarint() (uint64, error) {
	if len(r.rest) > 0 && r.rest[0] < 0x80 { // most numbers are small
		n := r.rest[0]
		r.rest = r.rest[1:]
		return uint64(n), nil
	}
	n, size := binary.Uvarint(r.rest)
	if size <= 0 {
		return 0, errEntryShort
	}
	r.rest = r.rest[size:]
	return n, nil
}

func (r *entryReader) bytes() ([]byte, error) {
	n, err := r.count(1)
	if err != nil {
		return nil, err
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b, nil
}

// CheckEntry decodes an entry whole. A leader asks it before it appends what a
// peer has forwarded: an entry that no node can apply must not get into the log.
func CheckEntry(entry []byte, databases int) error {
	var r entryReader
	if err := r.reset(entry, databases); err != nil {
		return err
	}
	for {
		var c Command
		if more, err := r.next(&c); !more {
			return err
		}
		r.forget()
	}
}
