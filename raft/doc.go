// Package raft is the consensus core: the Raft algorithm (Ongaro and Ousterhout,
// "In Search of an Understandable Consensus Algorithm", extended version; cited
// as §n, and Ongaro's thesis as "thesis §n") as a state machine without I/O,
// clock, goroutine, lock or randomness of its own. The same calls give the same
// outputs.
//
// # Inputs and outputs
//
// Calls change the state and return nothing but refusals. Flush ends a turn and
// returns, as data, all that follows from the calls since the last Flush:
//
//	input                            what it says
//	Tick                             time passes
//	Receive(Message)                 another node's message; untrusted
//	Propose(data)                    append a command (leader)
//	Read(id, minIndex)               at which index may I read?
//	Persisted(seq)                   Write seq and all before it are durable
//	Applied(index)                   the state machine has come to index
//	Compact(snapshot, upTo)          forget a prefix that a snapshot covers
//	TransferLeadership(to)           hand over (leader)
//	ChangeMembers(change)            begin a change of the members (leader)
//	PeerDown(id)                     a link broke; a hint
//	SnapshotSent(to, ok)             the end of what SnapshotTo asked for
//	NotifyCommit(to)                 somebody at that member waits for the commit
//
//	output                           what the runtime does
//	Write                            append to disk, in order of Seq; fsync if MustSync
//	Sends                            send each when Write After is durable
//	Install                          replace the state machine by that snapshot
//	Committed                        apply, after Install
//	Reads, FailedReads               serve when applied ≥ Index; ask again
//	SnapshotTo                       stream the newest snapshot there
//
// # Ordering rules
//
//  1. No message that carries term T leaves before T and the vote in T are
//     durable. A pre-vote's term is only proposed and not covered: what it
//     waits for is the sender's own term. Entries may be on the network before
//     they are on the own disk; terms may not. A node that could forget in a
//     crash which term it had stood in could be elected twice in it.
//  2. An acknowledgement (MsgAppendReply without Reject) waits until the entries
//     it speaks of are durable, too.
//  3. The candidate's own vote counts when it is durable, the leader's own log
//     as far as it is durable.
//  4. Writes become durable in order. A write report counts only for the entries
//     that are still in the log; what was overridden since does not.
//  5. Committed holds entries that are committed and durable here, each once and
//     in order. After a restart it begins behind the snapshot.
//  6. Install comes before the Committed of its Output; the snapshot's file was
//     durable before MsgSnapshot was received.
//  7. Write.Entries override what the disk has from their first index on;
//     Write.Snapshot voids all that the disk had, and Entries follow it.
//
// # Messages
//
// All carry From, To, From's Incarnation and Term. A reply with a higher term
// and Reject answers MsgPreVote, MsgVote, MsgAppend, MsgSnapshot and MsgHeartbeat of
// an old term.
//
//	type             fields
//	MsgPreVote       Term = own + 1 (proposed); LogIndex, LogTerm: last entry; Round: the asker's process
//	MsgPreVoteReply  granted: Term = the proposed; Reject: Term = own; Round as asked
//	MsgVote          LogIndex, LogTerm: last entry; Round: the asker's process; Force: ordered by the leader
//	MsgVoteReply     Reject; Round as asked
//	MsgAppend        LogIndex, LogTerm: entry before Entries; Entries; Commit; Round
//	MsgAppendReply   Index: everything up to it is durable; Round
//	                 Reject: Index = the LogIndex refused; LogIndex, LogTerm: hint; Round
//	MsgHeartbeat     Commit ≤ what To has acknowledged; LogTerm: Commit's term; Round
//	MsgHeartbeatReply  Round: highest heard in this term
//	MsgTimeoutNow    –
//	MsgReadIndex     ID; Index: least wanted; Round: the asker's process
//	MsgReadIndexReply  ID; Index; Round as asked; Reject
//	MsgSnapshot      Snapshot
//	MsgRemoved       –
//
//	role × message  follower          (pre-)candidate     leader
//	PreVote         answer            answer              refuse
//	PreVoteReply    –                 count if pre-       –
//	Vote            answer            refuse¹             refuse¹
//	VoteReply       –                 count if candidate  –
//	Append          append            follow, append      –²
//	Heartbeat       commit            follow, commit      –²
//	Snapshot        install           follow, install     –²
//	AppendReply     –                 –                   progress, commit, round
//	HeartbeatReply  –                 –                   round, probe
//	TimeoutNow      campaign³         –                   –
//	ReadIndex       refuse            refuse              next round
//	ReadIndexReply  answer the read   –                   –
//	Removed         be silent         be silent           be silent
//
// The table is for messages of the current term. A later term makes a follower
// first, except for pre-votes, and for votes without Force while the leader is
// heard from: those are ignored. Removed is heard in any term. ¹ A pre-candidate has not voted yet and may
// grant. ² Two leaders of one term cannot be; such a message is forged. ³ If it
// comes from the leader that it follows.
//
// # Where the paper's rules are
//
//	§5.1 terms                        message.go: adoptTerm, receiveOld
//	§5.2 elections                    candidate.go; quorum.go: election
//	§5.3 replication, consistency     follower.go: handleAppend; leader.go: replicate
//	§5.4.1 up-to-date logs            candidate.go: upToDate
//	§5.4.2 commit by own term         leader.go: advanceCommit
//	§7 snapshots                      follower.go: handleSnapshot; log.go: restart
//	§8 no-op, read-only requests      leader.go: becomeLeader; read.go
//	thesis §3.10 transfer             transfer.go
//	§6 joint configurations           quorum.go: HasQuorum; change.go
//	thesis §4.1 configurations        config.go; members.go: admitSender, settled
//	thesis §4.2.1 catching up         progress.go: caughtUp
//	thesis §4.2.2 removed leaders     change.go: changeOnOwnAccord, leftBehind; candidate.go: mayCampaign
//	thesis §4.2.3 removed members     members.go: refuseRemoved
//	thesis §4.2.3, §9.6 PreVote       follower.go: hearsLeader; candidate.go
//	thesis §6.2 stepping down         leader.go: tickLeader
//	thesis §10.2.1 parallel disk      rules 1 to 3
//
// # Differences from the paper
//
//   - Elections begin with a pre-vote, and nobody votes while the leader is heard
//     from, except on the leader's own order. Figure 2 lets a node that was cut
//     off unseat a working leader.
//   - A leader that has not heard from a majority for an election timeout steps
//     down, so that clients and cut-off followers look elsewhere.
//   - Refused pre-votes carry the refuser's term. Otherwise a node with the best
//     log and an old term could never win.
//   - Append and heartbeat are different messages. Figure 2's empty append proves
//     that the logs match up to prev; a heartbeat proves nothing about the log,
//     so match never moves by it, and Commit is bounded by what is acknowledged.
//   - A follower that lacks prev says where the logs may still agree; the leader
//     does the same search on its side. One round trip per term in conflict.
//   - Reads need no heartbeat of their own (§8): the number of a round rides on
//     what is sent anyway. Numbers, unlike the requests' ids, are never used twice.
//   - Every change of the voters is joint, also of one: one rule, and a dead voter
//     can be replaced without a moment in which there are four.
//   - A leader changes the members only after an entry of its own term is
//     committed, and if enough of the voters that will be left are up.
//   - Ids that were removed stay in the configuration as tombstones and are not
//     used again, so no old acknowledgement can count for a new member. Whoever
//     has such an id is told, which the paper leaves to timeouts.
//   - Commit is in the hard state, though the paper has it volatile: a restarted
//     node serves sooner. It is never synced for its own sake.
//
// # Changes of the members
//
// A configuration is an entry with all members, in force from the moment it is
// in the log; when the entry is cut off, the one before is in force again.
//
//	AddVoter     +Joining, and when it has caught up:  joint, +Voter            ┐
//	Replace      +Joining, and when it has caught up:  joint, +Voter, −old      ├ completed
//	Remove       joint, −voter                                                  │
//	Demote       joint, voter → Learner                                         ┘
//	AddLearner, Promote, Readdress, Remove of a learner: one configuration
//
// What is behind a comma the leader does by itself, and so does the next leader:
// it is all in the configuration. Two conditions hold before each step (settled):
// the configuration in force is committed, and an entry of the leader's term is.
//
// Why this is safe. Call two configurations adjacent when one follows the other
// in a log. Adjacent ones have majorities that meet: a joint one decides by a
// majority of the voters before and by one of those after, and what is between
// two configurations that are not joint changes no voter. Let entry e be
// committed in term T by a leader with configuration C, and let U be the first
// later term whose leader lacks e. Every configuration but the last in a
// leader's log is committed, or has the voters of the last (it records
// incarnations). So the configuration C′ by which U's leader was elected is C,
// adjacent to it, or further on. In the first two cases its majority meets that
// of e, in a voter that has e, and grants only to those who have it too
// (§5.4.1). In the last case what lies between C and C′ was appended behind e
// by leaders before U, which had e, and is committed; C′ follows e in any log
// that has it.
// Hence no leader lacks e. The same holds of a majority that has echoed a round
// of reads: whoever was elected before the round began is known to one of them.
//
// A node does not ask its own configuration whom it may hear: leaders and
// candidates may know of members that it has not heard of (thesis §4.1). Votes
// and acknowledgements are counted by the configuration of who counts them.
//
// # Incarnations
//
// A vote and an acknowledgement are promises that only the disk remembers which
// made them. A member whose data directory was lost and made anew under the
// same id has broken its promises without knowing. So each directory has a
// random incarnation, every message carries it, and the configuration records
// it per member, from the first election on of every voter:
//
//   - A message from another incarnation than the recorded one is dropped. A node
//     that finds its own id recorded with another one takes no part: it neither
//     votes nor acknowledges nor campaigns (Status.Replaced).
//   - The configuration that a cluster is bootstrapped with records none. The
//     leader records what it has learned right behind its no-op, in a
//     configuration entry, and until then acknowledgements do not count.
//   - A vote of an unrecorded member counts only if all voters grant theirs: the
//     first election of a new cluster needs every one of its voters, later ones
//     a majority.
//   - A new member becomes a voter only when its incarnation is recorded.
//   - A vote is for the process that asked. Otherwise the new disk of a leader
//     could win that leader's term once more with the votes given to the old one.
//
// Why this suffices: let entry e be committed by a majority Q, and let a
// minority of disks be lost afterwards. A candidate without e either knows the
// incarnations or not. If it does, new disks do not vote for it, so its majority
// meets Q in a node that still has e and refuses (§5.4.1). If it does not, it
// needs all voters, so also a member of Q that still has e. Without the last
// rule, a node that was down since the bootstrap and a lost disk could elect
// each other with empty logs: nothing in either tells them from a new cluster.
//
// When the members have changed, Q need not have any of the voters of the
// bootstrap. But a majority of those has the first leader's entries, which came
// before any change, on disks that must all be lost for an empty log to be
// elected. Each such disk is a member's that cannot come back under its id: it is
// recorded with another incarnation, or a tombstone, and every member that it
// meets says so. What nothing can tell from a new cluster is a majority of the
// first voters, all with empty disks, started once more with the old list where
// no member of today reaches them.
//
// # After a lost majority
//
// Configuration.Alone is for an operator who gives the cluster up and makes another
// one of a node that is left. Nobody has agreed to it, so all of the above holds in
// the new cluster only if no message of the old one reaches it: the caller has to
// give it another cluster id, and a term that the log has not seen.
package raft
