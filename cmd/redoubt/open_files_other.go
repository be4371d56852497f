//go:build !unix

package main

import "math"

// openFilesLimit: there is none that can be asked for.
func openFilesLimit() (uint64, error) { return math.MaxUint64, nil }
