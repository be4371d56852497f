package peer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
	"syscall"
	"time"

	"redoubt/raft"
	"redoubt/resp"
	"redoubt/wal"
)

const (
	chunkPrefix = "*2\r\n$10\r\nRAFT.CHUNK\r\n$"
	// maxOfferBytes bounds the message of an offer: a configuration, mostly.
	maxOfferBytes = 1 << 20
)

// receipt is the snapshot that is coming in: one at a time per node.
type receipt struct {
	from     raft.NodeID
	term     uint64
	link     *link
	finished chan struct{} // its file is closed
}

// offer is what a RAFT.SNAP says.
type offer struct {
	message raft.Message
	id      string
	size    int64
}

func (t *Transport) readOffer(in *inbound) (offer, error) {
	if err := in.link.SetReadDeadline(time.Now().Add(t.config.SnapshotTimeout)); err != nil {
		return offer{}, err
	}
	args, err := in.link.reader.command("RAFT.SNAP", 3, maxOfferBytes)
	if err != nil {
		return offer{}, err
	}
	o := offer{id: string(args[1])}
	if o.message, err = decodeMessage(args[0]); err != nil {
		return o, err
	}
	if o.message.Type != raft.MsgSnapshot || o.message.Snapshot == nil {
		return o, fmt.Errorf("%w: RAFT.SNAP without a snapshot message", errMalformed)
	}
	if o.size, err = strconv.ParseInt(string(args[2]), 10, 64); err != nil || o.size <= 0 {
		return o, fmt.Errorf("%w: bad snapshot size", errMalformed)
	}
	o.message.From, o.message.To, o.message.Incarnation = in.from, t.config.Self.NodeID, in.incarnation
	return o, nil
}

// receiveSnapshot takes one snapshot from the connection and hands its message
// to the node when the file is durable. "-ERR …" tells the sender not to try
// this snapshot again; a connection that just ends, to go on where it stopped.
func (t *Transport) receiveSnapshot(in *inbound) error {
	o, err := t.readOffer(in)
	if err != nil {
		return err
	}
	r := &receipt{in.from, o.message.Term, in.link, make(chan struct{})}
	if err := t.takeTurn(r); err != nil {
		return t.reject(in, err)
	}
	began := time.Now()
	err = t.store(in, o)
	t.config.Handler.SnapshotReceived(time.Since(began), err)
	t.mu.Lock()
	t.receipt = nil
	t.mu.Unlock()
	close(r.finished)
	if err != nil {
		return err
	}
	_, err = in.link.Write(resp.AppendOK(nil))
	return err
}

// takeTurn waits until r is the only receipt. It ends the one before it: that is
// a broken connection of the same sender, or a leader of an earlier term.
func (t *Transport) takeTurn(r *receipt) error {
	for {
		t.mu.Lock()
		current := t.receipt
		if current == nil {
			t.receipt = r
		}
		t.mu.Unlock()
		if current == nil {
			return nil
		}
		if current.from != r.from && r.term <= current.term {
			return fmt.Errorf("a snapshot of term %d is coming in from %s", current.term, current.from)
		}
		current.link.cancel()
		select {
		case <-current.finished:
		case <-r.link.ctx.Done():
			return r.link.ctx.Err()
		}
	}
}

// store writes the file and delivers the message.
func (t *Transport) store(in *inbound, o offer) (err error) {
	file, offset, err := t.config.DataDir.ReceiveSnapshot(o.id, *o.message.Snapshot, o.size)
	if err != nil {
		return t.notStored(in, err)
	}
	defer file.Close()
	t.config.Log.Info("receiving snapshot", "peer", in.from, "snapshot", o.id, "bytes", o.size, "offset", offset)
	if err := ack(in, offset); err != nil {
		return err
	}
	var chunk []byte
	for offset < o.size {
		if chunk, err = t.readChunk(in, chunk, offset, o.size); err != nil {
			return err
		}
		data := chunk[chunkHeaderBytes:]
		if err := file.Append(data, offset); err != nil {
			return t.notStored(in, err)
		}
		offset += int64(len(data))
		if err := ack(in, offset); err != nil {
			return err
		}
	}
	if _, err := file.Commit(); err != nil {
		return t.notStored(in, err)
	}
	t.config.Handler.Message(o.message)
	return nil
}

// notStored tells a failing disk from a full one and from a damaged file.
func (t *Transport) notStored(in *inbound, err error) error {
	var failure syscall.Errno
	if errors.As(err, &failure) && !wal.IsPassing(err) {
		t.config.Handler.DiskFailed(fmt.Errorf("peer: snapshot from %s: %w", in.from, err))
	}
	return t.reject(in, err)
}

// readChunk reads and verifies the chunk that belongs at offset.
func (t *Transport) readChunk(in *inbound, buf []byte, offset, size int64) ([]byte, error) {
	if err := in.link.SetReadDeadline(time.Now().Add(t.config.SnapshotTimeout)); err != nil {
		return nil, err
	}
	if err := in.link.reader.open("RAFT.CHUNK", 1); err != nil {
		return nil, unexpected(err)
	}
	chunk, err := in.link.reader.bulkInto(buf, chunkHeaderBytes+chunkBytes)
	if err != nil {
		return nil, unexpected(err)
	}
	in.traffic.bytesIn.Add(uint64(len(chunkPrefix) + len(chunk)))
	switch n := int64(len(chunk)) - chunkHeaderBytes; {
	case n <= 0 || n > size-offset:
		return nil, fmt.Errorf("%w: chunk of %d bytes at %d of %d", errMalformed, n, offset, size)
	case binary.LittleEndian.Uint32(chunk) != crc32.Checksum(chunk[crcBytes:], castagnoli):
		return nil, fmt.Errorf("%w: snapshot chunk at %d is damaged", errMalformed, offset)
	case binary.LittleEndian.Uint64(chunk[crcBytes:]) != uint64(offset):
		return nil, fmt.Errorf("%w: snapshot chunk is not the one at %d", errMalformed, offset)
	}
	return chunk, nil
}

func ack(in *inbound, offset int64) error {
	_, err := in.link.Write(resp.AppendInt(nil, offset))
	return err
}

// reject tells the sender to give this snapshot up.
func (t *Transport) reject(in *inbound, err error) error {
	in.link.Write(resp.AppendError(nil, fmt.Sprintf("ERR %.256s", err.Error()))) // best effort: the connection ends here
	return errors.Join(errNoSnapshot, err)
}

var errNoSnapshot = errors.New("snapshot not taken")
