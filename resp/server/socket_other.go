//go:build !unix

package server

// hungUp cannot be told without reading.
func (c *conn) hungUp() bool { return false }

func descriptor(any) int { return -1 }
