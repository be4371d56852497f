package raft

import "fmt"

// NodeID names a member for ever: an id that left the configuration is never
// used again.
type NodeID string

// EntryType says how an Entry's Data is to be read.
type EntryType uint8

const (
	EntryCommand EntryType = iota + 1 // Data is the state machine's
	EntryNoOp                         // by which a leader learns that it leads, no Data
	EntryConfig                       // Data is an encoded Configuration
)

// Entry is one slot of the replicated log. Data is never changed once the
// entry has been handed to the core: log, disk and peers share the bytes.
type Entry struct {
	Index uint64
	Term  uint64
	Type  EntryType
	Data  []byte
}

// HardState is what must be durable before anything that depends on it leaves
// the node (Figure 2, "Persistent state"). Commit is not required by the paper;
// it lets a restarted node apply at once what it knew to be committed.
type HardState struct {
	Term   uint64
	Vote   NodeID
	Commit uint64
}

// MemberRole tells voters from learners, which receive the log but are not
// counted.
type MemberRole uint8

const (
	Voter MemberRole = iota + 1
	Learner
	// Joining is a learner that the leader makes a voter once it has caught up.
	Joining
	// Leaving is the role of those in a joint configuration that the one after it
	// does not have.
	Leaving
)

func (r MemberRole) String() string {
	switch r {
	case Voter:
		return "voter"
	case Learner:
		return "learner"
	case Joining:
		return "joining"
	case Leaving:
		return "leaving"
	}
	return fmt.Sprintf("MemberRole(%d)", uint8(r))
}

// Member is one node of a Configuration.
type Member struct {
	ID       NodeID
	Role     MemberRole
	Addr     string // client address, host:port
	PeerAddr string // node-to-node address, host:port
	// Incarnation is the random number that the node's data directory got when
	// it was created; 0 while the log has not recorded it. What a member says
	// counts only when it comes from the recorded incarnation: a wiped disk
	// under an old id has forgotten its votes and its acknowledgements.
	Incarnation uint64
	// Outgoing: a voter of the configuration that a joint one replaces.
	Outgoing bool
	// Replaces names the voter that leaves in the step in which this Joining
	// member becomes one; "" = nobody.
	Replaces NodeID
}

// Configuration is the full set of members, never a change to one. It is in
// force from the moment it is in the log, committed or not (thesis §4.1).
//
// When voters come or go, a joint configuration (§6) stands between the old and
// the new one: as long as it is in force, every decision needs a majority of the
// Voters and one of the Outgoing members.
type Configuration struct {
	Members []Member // sorted by ID
	Removed []NodeID // tombstones, sorted
}

// SnapshotMeta says what a snapshot covers: everything up to and including
// Index, under the configuration in force at Index.
type SnapshotMeta struct {
	Index  uint64
	Term   uint64
	Config Configuration
}

// MessageType selects the fields of a Message that are in use; doc.go has the
// table.
type MessageType uint8

const (
	MsgPreVote MessageType = iota + 1
	MsgPreVoteReply
	MsgVote
	MsgVoteReply
	MsgAppend
	MsgAppendReply
	MsgHeartbeat
	MsgHeartbeatReply
	MsgTimeoutNow
	MsgReadIndex
	MsgReadIndexReply
	MsgSnapshot
	// MsgForward and MsgForwardReply carry proposals from a follower to its
	// leader. The replica acts on them; the core never sees them.
	MsgForward
	MsgForwardReply
	// MsgRemoved answers whatever a member says that has left for good.
	MsgRemoved
	// MsgChange and MsgChangeReply carry changes of the members to the leader, as
	// MsgForward does proposals.
	MsgChange
	MsgChangeReply
)

// Message is everything that one node says to another.
type Message struct {
	Type        MessageType
	From        NodeID
	To          NodeID
	Incarnation uint64 // of From
	Term        uint64

	// LogIndex and LogTerm: MsgVote and MsgPreVote: the candidate's last entry;
	// MsgAppend: the entry before Entries; MsgHeartbeat: LogTerm is Commit's; a
	// rejecting MsgAppendReply: the follower's hint where the logs may still
	// agree.
	LogIndex uint64
	LogTerm  uint64
	Entries  []Entry // MsgAppend; MsgForward (only Data is set)
	Commit   uint64  // MsgAppend, MsgHeartbeat: the leader's commit index
	Round    uint64  // MsgAppend, MsgHeartbeat and their replies: read round; MsgPreVote(Reply), MsgVote(Reply), MsgReadIndex(Reply), MsgChange(Reply), MsgForwardReply: a number of the asker's process
	Index    uint64  // MsgAppendReply: highest matching index of that request (or the rejected LogIndex); MsgReadIndexReply: index to wait for; MsgReadIndex: least index wanted
	ID       uint64  // MsgReadIndex(Reply): the asker's number; MsgForwardReply: see replica
	Reject   bool    // all replies
	Force    bool    // MsgVote after a transfer: no leader stickiness
	Snapshot *SnapshotMeta
}

// Write is what must reach the disk in one step: hard state and entries share
// one frame and one fsync. Entries may override a suffix of the log already
// written: an entry of a lower index than the last makes everything from there
// on void.
type Write struct {
	Seq       uint64
	HardState HardState // always the current one
	Entries   []Entry
	// Snapshot is set when an installed snapshot replaces the log; the file is
	// durable already. It comes before Entries.
	Snapshot *SnapshotMeta
	// MustSync is false when only the commit index moved: such a write rides
	// with the next one.
	MustSync bool
}

// Send is a message with its gate: it may leave when the write numbered After
// is durable, 0 meaning at once.
type Send struct {
	Msg   Message
	After uint64
}

// ReadState answers Core.Read: the read may be served by a state machine that
// has applied Index.
type ReadState struct {
	ID    uint64
	Index uint64
}

// Output is what one turn of the core asks its runtime to do. The gates give
// all the order there is: the runtime may start everything at once.
type Output struct {
	Write *Write // nil: nothing to write
	Sends []Send
	// Install is set when the state machine has to be replaced by the snapshot
	// of that index before any of Committed is applied.
	Install *SnapshotMeta
	// Committed entries are durable here; apply them in order. The slice is the
	// core's: read only.
	Committed []Entry
	Reads     []ReadState
	// FailedReads were not confirmed because leadership was lost or unknown;
	// they did not happen and may be asked again.
	FailedReads []uint64
	// SnapshotTo lists followers that need a snapshot because the log they miss
	// is gone. The runtime streams it and reports with Core.SnapshotSent.
	SnapshotTo []NodeID
}

// Role is a node's part in the protocol.
type Role uint8

const (
	Follower Role = iota + 1
	PreCandidate
	Candidate
	Leader
)

func (r Role) String() string {
	switch r {
	case Follower:
		return "follower"
	case PreCandidate:
		return "pre_candidate"
	case Candidate:
		return "candidate"
	case Leader:
		return "leader"
	}
	return fmt.Sprintf("Role(%d)", uint8(r))
}

// PeerStatus is the leader's view of one other member.
type PeerStatus struct {
	ID            NodeID
	Match         uint64
	Next          uint64
	State         string // probe, replicate, snapshot
	Active        bool   // heard from within the last election timeout
	InflightBytes int
}

// Status is a copy of what the core knows.
type Status struct {
	ID          NodeID
	Role        Role
	Learner     bool
	Replaced    bool // the log knows this id with another incarnation: the node takes no part
	Removed     bool // this id has left the cluster for good: the node takes no part
	Term        uint64
	TermSeq     uint64 // the Write that makes Term durable; gate for messages of Term that others compose
	Vote        NodeID
	Leader      NodeID // "" when unknown
	Commit      uint64
	Applied     uint64
	FirstIndex  uint64 // of the log in memory
	LastIndex   uint64
	Persisted   uint64 // highest index durable here
	LogBytes    int
	Config      Configuration
	Peers       []PeerStatus // leader only
	Transferee  NodeID
	Elections   Elections
	Uncommitted int // bytes of the uncommitted tail, leader only
}

// Elections counts the elections this node started, by outcome.
type Elections struct {
	Won, Lost, PreVoteLost uint64
}
