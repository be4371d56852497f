package fsm

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/cespare/xxhash/v2"
)

// Restore returns the Store that a snapshot was taken of. The snapshot must end
// where r ends. Whatever r holds, memory stays within a small multiple of what
// has been read, and 1 MiB for each database.
func Restore(r io.Reader, c Config) (*Store, error) {
	in := &restorer{r: bufio.NewReaderSize(r, 64<<10), store: New(c)}
	if err := in.restore(); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("fsm: restore: record %d: %w", in.records, err)
	}
	return in.store, nil
}

type restorer struct {
	r       *bufio.Reader
	store   *Store
	records int
	scratch []byte

	keys, expires, digest uint64
}

func (in *restorer) restore() error {
	if err := in.head(); err != nil {
		return err
	}
	for {
		in.records++
		tag, err := in.r.ReadByte()
		if err != nil {
			return err
		}
		switch tag {
		case recordMark:
			err = in.mark()
		case recordSwap:
			err = in.swap()
		case recordKey:
			err = in.key()
		case recordTrailer:
			return in.trailer()
		default:
			err = fmt.Errorf("unknown kind %d", tag)
		}
		if err != nil {
			return err
		}
	}
}

func (in *restorer) head() error {
	magic := make([]byte, len(snapshotMagic))
	if _, err := io.ReadFull(in.r, magic); err != nil {
		return err
	}
	if string(magic) != snapshotMagic {
		return errors.New("not a snapshot of the keyspace, or one of another version")
	}
	s := in.store
	var now uint64
	for _, field := range []*uint64{
		&s.index, &now, &s.hash, &s.version, &s.hashKey.k0, &s.hashKey.k1, &s.expired,
	} {
		var err error
		if *field, err = in.uint64(); err != nil {
			return err
		}
	}
	s.now = int64(now)
	if s.now < 0 {
		return errors.New("log time is negative")
	}
	return nil
}

func (in *restorer) swap() error {
	db, err := in.database()
	if err != nil {
		return err
	}
	version, err := binary.ReadUvarint(in.r)
	if err != nil {
		return err
	}
	if version == 0 || version > in.store.version || in.store.swapped[db] != 0 {
		return errors.New("impossible version of a swap")
	}
	in.store.swapped[db] = version
	return nil
}

func (in *restorer) mark() error {
	db, err := in.database()
	if err != nil {
		return err
	}
	var slot, removed, changed uint64
	for _, field := range []*uint64{&slot, &removed, &changed} {
		if *field, err = binary.ReadUvarint(in.r); err != nil {
			return err
		}
	}
	s := in.store
	if slot >= SlotCount || removed > changed || changed == 0 || changed > s.version {
		return errors.New("impossible mark of a slot")
	}
	m := s.marks[db].at(int(slot))
	if *m != (mark{}) {
		return errors.New("second mark of a slot")
	}
	*m = mark{removed, changed}
	return nil
}

func (in *restorer) key() error {
	var kindEncoding [2]byte
	if _, err := io.ReadFull(in.r, kindEncoding[:]); err != nil {
		return err
	}
	o := &object{kind: kind(kindEncoding[0]), encoding: encoding(kindEncoding[1])}
	if o.kind != kindString || o.encoding > encodingRaw {
		return fmt.Errorf("unknown type %d or encoding %d", o.kind, o.encoding)
	}
	db, err := in.database()
	if err != nil {
		return err
	}
	if o.version, err = binary.ReadUvarint(in.r); err != nil {
		return err
	}
	expireAt, err := binary.ReadUvarint(in.r)
	if err != nil {
		return err
	}
	if int64(expireAt) < 0 {
		return errors.New("expiry is negative")
	}
	key, err := in.bytes()
	if err != nil {
		return err
	}
	o.key = string(key)
	if o.str, err = in.bytes(); err != nil {
		return err
	}
	return in.insert(db, o, int64(expireAt))
}

func (in *restorer) insert(db int, o *object, expireAt int64) error {
	s := in.store
	key := []byte(o.key)
	p := s.place(key)
	if m := s.marks[db].get(p.slot); m == nil || o.version > m.changed {
		return fmt.Errorf("key %.64q is newer than its slot", o.key)
	}
	d := &s.databases[db]
	if d.find(p, key) != nil {
		return fmt.Errorf("key %.64q is there twice", o.key)
	}
	s.insert(db, p, o)
	d.expiry.update(o, expireAt)
	d.memory += int64(o.size())

	in.scratch = appendKey(in.scratch[:0], db, o)
	in.digest += xxhash.Sum64(in.scratch)
	in.keys++
	if expireAt != 0 {
		in.expires++
	}
	if cap(in.scratch) > maxIdleScratch {
		in.scratch = nil
	}
	return nil
}

const maxIdleScratch = 1 << 20

func (in *restorer) trailer() error {
	for _, want := range []uint64{in.keys, in.expires, in.digest} {
		got, err := in.uint64()
		if err != nil {
			return err
		}
		if got != want {
			return errors.New("the keys are not those that were written")
		}
	}
	if _, err := in.r.ReadByte(); err != io.EOF {
		return errors.New("data after the end")
	}
	return nil
}

func (in *restorer) uint64() (uint64, error) {
	var b [8]byte
	_, err := io.ReadFull(in.r, b[:])
	return binary.LittleEndian.Uint64(b[:]), err
}

func (in *restorer) database() (int, error) {
	n, err := binary.ReadUvarint(in.r)
	if err == nil && n >= uint64(len(in.store.databases)) {
		err = fmt.Errorf("database %d, of %d: is --databases what it was?", n, len(in.store.databases))
	}
	return int(n), err
}

// bytes reads a string into memory of its own. A length is believed as far as
// bytes follow.
func (in *restorer) bytes() ([]byte, error) {
	n, err := binary.ReadUvarint(in.r)
	if err != nil {
		return nil, err
	}
	const believed = 64 << 10
	if n <= believed {
		b := make([]byte, n)
		_, err := io.ReadFull(in.r, b)
		return b, err
	}
	if n > 1<<40 {
		return nil, errors.New("impossible length")
	}
	var b bytes.Buffer
	if _, err := io.CopyN(&b, in.r, int64(n)); err != nil {
		return nil, err
	}
	return bytes.Clone(b.Bytes()), nil
}
