package server

import (
	"os"
	"strconv"
	"strings"
)

func processID() int { return os.Getpid() }

// residentBytes is the resident set of the process, 0 where /proc does not say.
func residentBytes() uint64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseUint(fields[1], 10, 64) // 0 as well
	return pages * uint64(os.Getpagesize())
}
