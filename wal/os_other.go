//go:build !linux

package wal

// Datasync: not every system has one, and where fsync does less than on Linux the
// standard library knows.
func (f osFile) Datasync() error { return f.Sync() }

func (f osFile) reserve(size int64) error { return fillZero(f, size) }
