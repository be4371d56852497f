package server

import (
	"bytes"

	"redoubt/resp"
)

func clientHandlers() []row {
	return []row{
		{name: "client|id", handle: clientID},
		{name: "client|getname", handle: clientGetName},
		{name: "client|setname", handle: clientSetName},
		{name: "client|setinfo", handle: clientSetInfo},
		{name: "client|list", handle: clientList, barrier: true},
		{name: "client|info", handle: clientInfo, barrier: true},
		{name: "client|kill", handle: clientKill, barrier: true},
		{name: "client|reply", handle: clientReply, barrier: true, noMulti: true},
		{name: "client|pause", handle: clientPause, barrier: true},
		{name: "client|unpause", handle: clientUnpause, barrier: true},
		{name: "client|unblock", handle: clientUnblock, barrier: true},
		{name: "client|no-evict", handle: clientNoEvict},
		{name: "client|no-touch", handle: clientNoTouch},
		{name: "client|getredir", handle: clientGetRedir},
		{name: "client|trackinginfo", handle: clientTrackingInfo},
		{name: "client|tracking", handle: clientTracking},
		{name: "client|caching", handle: clientTracking},
		{name: "client|help", handle: help("client")},
	}
}

func clientID(c *conn, _ [][]byte, dst []byte) []byte { return resp.AppendInt(dst, c.id) }

func clientGetName(c *conn, _ [][]byte, dst []byte) []byte {
	if len(c.name) == 0 {
		return resp.AppendNull(dst, c.proto)
	}
	return resp.AppendBulk(dst, c.name)
}

func clientSetName(c *conn, args [][]byte, dst []byte) []byte {
	if !validName(args[2]) {
		return resp.AppendError(dst, resp.ErrClientName)
	}
	c.name = bytes.Clone(args[2])
	return resp.AppendOK(dst)
}

// validName allows what can stand in a line of CLIENT LIST.
func validName(name []byte) bool {
	for _, b := range name {
		if b < '!' || b > '~' {
			return false
		}
	}
	return true
}

func clientSetInfo(c *conn, args [][]byte, dst []byte) []byte {
	var field *[]byte
	switch {
	case isWord(args[2], "lib-name"):
		field = &c.libName
	case isWord(args[2], "lib-ver"):
		field = &c.libVersion
	default:
		return resp.AppendError(dst, "ERR Unrecognized option '"+string(args[2])+"'")
	}
	if !validName(args[3]) {
		return resp.AppendError(dst, "ERR "+string(args[2])+" cannot contain spaces, newlines or special characters.")
	}
	*field = bytes.Clone(args[3])
	return resp.AppendOK(dst)
}

func clientReply(c *conn, args [][]byte, dst []byte) []byte {
	switch {
	case isWord(args[2], "on"):
		c.muted, c.replyOff = false, false
		return resp.AppendOK(dst)
	case isWord(args[2], "off"):
		c.muted, c.replyOff = true, true
	case isWord(args[2], "skip"):
		c.skipNext = !c.replyOff
	default:
		return resp.AppendError(dst, resp.ErrSyntax)
	}
	return dst
}

func clientNoEvict(c *conn, args [][]byte, dst []byte) []byte {
	return onOff(&c.noEvict, args[2], dst)
}

func clientNoTouch(c *conn, args [][]byte, dst []byte) []byte {
	return onOff(&c.noTouch, args[2], dst)
}

func onOff(flag *bool, arg, dst []byte) []byte {
	on, ok := parseOnOff(arg)
	if !ok {
		return resp.AppendError(dst, resp.ErrSyntax)
	}
	*flag = on
	return resp.AppendOK(dst)
}

// clientTracking says that client-side caching is not here in the words that
// make clients go on without it.
func clientTracking(_ *conn, args [][]byte, dst []byte) []byte {
	return resp.AppendError(dst, resp.UnknownSubcommand("client", args[1]))
}

func clientGetRedir(_ *conn, _ [][]byte, dst []byte) []byte { return resp.AppendInt(dst, -1) }

func clientTrackingInfo(c *conn, _ [][]byte, dst []byte) []byte {
	dst = resp.AppendMap(dst, 3, c.proto)
	dst = resp.AppendBulkString(dst, "flags")
	dst = resp.AppendSet(dst, 1, c.proto)
	dst = resp.AppendBulkString(dst, "off")
	dst = resp.AppendBulkString(dst, "redirect")
	dst = resp.AppendInt(dst, -1)
	dst = resp.AppendBulkString(dst, "prefixes")
	return resp.AppendArray(dst, 0)
}
