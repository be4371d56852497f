package server

import (
	"redoubt/fsm"
	"redoubt/resp"
)

// commandHandlers answer COMMAND and every HELP out of the command table.
func commandHandlers() []row {
	return []row{
		{name: "command", handle: commandReply},
		{name: "command|count", handle: commandReply},
		{name: "command|docs", handle: commandReply},
		{name: "command|getkeys", handle: commandReply},
		{name: "command|getkeysandflags", handle: commandReply},
		{name: "command|info", handle: commandReply},
		{name: "command|list", handle: commandReply},
		{name: "command|help", handle: help("command")},
		{name: "object|help", handle: help("object")},
	}
}

// maxCommandNames is more names than there are commands. What COMMAND DOCS says of
// one is a hundred times as long as its name.
const maxCommandNames = 1024

const errTooManyNames = "ERR too many names of commands"

func commandReply(c *conn, args [][]byte, dst []byte) []byte {
	if len(args)-2 > maxCommandNames && (isWord(args[1], "docs") || isWord(args[1], "info")) {
		return resp.AppendError(dst, errTooManyNames)
	}
	return fsm.AppendCommandReply(dst, c.proto, args)
}

func help(container string) handler {
	spec := fsm.Lookup([]byte(container))
	return func(_ *conn, _ [][]byte, dst []byte) []byte {
		if spec == nil {
			return resp.AppendError(dst, resp.UnknownCommand([][]byte{[]byte(container)}))
		}
		return fsm.AppendHelp(dst, spec)
	}
}
