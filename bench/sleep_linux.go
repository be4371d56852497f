package bench

import (
	"context"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// longNap is what the runtime's timers are used for: they wake up to a
// millisecond late, because epoll counts in milliseconds.
const longNap = 3 * time.Millisecond

// sleepUntil waits until t or the end of ctx, and reports whether there was
// anything to wait for. A lateness of half a millisecond would be most of the
// latency to be measured, so the last stretch is slept by the kernel's clock.
func sleepUntil(ctx context.Context, t time.Time) bool {
	d := time.Until(t)
	if d <= 0 {
		return false
	}
	if d > longNap {
		timer := time.NewTimer(d - longNap)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return true
		}
	}
	for d = time.Until(t); d > 0; d = time.Until(t) {
		// By default the kernel may add 50 µs. The setting is the thread's, of
		// which there is another one each time; it costs less than the sleep.
		_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0) // refused, it is 50 µs later
		rest := syscall.NsecToTimespec(int64(d))
		_ = syscall.Nanosleep(&rest, nil) // a signal ends it early: the loop goes on
	}
	return true
}
