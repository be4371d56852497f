package server

import (
	"context"
	"time"

	"redoubt/raft"
	"redoubt/resp"
)

// wait is WAIT numreplicas timeout: how many other members have the newest
// write of this connection on their disks. A reply to the write itself already
// meant that a majority has it.
func wait(c *conn, args [][]byte, dst []byte) []byte {
	replicas, ok := parseInt(args[1])
	if !ok {
		return resp.AppendError(dst, resp.ErrNotInteger)
	}
	ms, errText := parseTimeoutMs(args[2])
	if errText != "" {
		return resp.AppendError(dst, errText)
	}
	n, errText := c.awaitAcked(replicas, ms)
	if errText != "" {
		return resp.AppendError(dst, errText)
	}
	return resp.AppendInt(dst, int64(n))
}

// waitAOF is WAITAOF numlocal numreplicas timeout. Locally and elsewhere a write
// is acknowledged only when it has been fsynced.
func waitAOF(c *conn, args [][]byte, dst []byte) []byte {
	local, ok := parseInt(args[1])
	if !ok || local < 0 || local > 1 {
		return resp.AppendError(dst, resp.OutOfRange(0, 1))
	}
	replicas, ok := parseInt(args[2])
	if !ok || replicas < 0 {
		return resp.AppendError(dst, resp.ErrNotPositive)
	}
	ms, errText := parseTimeoutMs(args[3])
	if errText != "" {
		return resp.AppendError(dst, errText)
	}
	n, errText := c.awaitAcked(replicas, ms)
	if errText != "" {
		return resp.AppendError(dst, errText)
	}
	here := int64(0)
	if c.server.node.Status().Persisted >= c.lastWrite {
		here = 1
	}
	dst = resp.AppendArray(dst, 2)
	dst = resp.AppendInt(dst, here)
	return resp.AppendInt(dst, int64(n))
}

// awaitAcked waits until enough members have the newest write, for ms
// milliseconds at most, 0 meaning for ever. Inside a transaction it never waits.
func (c *conn) awaitAcked(others, ms int64) (n int, errText string) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if ms > 0 {
		ctx, cancel = context.WithTimeout(ctx, time.Duration(ms)*time.Millisecond)
		defer cancel()
	}
	if c.inExec || others <= 0 {
		others = 0
	}
	withError := false
	stop := make(chan struct{})
	watched := make(chan struct{})
	c.block()
	go func() {
		defer close(watched)
		withError = c.watchBlocked(stop)
		cancel()
	}()
	n = c.server.node.AwaitAcked(ctx, c.lastWrite, int(min(others, int64(maxMembers))))
	close(stop)
	<-watched
	c.unblocked()
	if withError {
		return 0, resp.ErrUnblocked
	}
	return n, ""
}

// maxMembers is more members than a cluster will ever have.
const maxMembers = 1 << 16

// gonePoll is how often a blocked connection looks whether its client hung up.
const gonePoll = 200 * time.Millisecond

// watchBlocked returns when the wait has to end: because stop is closed, the
// client is gone, the server shuts down, or CLIENT UNBLOCK, whose wish for an
// error it returns.
func (c *conn) watchBlocked(stop <-chan struct{}) (withError bool) {
	ticker := time.NewTicker(gonePoll)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
		case <-c.dead:
		case <-c.server.closing:
		case withError = <-c.unblock:
		case <-ticker.C:
			if !c.hungUp() {
				continue
			}
		}
		return withError
	}
}

func (c *conn) block() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.blocked = true
	c.server.stats.blocked.Add(1)
}

func (c *conn) unblocked() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.blocked = false
	c.server.stats.blocked.Add(-1)
	select {
	case <-c.unblock: // came too late
	default:
	}
}

// wakeBlocked is CLIENT UNBLOCK seen from the other side; false: the connection
// does not wait.
func (c *conn) wakeBlocked(withError bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.blocked {
		return false
	}
	select {
	case c.unblock <- withError:
		return true
	default:
		return false // someone was faster
	}
}

func isLeader(s *raft.Status) bool { return s.Role == raft.Leader }
