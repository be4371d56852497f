package peer

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"sync/atomic"
	"time"

	"redoubt/raft"
	"redoubt/wal"
)

const (
	chunkBytes = 1 << 20
	// chunkHeaderBytes: crc32c of the rest, offset.
	chunkHeaderBytes = crcBytes + 8
	// windowBytes may be on the way without being confirmed.
	windowBytes = 8 * chunkBytes
	// snapshotTries in a row that brought nothing forward end a transfer.
	snapshotTries = 10
	// filePatience times the chunk timeout is what the receiver has to look
	// through the file that it has, at the start and at the end.
	filePatience = 10
)

// ErrGivenUp: this node has ended the transfer itself. Another one to the same peer
// has begun, the peer is no member any more, or the node stops.
var ErrGivenUp = errors.New("peer: the transfer was given up")

var (
	// errRejected: the receiver will not have this snapshot, however often it is
	// sent.
	errRejected   = errors.New("the receiver rejected the snapshot")
	errUnreadable = errors.New("the snapshot cannot be read")
)

// snapshotSend is one SendSnapshot.
type snapshotSend struct {
	peer     *peer
	message  raft.Message
	file     wal.SnapshotFile
	cancel   context.CancelFunc
	finished chan struct{}
	acked    atomic.Int64 // bytes that the receiver has written
}

// SendSnapshot streams f to m.To on a connection of its own and goes on after a
// break where the receiver stopped. m is the MsgSnapshot that the receiver gets
// when the file is durable there. A transfer to the same peer that is still
// running is given up. done is called once, from another goroutine, unless
// Close comes first; an error means that the peer did not get the snapshot, or
// did and could not say so. It has been logged by then.
func (t *Transport) SendSnapshot(m raft.Message, f wal.SnapshotFile, done func(err error)) {
	if m.Type != raft.MsgSnapshot || m.Snapshot == nil {
		panic(fmt.Sprintf("peer: not a snapshot message: %+v", m))
	}
	t.mu.Lock()
	p := t.peers[m.To]
	t.mu.Unlock()
	if p == nil {
		t.spawn(func() { done(ErrGivenUp) })
		return
	}
	s := &snapshotSend{peer: p, message: m, file: f, finished: make(chan struct{})}
	var ctx context.Context
	ctx, s.cancel = context.WithCancel(p.ctx)
	p.mu.Lock()
	older := p.snapshot
	p.snapshot = s
	p.mu.Unlock()
	if older != nil {
		older.cancel()
	}
	started := t.spawn(func() {
		if older != nil {
			<-older.finished
		}
		err := s.run(ctx)
		s.cancel()
		p.mu.Lock()
		if p.snapshot == s {
			p.snapshot = nil
		}
		p.mu.Unlock()
		close(s.finished)
		done(err)
	})
	if !started {
		s.cancel()
	}
}

// run sends the snapshot and says how that ended.
func (s *snapshotSend) run(ctx context.Context) error {
	log := s.peer.t.config.Log.With("peer", s.peer.id, "snapshot", s.file.ID, "bytes", s.file.Size)
	start := time.Now()
	err := s.send(ctx)
	if err == nil {
		log.Info("snapshot sent", "seconds", time.Since(start).Seconds())
		return nil
	}
	if ctx.Err() != nil {
		return ErrGivenUp
	}
	log.Warn("snapshot not sent", "err", err)
	if errors.Is(err, errUnreadable) || errors.Is(err, errRejected) && s.acked.Load() == s.file.Size {
		s.check()
	}
	return err
}

// check looks at the node's own file: it could not be read, or a receiver that had
// all of it did not take it. No other node would, and this one could not start with it.
func (s *snapshotSend) check() {
	if err := s.file.Check(); err != nil && !wal.IsPassing(err) {
		s.peer.t.config.Handler.DiskFailed(fmt.Errorf("peer: snapshot for %s: %w", s.peer.id, err))
	}
}

// send tries until the snapshot is there, is rejected, makes no more progress or
// ctx ends.
func (s *snapshotSend) send(ctx context.Context) error {
	file, err := s.file.OpenRaw()
	if err != nil {
		return fmt.Errorf("%w: %w", errUnreadable, err)
	}
	defer file.Close()
	var pause backoff
	for failures := 0; failures < snapshotTries; failures++ {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		before := s.acked.Load()
		err = s.attempt(ctx, file)
		if err == nil || errors.Is(err, errRejected) || errors.Is(err, errUnreadable) {
			return err
		}
		if s.acked.Load() > before {
			failures, pause = 0, backoff{}
		}
		pause.wait(ctx)
	}
	return err
}

// attempt offers the snapshot on a new connection, learns how much of it the
// receiver has, and sends the rest.
func (s *snapshotSend) attempt(ctx context.Context, file io.ReaderAt) error {
	k, _, err := s.peer.dial(ctx, laneSnap)
	if err != nil {
		return err
	}
	defer k.close()
	offer := appendCommand(nil, "RAFT.SNAP", string(appendMessage(nil, &s.message)),
		s.file.ID, strconv.FormatInt(s.file.Size, 10))
	if err := s.write(k, offer); err != nil {
		return err
	}
	timeout := s.peer.t.config.SnapshotTimeout
	sent, err := readAck(k, filePatience*timeout, 0, s.file.Size)
	if err != nil {
		return err
	}
	s.acked.Store(sent)
	var frame []byte
	for s.acked.Load() < s.file.Size {
		if sent < s.file.Size && sent-s.acked.Load() < windowBytes {
			n := min(chunkBytes, s.file.Size-sent)
			if frame, err = appendChunk(frame[:0], file, sent, int(n)); err != nil {
				return err
			}
			if err := s.write(k, frame); err != nil {
				return err
			}
			sent += n
			continue
		}
		acked, err := readAck(k, timeout, s.acked.Load()+1, sent)
		if err != nil {
			return err
		}
		s.acked.Store(acked)
	}
	b, err := readLine(k, filePatience*timeout)
	if err == nil && string(b) != "+OK" {
		err = fmt.Errorf("%w: expected +OK, got %.64q", errProtocol, b)
	}
	return err
}

// appendChunk makes a RAFT.CHUNK of n bytes of the file.
func appendChunk(dst []byte, file io.ReaderAt, offset int64, n int) ([]byte, error) {
	dst = append(dst, chunkPrefix...)
	dst = strconv.AppendInt(dst, int64(chunkHeaderBytes+n), 10)
	dst = append(dst, "\r\n"...)
	start := len(dst)
	dst = append(dst, make([]byte, chunkHeaderBytes+n)...)
	body := dst[start:]
	if _, err := file.ReadAt(body[chunkHeaderBytes:], offset); err != nil {
		return dst, fmt.Errorf("%w at %d: %w", errUnreadable, offset, err)
	}
	binary.LittleEndian.PutUint64(body[crcBytes:], uint64(offset))
	binary.LittleEndian.PutUint32(body, crc32.Checksum(body[crcBytes:], castagnoli))
	return append(dst, "\r\n"...), nil
}

func (s *snapshotSend) write(k *link, b []byte) error {
	if err := k.SetWriteDeadline(time.Now().Add(s.peer.t.config.SnapshotTimeout)); err != nil {
		return err
	}
	n, err := k.Write(b)
	s.peer.traffic.bytesOut.Add(uint64(n))
	return err
}

// readAck reads ":offset" between low and high.
func readAck(k *link, timeout time.Duration, low, high int64) (int64, error) {
	b, err := readLine(k, timeout)
	if err != nil {
		return 0, err
	}
	digits, ok := bytes.CutPrefix(b, []byte(":"))
	n, err := strconv.ParseInt(string(digits), 10, 64)
	if !ok || err != nil || n < low || n > high {
		return 0, fmt.Errorf("%w: expected an offset from %d to %d, got %.64q", errProtocol, low, high, b)
	}
	return n, nil
}

// readLine reads one reply; "-ERR …" is errRejected.
func readLine(k *link, timeout time.Duration) ([]byte, error) {
	if err := k.SetReadDeadline(time.Now().Add(timeout)); err != nil {
		return nil, err
	}
	b, err := k.reader.line()
	if err != nil {
		return nil, unexpected(err)
	}
	if text, ok := bytes.CutPrefix(b, []byte("-ERR ")); ok {
		return nil, fmt.Errorf("%w: %.256s", errRejected, text)
	}
	return b, nil
}
