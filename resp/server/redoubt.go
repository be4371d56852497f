package server

import (
	"encoding/json"
	"fmt"

	"redoubt/resp"
)

// redoubtHandlers answer REDOUBT, the container of the commands that Redis does
// not have.
func redoubtHandlers() []row {
	return []row{
		{name: "redoubt|help", handle: help("redoubt")},
		{name: "redoubt|status", handle: redoubtStatus, barrier: true},
	}
}

func redoubtStatus(c *conn, _ [][]byte, dst []byte) []byte {
	text, err := json.Marshal(c.server.StatusPage())
	if err != nil {
		panic(fmt.Sprintf("a status page without JSON: %v", err))
	}
	return resp.AppendBulk(dst, text)
}
