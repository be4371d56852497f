package server

import (
	"bytes"

	"redoubt/raft"
	"redoubt/resp"
)

// compatibleVersion is the release of Redis whose features clients may expect.
const compatibleVersion = "7.2.4"

// hello is HELLO [version [AUTH user password] [SETNAME name]].
func hello(c *conn, args [][]byte, dst []byte) []byte {
	proto := c.proto
	if len(args) > 1 {
		n, ok := parseInt(args[1])
		switch {
		case !ok:
			return resp.AppendError(dst, resp.ErrProtoNotInteger)
		case n != 2 && n != 3:
			return resp.AppendError(dst, resp.ErrNoProto)
		}
		proto = int(n)
	}
	var user, pass, name []byte
	for i := 2; i < len(args); {
		more := len(args) - 1 - i
		switch {
		case isWord(args[i], "auth") && more >= 2:
			user, pass = args[i+1], args[i+2]
			i += 3
		case isWord(args[i], "setname") && more >= 1:
			name = args[i+1]
			if !validName(name) {
				return resp.AppendError(dst, resp.ErrClientName)
			}
			i += 2
		default:
			return resp.AppendError(dst, resp.HelloSyntax(args[i]))
		}
	}
	if user != nil && !c.login(user, pass) {
		return resp.AppendError(dst, resp.ErrWrongPass)
	}
	if !c.authenticated {
		return resp.AppendError(dst, resp.ErrHelloNoAuth)
	}
	if name != nil {
		c.name = bytes.Clone(name)
	}
	c.proto = proto
	return c.appendHello(dst)
}

func (c *conn) appendHello(dst []byte) []byte {
	role := "replica"
	if c.server.node.Recent().Role == raft.Leader {
		role = "master"
	}
	dst = resp.AppendMap(dst, 7, c.proto)
	dst = resp.AppendBulkString(dst, "server")
	dst = resp.AppendBulkString(dst, "redis")
	dst = resp.AppendBulkString(dst, "version")
	dst = resp.AppendBulkString(dst, compatibleVersion)
	dst = resp.AppendBulkString(dst, "proto")
	dst = resp.AppendInt(dst, int64(c.proto))
	dst = resp.AppendBulkString(dst, "id")
	dst = resp.AppendInt(dst, c.id)
	dst = resp.AppendBulkString(dst, "mode")
	dst = resp.AppendBulkString(dst, "standalone")
	dst = resp.AppendBulkString(dst, "role")
	dst = resp.AppendBulkString(dst, role)
	dst = resp.AppendBulkString(dst, "modules")
	return resp.AppendArray(dst, 0)
}
