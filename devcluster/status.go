package devcluster

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// Status is what this package reads of a node's /status.
type Status struct {
	Version        string `json:"version"`
	Node           string `json:"node"`
	Role           string `json:"role"` // "leader", "follower", "candidate", …
	Leader         string `json:"leader"`
	Term           uint64 `json:"term"`
	CommitIndex    uint64 `json:"commit_index"`
	AppliedIndex   uint64 `json:"applied_index"`
	FirstIndex     uint64 `json:"first_index"`
	LastIndex      uint64 `json:"last_index"`
	PersistedIndex uint64 `json:"persisted_index"`
	StateHash      string `json:"state_hash"`
	StateHashIndex uint64 `json:"state_hash_index"`
	Pending        int    `json:"pending"`
}

// Status asks the node.
func (n *Node) Status() (Status, error) { return n.status(httpTimeout) }

func (n *Node) status(patience time.Duration) (Status, error) {
	var s Status
	res, err := n.get("/status", patience)
	if err != nil {
		return s, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return s, fmt.Errorf("%s: /status: %s", n.ID, res.Status)
	}
	return s, json.NewDecoder(res.Body).Decode(&s)
}
