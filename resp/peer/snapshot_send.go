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

// errRejected: the receiver will not have this snapshot, however often it is
// sent.
var errRejected = errors.New("the receiver rejected the snapshot")

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
// Close comes first; false means that the peer did not get the snapshot, or
// did and could not say so.
func (t *Transport) SendSnapshot(m raft.Message, f wal.SnapshotFile, done func(ok bool)) {
	if m.Type != raft.MsgSnapshot || m.Snapshot == nil {
		panic(fmt.Sprintf("peer: not a snapshot message: %+v", m))
	}
	t.mu.Lock()
	p := t.peers[m.To]
	t.mu.Unlock()
	if p == nil {
		t.spawn(func() { done(false) })
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
		ok := s.run(ctx)
		s.cancel()
		p.mu.Lock()
		if p.snapshot == s {
			p.snapshot = nil
		}
		p.mu.Unlock()
		close(s.finished)
		done(ok)
	})
	if !started {
		s.cancel()
	}
}

// run tries until the snapshot is there, is rejected, makes no more progress or
// ctx ends.
func (s *snapshotSend) run(ctx context.Context) bool {
	log := s.peer.t.config.Log.With("peer", s.peer.id, "snapshot", s.file.ID, "bytes", s.file.Size)
	file, err := s.file.OpenRaw()
	if err != nil {
		log.Error("snapshot not sent", "err", err)
		return false
	}
	defer file.Close()
	start := time.Now()
	var pause backoff
	for failures := 0; failures < snapshotTries && ctx.Err() == nil; failures++ {
		before := s.acked.Load()
		if err = s.attempt(ctx, file); err == nil {
			log.Info("snapshot sent", "seconds", time.Since(start).Seconds())
			return true
		}
		if errors.Is(err, errRejected) {
			break
		}
		if s.acked.Load() > before {
			failures, pause = 0, backoff{}
		}
		pause.wait(ctx)
	}
	if ctx.Err() == nil {
		log.Warn("snapshot not sent", "err", err)
	}
	return false
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
		return dst, fmt.Errorf("%w: read snapshot at %d: %w", errRejected, offset, err)
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
