package bench

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"redoubt/resp"
)

const (
	memoryKeys       = 500_000
	memoryValueBytes = 16
)

// MemoryReport is what a key of 16 bytes with a value of 16 bytes costs a
// process that holds nothing else.
type MemoryReport struct {
	System   string  `json:"system"`
	Own      float64 `json:"own_bytes_per_key"`      // by INFO's used_memory; the two do not count the same
	Resident float64 `json:"resident_bytes_per_key"` // by the system's count; 0 = not told
}

// memoryRatio compares redoubt with Redis; false when one was not measured.
func (s *Suite) memoryRatio(of func(MemoryReport) float64) (float64, bool) {
	var ours, theirs float64
	for _, m := range s.Memory {
		switch m.System {
		case redoubtOne:
			ours = of(m)
		case redisOne:
			theirs = of(m)
		}
	}
	return ours / theirs, ours != 0 && theirs != 0
}

// measureMemory fills a new process of each kind.
func (s *suite) measureMemory(ctx context.Context) error {
	measure := func(sys *system, err error) error {
		if err != nil {
			return err
		}
		report, err := memoryOf(ctx, sys)
		if err = errors.Join(err, sys.stop()); err != nil {
			return fmt.Errorf("%s: %w", sys.name, err)
		}
		s.report.Memory = append(s.report.Memory, report)
		s.say("memory of %-20s %.0f bytes per key by its INFO, %.0f resident", report.System, report.Own, report.Resident)
		return nil
	}
	started, err := startRedoubt(ctx, s.o.Redoubt, filepath.Join(s.dir, "memory-redoubt"), 1)
	if err != nil {
		return err
	}
	if err := measure(started[0], nil); err != nil || s.o.Redis == "" {
		return err
	}
	return measure(startRedis(ctx, s.o.Redis, filepath.Join(s.dir, "memory-redis"), 0))
}

func memoryOf(ctx context.Context, sys *system) (MemoryReport, error) {
	report := MemoryReport{System: sys.name}
	addrs, err := sys.addrs(ctx)
	if err != nil {
		return report, err
	}
	before, err := usedMemory(addrs[0])
	if err != nil {
		return report, err
	}
	residentBefore := resident(sys.pid())
	o := DefaultOptions()
	o.Addrs, o.Connections, o.Commands, o.Requests, o.Warmup = addrs, 1, Mix{{"get", 1}}, 1, 0
	o.Keys, o.ValueBytes = memoryKeys, Range{memoryValueBytes, memoryValueBytes}
	if _, err := Run(ctx, o, nil); err != nil {
		return report, err
	}
	after, err := usedMemory(addrs[0])
	report.Own = float64(after-before) / memoryKeys
	report.Resident = float64(resident(sys.pid())-residentBefore) / memoryKeys
	return report, err
}

// usedMemory asks a server for its used_memory. Redis counts what its allocator
// gave out; redoubt estimates its data, without Go's spare heap and garbage.
func usedMemory(addr string) (int64, error) {
	c, err := resp.Dial(addr, DefaultOptions().Timeout)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	v, err := c.Do("INFO", "memory")
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(v.Str, "used_memory:")
	number, _, _ := strings.Cut(rest, "\r\n")
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("INFO of %s has no used_memory: %w", addr, err)
	}
	return n, nil
}

// resident is how many bytes a process has in memory; 0 = not told.
func resident(pid int) int64 {
	var kib int64
	if _, err := fmt.Sscanf(field(fmt.Sprintf("/proc/%d/status", pid), "VmRSS"), "%d kB", &kib); err != nil {
		return 0
	}
	return kib << 10
}
