//go:build !linux

package bench

import (
	"context"
	"time"
)

// sleepUntil waits until t or the end of ctx, and reports whether there was
// anything to wait for.
func sleepUntil(ctx context.Context, t time.Time) bool {
	d := time.Until(t)
	if d <= 0 {
		return false
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return true
}
