//go:build unix

package server

import "syscall"

// cpuSeconds is what the process has used.
func cpuSeconds() (system, user float64) {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0, 0
	}
	seconds := func(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }
	return seconds(u.Stime), seconds(u.Utime)
}
