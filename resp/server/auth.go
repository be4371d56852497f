package server

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/netip"
	"sync"
	"time"

	"redoubt/resp"
)

// defaultUser is the only user there is.
const defaultUser = "default"

func auth(c *conn, args [][]byte, dst []byte) []byte {
	user, pass := []byte(defaultUser), args[1]
	switch len(args) {
	case 2:
		if c.server.settings.load().RequirePass == "" {
			return resp.AppendError(dst, resp.ErrAuthNotConfigured)
		}
	case 3:
		user, pass = args[1], args[2]
	default:
		return resp.AppendError(dst, resp.ErrSyntax)
	}
	if !c.login(user, pass) {
		return resp.AppendError(dst, resp.ErrWrongPass)
	}
	return resp.AppendOK(dst)
}

// login checks a password and, when it is right, makes the connection one of
// those that may run commands.
func (c *conn) login(user, pass []byte) bool {
	if !c.server.settings.load().accepts(user, pass) {
		c.server.log.Warn("authentication failed", "event", "auth", "client", c.nc.RemoteAddr().String())
		c.waitAfterFailure()
		return false
	}
	c.authenticate()
	return true
}

// accepts compares digests, so the time taken tells neither the length of the
// password nor a common beginning, and an unknown user costs as much as a
// known one. Without a password any will do, as in Redis.
func (v *values) accepts(user, pass []byte) bool {
	digest := sha256.Sum256(pass)
	right := subtle.ConstantTimeCompare(digest[:], v.passDigest[:])
	if v.RequirePass == "" {
		right = 1
	}
	return right&subtle.ConstantTimeCompare(user, []byte(defaultUser)) == 1
}

func (c *conn) authenticate() {
	if c.authenticated {
		return
	}
	c.authenticated = true
	c.server.strangers.leave(c.nc.RemoteAddr())
	c.followLimits()
}

// estrange is what RESET does to a connection that needs a password: it is as
// it was before AUTH.
func (c *conn) estrange() {
	c.authenticated = false
	c.server.strangers.join(c.nc.RemoteAddr())
	c.strangerSince, c.strangerBytes = time.Now(), 0
	c.guard.SetLimits(resp.UnauthenticatedLimits())
	c.framed = nil
}

// waitAfterFailure delays the reply to a wrong password when there have been
// many from that address.
func (c *conn) waitAfterFailure() {
	wait := c.server.strangers.failed(c.nc.RemoteAddr(), time.Now())
	if wait <= 0 {
		return
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.dead:
	case <-c.server.closing:
	}
}

const (
	// failureBurst wrong passwords from one address are answered at once, then
	// one every failureInterval.
	failureBurst    = 16
	failureInterval = time.Second
	// maxFailureWait is more than any connection has to authenticate.
	maxFailureWait = 30 * time.Second
	// maxAddrs bounds the addresses whose failures are remembered.
	maxAddrs = 1 << 14
)

// strangers counts the connections that have not authenticated, and the wrong
// passwords, by address.
type strangers struct {
	mu     sync.Mutex
	count  int
	byAddr map[netip.Addr]*stranger
}

type stranger struct {
	count int
	// theoretical is when the next failure would be due if they came evenly,
	// one every failureInterval.
	theoretical time.Time
}

func newStrangers() *strangers { return &strangers{byAddr: map[netip.Addr]*stranger{}} }

// enter admits a new connection, unless there are too many that have not
// authenticated.
func (s *strangers) enter(from net.Addr, limit int) bool {
	ip := addrOf(from)
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.get(ip)
	if s.count >= limit || st.count >= max(limit/4, 1) && !ip.IsLoopback() {
		s.drop(ip, st)
		return false
	}
	s.count++
	st.count++
	return true
}

// join counts a connection that was admitted long ago.
func (s *strangers) join(from net.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count++
	s.get(addrOf(from)).count++
}

func (s *strangers) leave(from net.Addr) {
	ip := addrOf(from)
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.get(ip)
	s.count--
	st.count--
	s.drop(ip, st)
}

// failed notes a wrong password and returns how long its reply has to wait.
func (s *strangers) failed(from net.Addr, now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.get(addrOf(from))
	if st.theoretical.Before(now) {
		st.theoretical = now
	}
	st.theoretical = st.theoretical.Add(failureInterval)
	return min(st.theoretical.Sub(now)-failureBurst*failureInterval, maxFailureWait)
}

func (s *strangers) get(ip netip.Addr) *stranger {
	st := s.byAddr[ip]
	if st == nil {
		if len(s.byAddr) >= maxAddrs {
			s.forget(time.Now())
		}
		st = &stranger{}
		s.byAddr[ip] = st
	}
	return st
}

// drop forgets an address without connections or failures.
func (s *strangers) drop(ip netip.Addr, st *stranger) {
	if st.count == 0 && st.theoretical.IsZero() {
		delete(s.byAddr, ip)
	}
}

// forget makes room: failures that have aged, or else all of them.
func (s *strangers) forget(now time.Time) {
	for ip, st := range s.byAddr {
		if st.count == 0 && st.theoretical.Before(now) {
			delete(s.byAddr, ip)
		}
	}
	if len(s.byAddr) < maxAddrs {
		return
	}
	for ip, st := range s.byAddr {
		if st.count == 0 {
			delete(s.byAddr, ip)
		}
	}
}

// addrOf is the zero address for what is not TCP.
func addrOf(a net.Addr) netip.Addr {
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap()
}

func isLoopback(a net.Addr) bool {
	return a.Network() == "unix" || addrOf(a).IsLoopback()
}
