package raft

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

const (
	configVersion     = 2
	configVersionOnce = 1 // without Outgoing and Replaces

	outgoingFlag = 0x80 // in the byte of the role
)

// Append encodes c behind dst:
//
//	version 1 | members n | n × (id, role 1, addr, peer address, incarnation 8 LE, replaces) | removed n | n × id
//
// where counts and the lengths before strings are uvarints.
func (c Configuration) Append(dst []byte) []byte {
	dst = append(dst, configVersion)
	dst = binary.AppendUvarint(dst, uint64(len(c.Members)))
	for _, m := range c.Members {
		dst = appendString(dst, string(m.ID))
		dst = append(dst, byte(m.Role)|byte(outgoingFlag*count(m.Outgoing)))
		dst = appendString(dst, m.Addr)
		dst = appendString(dst, m.PeerAddr)
		dst = binary.LittleEndian.AppendUint64(dst, m.Incarnation)
		dst = appendString(dst, string(m.Replaces))
	}
	dst = binary.AppendUvarint(dst, uint64(len(c.Removed)))
	for _, id := range c.Removed {
		dst = appendString(dst, string(id))
	}
	return dst
}

func appendString(dst []byte, s string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}

// DecodeConfiguration is the inverse of Append. It takes only what Append
// writes for a well-formed configuration and copies what it keeps.
func DecodeConfiguration(b []byte) (Configuration, error) {
	d := configDecoder{rest: b}
	version := d.byte()
	if version != configVersion && version != configVersionOnce {
		return Configuration{}, fmt.Errorf("raft: configuration: format version %d", version)
	}
	var c Configuration
	for range d.count() {
		m := Member{ID: NodeID(d.string())}
		role := d.byte()
		m.Addr, m.PeerAddr, m.Incarnation = d.string(), d.string(), d.uint64()
		if m.Role = MemberRole(role); version != configVersionOnce {
			m.Role, m.Outgoing = MemberRole(role&^outgoingFlag), role&outgoingFlag != 0
			m.Replaces = NodeID(d.string())
		}
		c.Members = append(c.Members, m)
	}
	for range d.count() {
		c.Removed = append(c.Removed, NodeID(d.string()))
	}
	if d.failed || len(d.rest) != 0 {
		return Configuration{}, errors.New("raft: configuration: cut short or too long")
	}
	if err := c.check(); err != nil {
		return Configuration{}, err
	}
	return c, nil
}

// check reports what makes c no configuration. An empty one is well formed: it
// is what a node knows that has not joined yet.
func (c *Configuration) check() error {
	joint := c.Joint()
	for i, m := range c.Members {
		switch {
		case m.ID == "" || i > 0 && c.Members[i-1].ID >= m.ID:
			return fmt.Errorf("raft: configuration: member %q out of order", m.ID)
		case m.Role < Voter || m.Role > Leaving:
			return fmt.Errorf("raft: configuration: member %q has role %d", m.ID, m.Role)
		case m.Role == Leaving && !joint, m.Role == Joining && m.Outgoing:
			return fmt.Errorf("raft: configuration: member %q is %s, outgoing %v", m.ID, m.Role, m.Outgoing)
		case m.Replaces != "" && m.Role != Joining:
			return fmt.Errorf("raft: configuration: member %q is %s and replaces %q", m.ID, m.Role, m.Replaces)
		}
	}
	for i, id := range c.Removed {
		if id == "" || i > 0 && c.Removed[i-1] >= id {
			return fmt.Errorf("raft: configuration: removed id %q out of order", id)
		}
		if _, ok := c.member(id); ok {
			return fmt.Errorf("raft: configuration: %q is a member and removed", id)
		}
	}
	if len(c.Members) > 0 && c.size(incoming) == 0 {
		return errors.New("raft: configuration: no voter")
	}
	return nil
}

func (c *Configuration) member(id NodeID) (Member, bool) {
	for i := range c.Members { // asked several times a turn: faster than a search of a few
		if c.Members[i].ID == id {
			return c.Members[i], true
		}
	}
	return Member{}, false
}

func (c Configuration) clone() Configuration {
	return Configuration{Members: slices.Clone(c.Members), Removed: slices.Clone(c.Removed)}
}

// configHistory is every configuration from the one in force at the log's base
// to the latest in the log, which is the one in force (thesis §4.1).
type configHistory []placedConfig

type placedConfig struct {
	index  uint64
	config Configuration
}

func (h configHistory) latest() *Configuration { return &h[len(h)-1].config }
func (h configHistory) latestIndex() uint64    { return h[len(h)-1].index }

// from is the one in force at index, and all that follow it.
func (h configHistory) from(index uint64) configHistory {
	i := len(h) - 1
	for i > 0 && h[i].index > index {
		i--
	}
	return h[i:]
}

func (h configHistory) at(index uint64) Configuration { return h.upTo(index).clone() }

// upTo is the one in force at index.
func (h configHistory) upTo(index uint64) *Configuration { return &h.from(index)[0].config }

// note takes in the configurations among entries just appended.
func (h configHistory) note(entries []Entry) configHistory {
	for i := range entries {
		if entries[i].Type != EntryConfig {
			continue
		}
		config, err := DecodeConfiguration(entries[i].Data)
		if err != nil {
			panic(fmt.Sprintf("raft: entry %d/t%d: %v", entries[i].Index, entries[i].Term, err))
		}
		h = append(h, placedConfig{entries[i].Index, config})
	}
	return h
}

// truncate takes back those of entry index and after.
func (h configHistory) truncate(index uint64) configHistory {
	for len(h) > 1 && h[len(h)-1].index >= index {
		h = h[:len(h)-1]
	}
	return h
}

// compact forgets what was replaced before base or at it.
func (h configHistory) compact(base uint64) configHistory {
	for len(h) > 1 && h[1].index <= base {
		h = h[1:]
	}
	return h
}
