package web

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// The guard keeps strangers and foreign pages from keys and actions.
//
// A password or token is asked for in a header that no browser sends by itself,
// so where there is one a foreign page has none. Without one, the request has to
// come from this machine; then a page in a browser of this machine must be told
// from a program: by the Host that it believes to speak to (a name that an
// attacker points at 127.0.0.1 is not among ours) and by the origin that the
// browser names.

// admitKey decides whether a request may see or change keys.
func (s *Server) admitKey(r *http.Request) *problem {
	if err := http.NewCrossOriginProtection().Check(r); err != nil {
		return crossOrigin(err)
	}
	return s.admitByPassword(r)
}

// admitAction decides whether a request may act on the cluster. name is the
// action's: a header has to repeat it, which a page of another origin could not
// send unasked.
func (s *Server) admitAction(r *http.Request, name string) *problem {
	if err := http.NewCrossOriginProtection().Check(r); err != nil {
		return crossOrigin(err)
	}
	if got := r.Header.Get(actionHeader); got != name {
		return &problem{
			status: http.StatusForbidden, Code: "FORBIDDEN",
			Message: fmt.Sprintf("the header %s has to repeat the name of the action", actionHeader),
		}
	}
	if s.config.Token == "" {
		if !s.loopback.Load() {
			return &problem{
				status: http.StatusForbidden, Code: "FORBIDDEN",
				Message: "actions are off: the port can be reached from other machines and there is no --http-token",
			}
		}
		return s.admitByPassword(r)
	}
	given, ok := bearer(r)
	if !ok {
		return unauthorized("the token of --http-token is needed")
	}
	return s.admitSecret(r, "the token is wrong", func(from net.Addr) (bool, time.Duration) {
		want, have := sha256.Sum256([]byte(s.config.Token)), sha256.Sum256([]byte(given))
		if subtle.ConstantTimeCompare(want[:], have[:]) == 1 {
			return true, 0
		}
		return false, s.config.Server.WrongSecret(from)
	})
}

const actionHeader = "Redoubt-Action"

// admitByPassword asks for the password that clients need.
func (s *Server) admitByPassword(r *http.Request) *problem {
	from := remoteAddr(r)
	if v := s.config.Server.Settings(); v.RequirePass == "" {
		switch {
		case v.ProtectedMode && !from.IP.IsLoopback():
			return &problem{
				status: http.StatusForbidden, Code: "DENIED",
				Message: "protected mode: without a password keys are for this machine alone",
			}
		case !s.knownHost(r.Host):
			return misdirected(r.Host)
		}
		return nil
	}
	user, pass, ok := credentials(r)
	if !ok {
		return unauthorized("a password is needed")
	}
	return s.admitSecret(r, "the password is wrong", func(from net.Addr) (bool, time.Duration) {
		return s.config.Server.Authenticate(user, pass, from)
	})
}

// admitSecret has a password or token checked; a wrong one is answered after wait.
// While too many of an address wait, not even a right one is looked at: it would
// tell itself from the wrong ones.
func (s *Server) admitSecret(r *http.Request, wrong string, check func(from net.Addr) (ok bool, wait time.Duration)) *problem {
	from := remoteAddr(r)
	ip := from.AddrPort().Addr()
	if s.brake.full(ip) {
		return tooManyGuesses()
	}
	ok, wait := check(from)
	switch {
	case ok:
		return nil
	case !s.brake.hold(ip, wait):
		return tooManyGuesses()
	}
	return unauthorized(wrong)
}

// credentials reads Authorization: Bearer PASSWORD, or Basic with the user
// default or none.
func credentials(r *http.Request) (user, pass string, ok bool) {
	const defaultUser = "default"
	if pass, ok = bearer(r); ok {
		return defaultUser, pass, true
	}
	if user, pass, ok = r.BasicAuth(); ok && user == "" {
		user = defaultUser
	}
	return user, pass, ok
}

// bearer reads Authorization: Bearer SECRET.
func bearer(r *http.Request) (secret string, ok bool) {
	scheme, secret, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	return secret, ok && strings.EqualFold(scheme, "Bearer")
}

// unauthorized offers Bearer alone: a browser would keep a Basic password and
// send it by itself from then on.
func unauthorized(why string) *problem {
	return &problem{status: http.StatusUnauthorized, Code: "NOAUTH", Message: why}
}

func tooManyGuesses() *problem {
	return &problem{
		status: http.StatusTooManyRequests, Code: "TOOMANY",
		Message: "too many wrong passwords or tokens from this address",
	}
}

func crossOrigin(err error) *problem {
	return &problem{status: http.StatusForbidden, Code: "FORBIDDEN", Message: "a page of another origin asks: " + err.Error()}
}

func misdirected(host string) *problem {
	return &problem{
		status: http.StatusMisdirectedRequest, Code: "WRONGHOST",
		Message: fmt.Sprintf("this port is not known as %q: use an IP address or localhost", host),
	}
}

// knownHost says whether the client meant this port. Addresses cannot be
// redirected by a name server, so any will do.
func (s *Server) knownHost(hostPort string) bool {
	host, _, err := net.SplitHostPort(hostPort)
	if err != nil {
		host = strings.Trim(hostPort, "[]")
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return strings.EqualFold(host, "localhost") ||
		slices.ContainsFunc(s.config.Hosts, func(h string) bool { return h != "" && strings.EqualFold(h, host) })
}

func remoteAddr(r *http.Request) *net.TCPAddr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return &net.TCPAddr{} // not loopback
	}
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()))
}
