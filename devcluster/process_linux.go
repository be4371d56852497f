package devcluster

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// processAttributes: a group of its own, out of reach of the terminal's Ctrl-C, and
// no life after the parent's.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// awaitStop returns when the child has stopped or ended, or somebody has it go on: after
// a second at most. It leaves the news to whoever waits for the child.
func awaitStop(pid int) {
	poll := time.NewTicker(time.Millisecond)
	defer poll.Stop()
	for range 1000 {
		var info unix.Siginfo
		err := unix.Waitid(unix.P_PID, pid, &info, unix.WSTOPPED|unix.WEXITED|unix.WNOWAIT|unix.WNOHANG, nil)
		if err != nil && err != unix.EINTR || info.Signo != 0 {
			return
		}
		<-poll.C
	}
}
