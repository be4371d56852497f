package main

import (
	"log/slog"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// limitMemory has the garbage collector work harder before the memory of the
// container or the machine is used up, of which it gets nine tenths: it would let the
// heap double otherwise, and the kernel kill the node although there is garbage.
// GOMEMLIMIT and AUTOMEMLIMIT of the environment have the last word.
func limitMemory(log *slog.Logger) {
	limit, err := memlimit.Set(memlimit.WithProvider(memlimit.ApplyFallback(memlimit.FromCgroup, memlimit.FromSystem)))
	if err != nil {
		log.Warn("no limit for the heap", "event", "memory", "err", err)
		return
	}
	log.Info("limit for the heap", "event", "memory", "bytes", limit)
}
