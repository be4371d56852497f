package main

import (
	"fmt"
	"log/slog"

	"redoubt/web"
)

// What a node opens besides the connections of its clients and of the HTTP port: its
// files and listeners; and callers that have yet to say who they are, and six
// connections with each of ten members.
const (
	ownFiles  = 64
	peerFiles = 128 + 6*10
)

// fitClients lowers maxclients to what the limit of open files leaves, as Redis does.
// A client for whom there is no descriptor is merely not let in; a node that has none
// for its log stops as if its disk had failed.
func (c *Config) fitClients(limit uint64, log *slog.Logger) error {
	own := uint64(ownFiles + peerFiles)
	if c.HTTPAddr != "" {
		own += web.MaxConns
	}
	if limit <= own {
		return fmt.Errorf("the limit of %d open files (ulimit -n) is too low: the node needs %d itself, and one for each client", limit, own)
	}
	if left := limit - own; left < uint64(c.MaxClients) {
		log.Warn("maxclients is lowered: the limit of open files (ulimit -n) allows for no more", "event", "config",
			"maxclients", left, "wanted", c.MaxClients, "limit", limit)
		c.MaxClients = int(left)
	}
	return nil
}
