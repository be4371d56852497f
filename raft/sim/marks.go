package sim

// Mark names an interesting state that a run can come to. A mark that thousands
// of runs never reach shows that the simulator no longer tests what it says.
type Mark int

// Marks counts how often each was reached.
type Marks [markCount]uint32

// Add adds the counts of another run.
func (m *Marks) Add(o *Marks) {
	for i := range m {
		m[i] += o[i]
	}
}

func (w *World) mark(m Mark) { w.Marks[m]++ }

func (w *World) markIf(reached bool, m Mark) {
	if reached {
		w.Marks[m]++
	}
}

// String says it in words.
func (m Mark) String() string { return markNames[m] }

// The marks; markNames says what they mean.
const (
	MarkFirstLeader Mark = iota
	MarkSameLeaderAgain
	MarkTwoLeaders
	MarkElectedWithUncommitted
	MarkElectedMidSnapshot
	MarkElectedTermGap
	MarkElectedBareMajority
	MarkElectedWhilePaused
	MarkElectedAfterAllDown
	MarkElectedBehindInApply
	MarkElectedSomeoneLagging
	MarkCheckQuorumStepDown
	MarkHigherTermStepDown
	MarkLeaderCrashed
	MarkLeaderCrashedWithTail
	MarkCandidateCrashed
	MarkCrashMidSnapshot
	MarkCrashMidReceive
	MarkCrashWithQueue
	MarkCrashBetweenDiskAndAck
	MarkCrashWithClients
	MarkStopped
	MarkStoppedWithClients
	MarkStopHandedOver
	MarkRecoveredClean
	MarkMajorityDown
	MarkAllDown
	MarkCommittedByBareMajority
	MarkCommittedByAll
	MarkCommittedOlderTerm
	MarkCommittedWithoutLeadersDisk
	MarkFollowerAppliesFirst
	MarkConfigCommitted
	MarkBigEntry
	MarkFigure8
	MarkSuffixOverridden
	MarkLongSuffixOverridden
	MarkVoteRefused
	MarkPreVoteRefused
	MarkAppendRefused
	MarkForwardRefused
	MarkReadFromFollower
	MarkReadRefused
	MarkForwarded
	MarkLogCompacted
	MarkCompactedUnderLagging
	MarkSegmentRotated
	MarkSnapshotOnLeader
	MarkSnapshotOnFollower
	MarkSnapshotsSideBySide
	MarkSnapshotWritten
	MarkSnapshotDropped
	MarkSnapshotNoSpace
	MarkSnapshotSent
	MarkSnapshotReceived
	MarkSnapshotInstalled
	MarkTransferBroken
	MarkTransferResumed
	MarkTransferAcrossLeaders
	MarkRecoveredEmpty
	MarkRecoveredEntries
	MarkRecoveredSnapshot
	MarkRecoveredSnapshotAhead
	MarkRecoveredInflight
	MarkRecoveredPartOfInflight
	MarkRecoveredWithoutInflight
	MarkRecoveredVote
	MarkCrashWhileWriting
	MarkTornTail
	MarkTornTailNewSegment
	MarkCutInStep
	MarkCutInRecovery
	MarkCutInSnapshot
	MarkCutAtSnapshot
	MarkDiskStall
	MarkDiskErrorInjected
	MarkDiskErrorAtRename
	MarkDiskErrorAtSyncDir
	MarkDiskErrorStops
	MarkDiskErrorOnLeader
	MarkDiskErrorInRecovery
	MarkDiskFullStops
	MarkDiskFullRefuses
	MarkDiskFullMajority
	MarkCorruptionRefused
	MarkDamageHarmless
	MarkRefusedIncarnation
	MarkDuplicate
	MarkReplay
	MarkLeaderPaused
	MarkLeaderIsolated
	MarkLeaderDeaf
	MarkLeaderMute
	MarkLeaderSlow
	MarkStaleLeaderAsked
	MarkClientTimeout
	MarkUnknown
	MarkUnknownCommitted
	MarkUnknownNeverCommitted
	MarkRefusedOutcome
	MarkProposedAgain
	MarkAnsweredAcrossLeaders
	MarkExecDone
	MarkExecAborted
	MarkExecAbortedAcrossLeaders
	MarkExecRefused
	MarkExecBrokenWatch
	MarkExecSelects
	MarkTransactionInPieces
	MarkLongPipeline
	MarkHungUpWithReplies
	MarkKeyFellDue
	MarkClockBehind
	MarkCheckpointCompared
	MarkNoFaults
	MarkJointCommitted
	MarkJointLeft
	MarkJointLeftByNextLeader
	MarkVoterAdded
	MarkVoterReplaced
	MarkVoterDemoted
	MarkMemberLeft
	MarkLeaderLeft
	MarkElectedInJoint
	MarkConfigOverridden
	MarkRemovedTold
	MarkChunkMisplaced
	MarkSnapshotReplayed
	MarkChangeAnswered
	MarkChangeRefused
	MarkRemovedStops
	markCount
)

var markNames = [markCount]string{
	MarkFirstLeader:                 "the first leader of a cluster is elected",
	MarkSameLeaderAgain:             "the leader of an earlier term is elected again",
	MarkTwoLeaders:                  "two nodes lead, in different terms",
	MarkElectedWithUncommitted:      "a leader is elected with entries that are not committed",
	MarkElectedMidSnapshot:          "a leader is elected while a node writes or receives a snapshot",
	MarkElectedTermGap:              "terms pass without a leader before one is elected",
	MarkElectedBareMajority:         "a leader is elected while only a bare majority is up",
	MarkElectedWhilePaused:          "a leader is elected while a node is paused",
	MarkElectedAfterAllDown:         "a leader is elected after all nodes were down",
	MarkElectedBehindInApply:        "a leader is elected that has not applied all that is committed",
	MarkElectedSomeoneLagging:       "a leader is elected while a node lacks 20 committed entries",
	MarkCheckQuorumStepDown:         "a leader steps down in its own term, having lost its majority",
	MarkHigherTermStepDown:          "a leader steps down for a later term",
	MarkLeaderCrashed:               "a leader crashes",
	MarkLeaderCrashedWithTail:       "a leader crashes with entries that are not committed",
	MarkCandidateCrashed:            "a candidate crashes",
	MarkCrashMidSnapshot:            "a node crashes while it writes a snapshot",
	MarkCrashMidReceive:             "a node crashes while it receives a snapshot",
	MarkCrashWithQueue:              "a node crashes with writes queued behind the one under way",
	MarkCrashBetweenDiskAndAck:      "a node crashes after the disk has a frame, before anybody knows",
	MarkCrashWithClients:            "a node crashes while clients wait for replies",
	MarkStopped:                     "a node is stopped and closes its log",
	MarkStoppedWithClients:          "a node is stopped while clients wait for replies",
	MarkStopHandedOver:              "a leader that is stopped has handed over",
	MarkRecoveredClean:              "a node starts from a log that was closed",
	MarkMajorityDown:                "a majority is down",
	MarkAllDown:                     "all nodes are down",
	MarkCommittedByBareMajority:     "an entry is committed that is on the disks of a bare majority",
	MarkCommittedByAll:              "an entry is committed that is on all disks",
	MarkCommittedOlderTerm:          "an entry of an earlier leader is committed by a later one",
	MarkCommittedWithoutLeadersDisk: "an entry is committed that the leader's disk does not have yet",
	MarkFollowerAppliesFirst:        "a follower applies an entry before the leader",
	MarkConfigCommitted:             "a configuration is committed",
	MarkBigEntry:                    "an entry of more than 100 kB is committed",
	MarkFigure8:                     "an entry on a majority of disks is overridden (Figure 8)",
	MarkSuffixOverridden:            "entries of a log are overridden",
	MarkLongSuffixOverridden:        "ten entries or more of a log are overridden",
	MarkVoteRefused:                 "a vote is refused",
	MarkPreVoteRefused:              "a pre-vote is refused",
	MarkAppendRefused:               "an append does not fit the follower's log",
	MarkForwardRefused:              "a forwarded write is refused",
	MarkReadFromFollower:            "a follower answers a read",
	MarkReadRefused:                 "a follower's read is refused by the node it asks",
	MarkForwarded:                   "a write that came to a follower is answered",
	MarkLogCompacted:                "a log is cut",
	MarkCompactedUnderLagging:       "a log is cut although a node still needs it",
	MarkSegmentRotated:              "a segment of the log is full",
	MarkSnapshotOnLeader:            "a leader begins a snapshot",
	MarkSnapshotOnFollower:          "a follower begins a snapshot",
	MarkSnapshotsSideBySide:         "two nodes write snapshots at the same time",
	MarkSnapshotWritten:             "a snapshot is written",
	MarkSnapshotDropped:             "a snapshot is given up for one that came in",
	MarkSnapshotNoSpace:             "a snapshot finds no space",
	MarkSnapshotSent:                "a snapshot is sent",
	MarkSnapshotReceived:            "a snapshot has come in",
	MarkSnapshotInstalled:           "a snapshot replaces the state of a node",
	MarkTransferBroken:              "the stream of a snapshot breaks",
	MarkTransferResumed:             "the stream of a snapshot goes on where it broke",
	MarkTransferAcrossLeaders:       "a snapshot comes in from a node that leads no more",
	MarkRecoveredEmpty:              "a node starts from an empty disk, not for the first time",
	MarkRecoveredEntries:            "a node starts with entries",
	MarkRecoveredSnapshot:           "a node starts from a snapshot",
	MarkRecoveredSnapshotAhead:      "a node starts with a snapshot that its log does not reach",
	MarkRecoveredInflight:           "a restart finds the frame that was being written",
	MarkRecoveredPartOfInflight:     "a restart finds some of the frames that were being written",
	MarkRecoveredWithoutInflight:    "a restart does not find the frame that was being written",
	MarkRecoveredVote:               "a restarted node remembers its vote",
	MarkCrashWhileWriting:           "a node crashes while a frame is being written",
	MarkTornTail:                    "a torn frame is cut off",
	MarkTornTailNewSegment:          "the torn frame is the first of its segment",
	MarkCutInStep:                   "the power goes between two operations of one step",
	MarkCutInRecovery:               "the power goes while a node recovers",
	MarkCutInSnapshot:               "the power goes while a snapshot gets its name",
	MarkCutAtSnapshot:               "the power goes when a snapshot is durable, before the node knows",
	MarkDiskStall:                   "a disk hangs",
	MarkDiskErrorInjected:           "a disk fails",
	MarkDiskErrorAtRename:           "a rename fails",
	MarkDiskErrorAtSyncDir:          "the fsync of a directory fails",
	MarkDiskErrorStops:              "a node stops after a disk error",
	MarkDiskErrorOnLeader:           "a leader stops after a disk error",
	MarkDiskErrorInRecovery:         "a node finds its disk failing as it starts",
	MarkDiskFullStops:               "a node stops because its disk is full",
	MarkDiskFullRefuses:             "a node refuses writes because its disk is nearly full",
	MarkDiskFullMajority:            "the disks of a majority are nearly full",
	MarkCorruptionRefused:           "a node refuses a damaged disk",
	MarkDamageHarmless:              "a node starts in spite of a damage that does not matter",
	MarkRefusedIncarnation:          "a node with a new disk under its old name is refused",
	MarkDuplicate:                   "a message comes twice",
	MarkReplay:                      "an old message comes again",
	MarkLeaderPaused:                "a leader is paused",
	MarkLeaderIsolated:              "a leader is cut off",
	MarkLeaderDeaf:                  "a leader hears nobody but is heard",
	MarkLeaderMute:                  "a leader is not heard but hears",
	MarkLeaderSlow:                  "a leader is cut off and its timer is slow",
	MarkStaleLeaderAsked:            "a client asks a leader that has been replaced",
	MarkClientTimeout:               "a client gives up waiting",
	MarkUnknown:                     "a client is told that the outcome is unknown",
	MarkUnknownCommitted:            "a write of unknown outcome is committed after all",
	MarkUnknownNeverCommitted:       "a write of unknown outcome was never committed",
	MarkRefusedOutcome:              "a client is told that its command was surely not executed",
	MarkProposedAgain:               "a write is proposed again without the client noticing",
	MarkAnsweredAcrossLeaders:       "a write is answered in a later term than it was made in",
	MarkExecDone:                    "EXEC runs with a watch",
	MarkExecAborted:                 "EXEC is aborted by a watch",
	MarkExecAbortedAcrossLeaders:    "EXEC is aborted by a watch of an earlier term",
	MarkExecRefused:                 "EXEC is refused because a command was not queued",
	MarkExecBrokenWatch:             "EXEC is aborted because a WATCH had failed",
	MarkExecSelects:                 "a transaction selects another database",
	MarkTransactionInPieces:         "a transaction comes in several pipelines",
	MarkLongPipeline:                "a batch of 20 commands or more is answered",
	MarkHungUpWithReplies:           "a connection breaks while replies are due",
	MarkKeyFellDue:                  "a key falls due",
	MarkClockBehind:                 "a leader's clock is behind the time of the log",
	MarkCheckpointCompared:          "states are compared through the log",
	MarkNoFaults:                    "a run without faults elects one leader only",
	MarkJointCommitted:              "a joint configuration is committed",
	MarkJointLeft:                   "a joint configuration is left",
	MarkJointLeftByNextLeader:       "a joint configuration is left by another leader than began it",
	MarkVoterAdded:                  "a learner that has caught up becomes a voter",
	MarkVoterReplaced:               "a voter takes the place of another",
	MarkVoterDemoted:                "a voter becomes a learner",
	MarkMemberLeft:                  "a member leaves",
	MarkLeaderLeft:                  "the leader leaves",
	MarkElectedInJoint:              "a leader is elected under a joint configuration",
	MarkConfigOverridden:            "a configuration is taken back",
	MarkRemovedTold:                 "a node that has left is told so",
	MarkChunkMisplaced:              "a piece of a snapshot comes twice, or too early",
	MarkSnapshotReplayed:            "a node hears again of a snapshot that it got",
	MarkChangeAnswered:              "an operator is told that a change of the members is done",
	MarkChangeRefused:               "an operator is told that a change of the members is refused for good",
	MarkRemovedStops:                "a node that has left stops",
}
