//go:build unix

package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// openFilesLimit is how many descriptors this process may have. Go's runtime has
// raised the soft limit to the hard one by now.
func openFilesLimit() (uint64, error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("limit of open files: %w", err)
	}
	return uint64(limit.Cur), nil
}
