package devcluster

import "syscall"

// processAttributes: a group of its own, out of reach of the terminal's Ctrl-C, and
// no life after the parent's.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
