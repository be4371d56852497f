//go:build !linux

package devcluster

import "syscall"

// processAttributes: a group of its own, out of reach of the terminal's Ctrl-C.
func processAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// awaitStop does nothing here: a pause begins a moment after Pause.
func awaitStop(int) {}
