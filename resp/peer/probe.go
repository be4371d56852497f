package peer

import (
	"errors"
	"fmt"
	"net"

	"redoubt/raft"
)

// ErrSecret: one side does not know the other's cluster secret.
var ErrSecret = errors.New("the cluster secrets differ")

// Probe makes the handshake with a member as self would do it, and hangs up: a
// node that asks to be added finds out in time whether it will be let in.
// ErrSecret, ErrRemoved and ErrIncarnation, wrapped, are the member's word.
func Probe(self Identity, secret string, to raft.NodeID, addr string) error {
	t := &Transport{config: Config{
		Self: self, Secret: secret,
		Handler: Handler{Verify: func(raft.NodeID, uint64) error { return nil }},
	}.withDefaults()}
	conn, err := net.DialTimeout("tcp", addr, t.config.DialTimeout)
	if err != nil {
		return err
	}
	defer conn.Close()
	_, _, err = t.introduce(conn, to, laneCtl)
	var refused *refusal
	if !errors.As(err, &refused) {
		return err
	}
	switch refused.word {
	case refusedSecret:
		return fmt.Errorf("%w: %s at %s", ErrSecret, to, addr)
	case refusedRemoved:
		return fmt.Errorf("%w: says %s", ErrRemoved, to)
	case refusedIncarnation:
		return fmt.Errorf("%w: says %s", ErrIncarnation, to)
	}
	return err
}
