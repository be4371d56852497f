package server

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"redoubt/raft"
	"redoubt/resp"
)

// redoubtHandlers answer REDOUBT, the container of the commands that Redis does
// not have.
func redoubtHandlers() []row {
	return []row{
		{name: "redoubt|help", handle: help("redoubt")},
		{name: "redoubt|status", handle: redoubtStatus, barrier: true},
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

// transferTimeout is what a leader may take to hand over. A target that does not
// answer makes it give up after an election timeout.
const transferTimeout = 10 * time.Second

func redoubtTransfer(c *conn, args [][]byte, dst []byte) []byte {
	to := raft.NodeID("")
	switch len(args) {
	case 2:
	case 3:
		to = raft.NodeID(args[2])
	default:
		return resp.AppendError(dst, resp.WrongArity("redoubt|transfer"))
	}
	s := c.server.node.Recent()
	if !isLeader(&s.Status) {
		return resp.AppendError(dst, fmt.Sprintf("ERR this node does not lead; leader %q at %q", s.Leader, memberAddr(s, s.Leader)))
	}
	ctx, cancel := context.WithTimeout(context.Background(), transferTimeout)
	defer cancel()
	if err := c.server.node.Transfer(ctx, to); err != nil {
		return resp.AppendError(dst, "ERR "+err.Error())
	}
	return resp.AppendOK(dst)
}
