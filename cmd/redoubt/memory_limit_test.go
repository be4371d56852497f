package main

import (
	"log/slog"
	"math"
	"runtime/debug"
	"testing"
)

// The heap stays within what there is; whoever has said so in the environment decides.
func TestHeapHasALimit(t *testing.T) {
	before := debug.SetMemoryLimit(math.MaxInt64)
	defer debug.SetMemoryLimit(before)
	limit := func() int64 {
		limitMemory(slog.New(slog.DiscardHandler))
		return debug.SetMemoryLimit(-1)
	}
	t.Setenv("AUTOMEMLIMIT", "off")
	if got := limit(); got != math.MaxInt64 {
		t.Errorf("turned off, the limit is %d", got)
	}
	t.Setenv("AUTOMEMLIMIT", "0.5")
	half := limit()
	t.Setenv("AUTOMEMLIMIT", "0.9")
	if most := limit(); half < 1<<20 || half >= math.MaxInt64/4 || most <= half {
		t.Errorf("limits %d and %d for a half and for nine tenths", half, most)
	}
}
