package server

import (
	"time"

	"redoubt/fsm"
	"redoubt/resp"
)

// pause is a CLIENT PAUSE. It is never changed: another one takes its place.
type pause struct {
	until time.Time
	all   bool          // not writes alone
	over  chan struct{} // closed when it ends before its time
}

func clientPause(c *conn, args [][]byte, dst []byte) []byte {
	if len(args) > 4 {
		return resp.AppendError(dst, resp.ErrSyntax)
	}
	all := true
	if len(args) == 4 {
		switch {
		case isWord(args[3], "write"):
			all = false
		case isWord(args[3], "all"):
		default:
			return resp.AppendError(dst, resp.ErrPauseMode)
		}
	}
	ms, errText := parseTimeoutMs(args[2])
	if errText != "" {
		return resp.AppendError(dst, errText)
	}
	c.server.pauseUntil(time.Now().Add(time.Duration(ms)*time.Millisecond), all)
	return resp.AppendOK(dst)
}

func clientUnpause(c *conn, _ [][]byte, dst []byte) []byte {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	if old := c.server.pause.Swap(nil); old != nil {
		close(old.over)
	}
	return resp.AppendOK(dst)
}

// pauseUntil begins a pause or makes the one there is longer and stricter.
func (s *Server) pauseUntil(t time.Time, all bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := &pause{until: t, all: all, over: make(chan struct{})}
	old := s.pause.Load()
	if old != nil && time.Now().Before(old.until) {
		p.all = p.all || old.all
		if p.until.Before(old.until) {
			p.until = old.until
		}
	}
	s.pause.Store(p)
	if old != nil {
		close(old.over) // those who wait look at the new one
	}
}

// waitWhilePaused holds the connection when cmd may not run now. What came
// before is answered first. When the client hangs up, cmd is never run.
func (c *conn) waitWhilePaused(cmd *command) {
	for {
		p := c.server.pause.Load()
		if p == nil || !c.stoppedBy(p, cmd) {
			return
		}
		left := time.Until(p.until)
		if left <= 0 {
			c.server.pause.CompareAndSwap(p, nil)
			return
		}
		c.flush()
		c.write()
		if c.closing {
			return
		}
		timer := time.NewTimer(min(left, gonePoll))
		select {
		case <-timer.C:
			c.closing = c.hungUp()
		case <-p.over:
		case <-c.dead:
			c.closing = true
		case <-c.server.closing:
			timer.Stop()
			return // what has been read is answered, and the pause is over
		}
		timer.Stop()
		if c.closing {
			return
		}
		c.since = time.Now()
	}
}

// stoppedBy says whether a pause holds cmd. When all commands are paused Redis
// holds CLIENT UNPAUSE, and the AUTH that has to come before it, and can only wait.
func (c *conn) stoppedBy(p *pause, cmd *command) bool {
	if p.all {
		return cmd.name != "client|unpause" && cmd.spec.Flags&fsm.FlagNoAuth == 0
	}
	if cmd.spec.Name == "exec" {
		return c.multi != nil && c.multi.flags&fsm.FlagWrite != 0
	}
	return cmd.spec.Class == fsm.Write && c.multi == nil
}
