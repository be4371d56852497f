//go:build unix

package server

import "syscall"

// hungUp looks, without taking anything, whether the client has closed its side.
// Input that waits hides it: that client is alive enough. The deadline of the last
// read, which may have passed, does not matter here.
func (c *conn) hungUp() bool {
	raw, ok := c.nc.(syscall.Conn)
	if !ok {
		return false
	}
	rc, err := raw.SyscallConn()
	if err != nil {
		return true
	}
	gone := false
	err = rc.Control(func(fd uintptr) {
		var b [1]byte
		n, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		gone = n == 0 && err == nil || err != nil && err != syscall.EAGAIN && err != syscall.EINTR
	})
	return gone || err != nil
}

// descriptor is the socket's number for CLIENT LIST, -1 when it has none.
func descriptor(nc any) int {
	fd := -1
	if raw, ok := nc.(syscall.Conn); ok {
		if rc, err := raw.SyscallConn(); err == nil {
			_ = rc.Control(func(n uintptr) { fd = int(n) })
		}
	}
	return fd
}
