package peer

import "redoubt/raft"

// maxGuests bounds the nodes that are dialled though they are no members: each
// can name an address.
const maxGuests = 16

// A node may hear of a member first from that member: a leader that was added
// while the node was down, a candidate, or the leader that adds the node itself.
// To answer, it has to dial it, at the address that the caller has proven to
// have given. That lasts as long as the caller holds a connection.

// hasRoomFor says whether a caller may be let in.
func (t *Transport) hasRoomFor(id raft.NodeID) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	guests := 0
	for _, p := range t.peers {
		if p.guest {
			guests++
		}
	}
	return t.peers[id] != nil || guests < maxGuests
}

func (t *Transport) hasCalledLocked(id raft.NodeID) bool {
	for l := laneCtl; l <= laneSnap; l++ {
		if t.inbound[inboundKey{id, l}] != nil {
			return true
		}
	}
	return false
}

// expel closes the connections of callers that may no longer take part. They
// dial again and are told why.
func (t *Transport) expel() {
	t.mu.Lock()
	callers := make([]*inbound, 0, len(t.inbound))
	for _, in := range t.inbound {
		callers = append(callers, in)
	}
	t.mu.Unlock()
	for _, in := range callers {
		if t.config.Handler.Verify(in.from, in.incarnation) == nil {
			continue
		}
		t.mu.Lock()
		in.replaced = true // its end says nothing about the peer
		t.mu.Unlock()
		in.link.cancel()
	}
}
