package server

import (
	"crypto/sha256"
	"sync"
	"sync/atomic"
	"time"

	"redoubt/resp"
)

// Values are the settings of the client side. Names follow Redis's parameters.
type Values struct {
	// RequirePass is the password of the default user, "" for none.
	RequirePass string
	// ProtectedMode refuses clients that are not on this host while there is
	// no password.
	ProtectedMode bool
	// MaxClients bounds the open connections.
	MaxClients int
	// MaxUnauthenticated bounds those that still owe a password; those of one
	// address other than loopback may be a quarter of it.
	MaxUnauthenticated int
	// AuthTimeout is the time a connection has to authenticate.
	AuthTimeout time.Duration
	// MaxMemoryBytes refuses commands that may need memory while the estimate
	// of the dataset is above it; 0 = no limit.
	MaxMemoryBytes int64
	// TimeoutSeconds closes connections that are idle for longer; 0 = never.
	TimeoutSeconds int
	// WriteTimeout closes connections that take nothing for that long.
	WriteTimeout time.Duration
	// KeepAliveSeconds is the period of TCP keep-alive probes; 0 = none.
	KeepAliveSeconds int
	// MaxBulkBytes bounds one argument (proto-max-bulk-len).
	MaxBulkBytes int
	// MaxQueryBytes bounds one command, and the commands and watched keys of
	// one transaction (client-query-buffer-limit).
	MaxQueryBytes int
	// MaxOutputBytes closes a connection whose waiting replies are longer;
	// 0 = no limit (the hard limit of client-output-buffer-limit normal).
	MaxOutputBytes int

	// Databases is how many there are for SELECT; it cannot be changed.
	Databases int
	// Shown lists parameters of the process that CONFIG GET shows and CONFIG
	// SET cannot change.
	Shown []Parameter
}

// Parameter is a name and a value of CONFIG GET.
type Parameter struct{ Name, Value string }

// DefaultValues are Redis's defaults where Redis has the parameter and a command
// that long fits into an entry of the log.
func DefaultValues() Values {
	return Values{
		ProtectedMode:      true,
		MaxClients:         10000,
		MaxUnauthenticated: 1024,
		AuthTimeout:        10 * time.Second,
		WriteTimeout:       30 * time.Second,
		KeepAliveSeconds:   300,
		MaxBulkBytes:       32 << 20,
		MaxQueryBytes:      48 << 20,
		MaxOutputBytes:     256 << 20,
		Databases:          16,
	}
}

// limits are those of a connection that may run commands.
func (v *Values) limits() resp.Limits {
	l := resp.DefaultLimits()
	l.MaxBulkBytes = v.MaxBulkBytes
	l.MaxCommandBytes = v.MaxQueryBytes
	return l
}

// Settings are Values that may change while the server runs. Readers get a
// copy that never changes.
type Settings struct {
	current atomic.Pointer[values]
	mu      sync.Mutex // of writers
}

type values struct {
	Values
	passDigest [sha256.Size]byte // of RequirePass
}

// NewSettings starts from v.
func NewSettings(v Values) *Settings {
	s := &Settings{}
	s.store(v)
	return s
}

// Values returns the settings of now.
func (s *Settings) Values() Values { return s.current.Load().Values }

func (s *Settings) load() *values { return s.current.Load() }

func (s *Settings) store(v Values) {
	s.current.Store(&values{Values: v, passDigest: sha256.Sum256([]byte(v.RequirePass))})
}

// update lets change edit a copy and makes it current when change says so.
func (s *Settings) update(change func(v *Values) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v := s.Values(); change(&v) {
		s.store(v)
	}
}
