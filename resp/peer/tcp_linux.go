package peer

import (
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// setUserTimeout breaks the connection when sent data stays unacknowledged for
// so long. Otherwise the kernel goes on for a quarter of an hour, in steps that
// double: after a partition has healed the link would stay dead for about as
// long again.
func setUserTimeout(conn net.Conn, d time.Duration) {
	control(conn, func(fd int) {
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(d.Milliseconds()))
	})
}

// roundTrip is the kernel's smoothed round-trip time; 0 when unknown.
func roundTrip(conn net.Conn) (rtt time.Duration) {
	control(conn, func(fd int) {
		if info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO); err == nil {
			rtt = time.Duration(info.Rtt) * time.Microsecond
		}
	})
	return rtt
}

func control(conn net.Conn, f func(fd int)) {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	raw.Control(func(fd uintptr) { f(int(fd)) })
}
