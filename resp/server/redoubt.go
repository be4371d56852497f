package server

import (
	"context"
	"encoding/json"
	"fmt"

	"redoubt/raft"
	"redoubt/resp"
)

// redoubtHandlers answer REDOUBT, the container of the commands that Redis does
// not have.
func redoubtHandlers() []row {
	return []row{
		{name: "redoubt|help", handle: help("redoubt")},
		{name: "redoubt|status", handle: redoubtStatus, barrier: true},
		{name: "redoubt|member", handle: redoubtMember, barrier: true},
		{name: "redoubt|transfer", handle: redoubtTransfer, barrier: true},
	}
}

func redoubtStatus(c *conn, _ [][]byte, dst []byte) []byte {
	text, err := json.Marshal(c.server.StatusPage())
	if err != nil {
		panic(fmt.Sprintf("a status page without JSON: %v", err))
	}
	return resp.AppendBulk(dst, text)
}

func redoubtTransfer(c *conn, args [][]byte, dst []byte) []byte {
	to := raft.NodeID("")
	switch len(args) {
	case 2:
	case 3:
		to = raft.NodeID(args[2])
	default:
		return resp.AppendError(dst, resp.WrongArity("redoubt|transfer"))
	}
	return appendOutcome(dst, c.server.node.TransferTo(context.Background(), to))
}
