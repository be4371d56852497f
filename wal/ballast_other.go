//go:build !linux

package wal

import "os"

// reserve makes f size bytes long with its blocks allocated.
func reserve(f *os.File, size int64) error { return fillZero(f, size) }
