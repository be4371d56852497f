package raft

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

const configVersion = 1

// Append encodes c behind dst:
//
//	version 1 | members n | n × (id, role 1, addr, peer address, incarnation 8 LE) | removed n | n × id
//
// where counts and the lengths before strings are uvarints.
func (c Configuration) Append(dst []byte) []byte {
	dst = append(dst, configVersion)
	dst = binary.AppendUvarint(dst, uint64(len(c.Members)))
	for _, m := range c.Members {
		dst = appendString(dst, string(m.ID))
		dst = append(dst, byte(m.Role))
		dst = appendString(dst, m.Addr)
		dst = appendString(dst, m.PeerAddr)
		dst = binary.LittleEndian.AppendUint64(dst, m.Incarnation)
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
	if v := d.byte(); v != configVersion {
		return Configuration{}, fmt.Errorf("raft: configuration: format version %d", v)
	}
	var c Configuration
	for range d.count() {
		c.Members = append(c.Members, Member{
			ID:          NodeID(d.string()),
			Role:        MemberRole(d.byte()),
			Addr:        d.string(),
			PeerAddr:    d.string(),
			Incarnation: d.uint64(),
		})
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
	for i, m := range c.Members {
		switch {
		case m.ID == "" || i > 0 && c.Members[i-1].ID >= m.ID:
			return fmt.Errorf("raft: configuration: member %q out of order", m.ID)
		case m.Role != Voter && m.Role != Learner:
			return fmt.Errorf("raft: configuration: member %q has role %d", m.ID, m.Role)
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
	if len(c.Members) > 0 && c.voters() == 0 {
		return errors.New("raft: configuration: no voter")
	}
	return nil
}

func (c *Configuration) member(id NodeID) (Member, bool) {
	for i := range c.Members {
		if c.Members[i].ID == id {
			return c.Members[i], true
		}
	}
	return Member{}, false
}

func (c Configuration) clone() Configuration {
	return Configuration{Members: slices.Clone(c.Members), Removed: slices.Clone(c.Removed)}
}

// configDecoder reads what is there and remembers whether it was enough.
type configDecoder struct {
	rest   []byte
	failed bool
}

func (d *configDecoder) take(n uint64) []byte {
	if d.failed || n > uint64(len(d.rest)) {
		d.failed = true
		return nil
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b
}

func (d *configDecoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.rest)
	if d.failed || n <= 0 {
		d.failed = true
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

// count is never more than there are bytes left, so that it bounds a loop.
func (d *configDecoder) count() uint64 {
	n := d.uvarint()
	if n > uint64(len(d.rest)) {
		d.failed = true
		return 0
	}
	return n
}

func (d *configDecoder) byte() byte {
	if b := d.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *configDecoder) uint64() uint64 {
	if b := d.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (d *configDecoder) string() string { return string(d.take(d.uvarint())) }

// configHistory is every configuration from the one in force at the log's base
// to the latest in the log, which is the one in force (thesis §4.1).
type configHistory []placedConfig

type placedConfig struct {
	index  uint64
	config Configuration
}

func (h configHistory) latest() *Configuration { return &h[len(h)-1].config }
func (h configHistory) latestIndex() uint64    { return h[len(h)-1].index }

func (h configHistory) at(index uint64) Configuration {
	i := len(h) - 1
	for i > 0 && h[i].index > index {
		i--
	}
	return h[i].config.clone()
}

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

// restart begins with a snapshot's; kept: the log behind it has stayed.
func (h configHistory) restart(index uint64, config Configuration, kept bool) configHistory {
	next := configHistory{{index, config}}
	for _, p := range h {
		if kept && p.index > index {
			next = append(next, p)
		}
	}
	return next
}

// config is the configuration in force.
func (c *Core) config() *Configuration { return c.configs.latest() }

// ConfigAt returns the configuration in force at index, which must not be
// below the compacted part of the log.
func (c *Core) ConfigAt(index uint64) Configuration { return c.configs.at(index) }

// Member returns the member of that name in the configuration in force.
func (c *Core) Member(id NodeID) (Member, bool) { return c.config().member(id) }

// replaced says that the log knows this node's id with another incarnation: our
// data directory is not the one that made this member's promises.
func (c *Core) replaced() bool {
	m, ok := c.config().member(c.cfg.ID)
	return ok && m.Incarnation != 0 && m.Incarnation != c.cfg.Incarnation
}

func (c *Core) isVoter(id NodeID) bool {
	m, ok := c.config().member(id)
	return ok && m.Role == Voter
}

// admitSender decides whether the sender of m may be heard at all.
func (c *Core) admitSender(m *Message) bool {
	member, ok := c.config().member(m.From)
	if !ok {
		// A node that has not joined yet knows nobody and learns from a leader.
		return len(c.config().Members) == 0 && m.fromLeader()
	}
	if member.Incarnation != 0 {
		return member.Incarnation == m.Incarnation
	}
	// Not recorded yet: while we count votes or acknowledgements the first one
	// heard in this term is the only one.
	known := c.heard[m.From]
	if known != 0 && known != m.Incarnation && (c.role == Candidate || c.role == Leader) {
		return false
	}
	c.heard[m.From] = m.Incarnation
	return true
}

// recordIncarnations appends the configuration with the incarnations learned
// since the last. It changes no quorum, so right after an election it need not
// wait for an entry of the own term to be committed; later on only one may be
// uncommitted (thesis §4.1).
func (c *Core) recordIncarnations() {
	ld := c.lead
	fresh := c.log.last() == ld.noOp
	settled := c.log.commit >= ld.noOp && c.log.commit >= c.configs.latestIndex()
	if !fresh && !settled || ld.transferee != "" {
		return
	}
	if !slices.ContainsFunc(c.config().Members, func(m Member) bool { return m.Incarnation == 0 && c.learned(m.ID) != 0 }) {
		return
	}
	next := c.config().clone()
	for i := range next.Members {
		if m := &next.Members[i]; m.Incarnation == 0 {
			m.Incarnation = c.learned(m.ID)
		}
	}
	c.appendOwn(EntryConfig, next.Append(nil))
}

// learned is the incarnation of a member that the log does not record yet; 0:
// it has not been heard from.
func (c *Core) learned(id NodeID) uint64 {
	if id == c.cfg.ID {
		return c.cfg.Incarnation
	}
	return c.heard[id]
}
