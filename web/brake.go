package web

import (
	"net/netip"
	"sync"
	"time"
)

// maxHeld is how many answers to one address are held back at a time.
const maxHeld = 16

// brake holds back the answers to wrong passwords and tokens. It does not look at
// whether the client still waits: silence would be an answer, and who hangs up
// could guess as fast as he connects.
type brake struct {
	mu       sync.Mutex
	held     map[netip.Addr]int
	released chan struct{} // closed when the port closes
	release  func()
}

func newBrake() *brake {
	b := &brake{held: map[netip.Addr]int{}, released: make(chan struct{})}
	b.release = sync.OnceFunc(func() { close(b.released) })
	return b
}

// full says that nothing more from an address is looked at for now.
func (b *brake) full(from netip.Addr) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.held[from] >= maxHeld
}

// hold returns after wait; false, at once: too many are held already.
func (b *brake) hold(from netip.Addr, wait time.Duration) bool {
	if wait <= 0 {
		return true
	}
	if !b.enter(from) {
		return false
	}
	defer b.leave(from)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-b.released:
	}
	return true
}

func (b *brake) enter(from netip.Addr) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.held[from] >= maxHeld {
		return false
	}
	b.held[from]++
	return true
}

func (b *brake) leave(from netip.Addr) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.held[from]--; b.held[from] == 0 {
		delete(b.held, from)
	}
}
