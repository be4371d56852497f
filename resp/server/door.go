package server

import (
	"context"
	"net"
	"time"

	"redoubt/fsm"
	"redoubt/raft/replica"
	"redoubt/resp"
)

// Execute has the node execute a batch for a caller that is no RESP client, such
// as the REST door. The rules for clients hold for it too: maxmemory, CLIENT
// PAUSE, the statistics, and that Shutdown waits for what has begun.
//
// ErrClosed and the error of ctx mean that nothing was executed. After any other
// error the node has stopped: reads did not happen, writes may have.
func (s *Server) Execute(ctx context.Context, b *replica.Batch) error {
	if !s.enter() {
		return ErrClosed
	}
	defer s.work.Done()
	commands, flags := s.commandsOf(b)
	if err := s.waitForPause(ctx, flags); err != nil {
		return err
	}
	began := time.Now()
	if flags&fsm.FlagDenyOOM != 0 && s.outOfMemory() {
		for range b.Commands {
			b.Reply = resp.AppendError(b.Reply, resp.ErrOOM)
		}
	} else if err := s.node.Execute(b); err != nil {
		return err
	}
	s.stats.account(commands, b.Reply, time.Since(began))
	return nil
}

// enter has Shutdown wait for s.work.Done; false: it has begun.
func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isClosing() {
		return false
	}
	s.work.Add(1)
	return true
}

// commandsOf returns the rows of the commands of a batch, and their flags, those
// within transactions included.
func (s *Server) commandsOf(b *replica.Batch) (rows []*command, flags fsm.Flags) {
	for i := range b.Commands {
		c := &b.Commands[i]
		if c.Exec == nil {
			rows = append(rows, s.commands[c.Spec])
			flags |= c.Spec.Flags
			continue
		}
		rows = append(rows, s.commands[fsm.Lookup([]byte("exec"))])
		for _, q := range c.Exec.Commands {
			flags |= q.Spec.Flags
		}
	}
	return rows, flags
}

// waitForPause holds the caller while CLIENT PAUSE stops commands of such flags.
func (s *Server) waitForPause(ctx context.Context, flags fsm.Flags) error {
	for {
		p := s.pause.Load()
		if p == nil || !p.all && flags&fsm.FlagWrite == 0 {
			return nil
		}
		left := time.Until(p.until)
		if left <= 0 {
			return nil
		}
		timer := time.NewTimer(left)
		select {
		case <-timer.C:
		case <-p.over:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-s.closing:
			timer.Stop()
			return ErrClosed
		}
		timer.Stop()
	}
}

// Authenticate checks a password that was given at another door. After a wrong
// one the answer has to wait, when there have been many from that address.
func (s *Server) Authenticate(user, pass string, from net.Addr) (ok bool, wait time.Duration) {
	if s.settings.load().accepts([]byte(user), []byte(pass)) {
		return true, 0
	}
	return false, s.WrongSecret(from)
}

// WrongSecret notes that somebody has given a wrong password or token and returns
// how long the answer has to wait.
func (s *Server) WrongSecret(from net.Addr) time.Duration {
	s.log.Warn("authentication failed", "event", "auth", "client", from.String())
	return max(s.strangers.failed(from, time.Now()), 0)
}

// Settings returns the settings of now.
func (s *Server) Settings() Values { return s.settings.Values() }
