package sim

// scenario is something that went wrong in a replicated system, and where it is
// tried here. The numbers are those of a catalogue of such bugs that was put
// together before redoubt was written; they are not given anew.
type scenario struct {
	number string
	what   string
	source string // where it was seen
	// tests are files of testdata/scenarios, traces of raft/testdata, or tests of
	// other packages ("raft.TestX", "raft.TestX/subtest").
	tests []string
	waits feature // for what it waits, or a part of it does: rest
	rest  string
}

// feature is something that redoubt does not have yet.
type feature string

const (
	leases          feature = "leases"
	repairFromPeers feature = "repair of a damaged log from the other nodes"
)

func at(tests ...string) []string { return tests }

var scenarios = []scenario{
	// Terms, votes, elections.
	{"S1", "a vote is asked for in a term that the disk does not have; a committed entry is lost", "etcd/raft, asynchronous storage writes",
		at("raft/testdata/async_lost_commit.txt", "raft/testdata/async_term.txt"), "", ""},
	{"S2", "a node is elected twice in one term, with two logs", "etcd/raft, asynchronous storage writes", at("raft/testdata/async_twice.txt"), "", ""},
	{"S3", "term and vote reach the disk one after the other", "hashicorp/raft#661, SOFAJRaft#1241, braft",
		at("s04_crash_at_each_step_of_a_vote.txt", "raft.TestVoteLeavesOnlyWhenDurable"), "", ""},
	{"S4", "the answer to a candidate leaves before the vote is on disk", "the paper's Figure 2, SOFAJRaft, NebulaGraph#3415",
		at("s04_crash_at_each_step_of_a_vote.txt", "raft.TestVoteLeavesOnlyWhenDurable"), "", ""},
	{"S5", "the vote cannot be written, and the node answers all the same", "braft, SOFAJRaft#96", at("s05_failed_write_of_a_vote.txt"), "", ""},
	{"S6", "a node without its record of terms and votes begins at term 0", "SOFAJRaft, PySyncObj#201, PySyncObj#202",
		at("s06_lost_terms.txt", "s06_all_lose_their_terms.txt", "wal.TestOlderTermThanWasDurable"), "", ""},
	{"S7", "a vote granted in an earlier term counts", "Xraft#33, little-raft#44",
		at("raft.TestVoteOfEarlierTermDoesNotCount", "raft.TestPreVoteOfEarlierTermDoesNotCount"), "", ""},
	{"S8", "stepping down within a term forgets the vote", "akka-raft#56, Truxify#6913, CCF#8094", at("raft.TestSteppingDownWithinTermKeepsVote"), "", ""},
	{"S9", "a node votes in a term whose leader it follows", "CCF#3808, CCF#3810", at("raft.TestFollowerOfALeaderDoesNotVoteInItsTerm"), "", ""},
	{"S10", "logs are compared by index and term apart", "openraft a48a3282", at("raft.TestPaperUpToDate"), "", ""},
	{"S11", "a leader grants pre-votes, or heartbeats are no shorter than timeouts", "DaosRaft#70, braft#365, braft#366, braft#492",
		at("raft.TestLeaderAndItsFollowersRefuseVotes", "cmd/redoubt.TestRefusals/--heartbeat 100ms"), "", ""},
	{"S12", "the longer log has the lower term, and pre-votes let neither win", "etcd#8243, etcd#8501, etcd#10355, canonical/raft#142, openraft#1796",
		at("raft.TestTwoHalvesEachWithAReasonElectALeader", "raft.TestLongLogWithOldTermGetsElected", "s12_halves_of_a_joint_configuration.txt"), "", ""},
	{"S13", "a removed node campaigns for ever", "thesis §4.2.3, RedisRaft#136, SOFAJRaft",
		at("s13_removed_node_campaigns.txt", "raft.TestRemovedMembersAreTold", "raft.TestPaperRemovedMembersDoNotDisrupt", "resp/peer.TestARemovedMemberIsCutOff"), "", ""},
	{"S14", "two of five nodes hear one other each, and leaders are unseated for ever", "Cloudflare, 2020", at("raft.TestPartialMeshKeepsItsLeader"), "", ""},
	{"S15", "links that work in one direction only", "Consul#4084, Hoverbear's Raft#27",
		at("s15_one_way_links.txt", "raft.TestDeafNodeDoesNotDisturb", "raft.TestMuteLeaderIsReplacedAndDeafLeaderStepsDown"), "", ""},
	{"S16", "an old leader that reaches one node keeps a connected majority without a leader", "openraft#2080",
		at("s16_bridge.txt", "raft.TestLeaderWithoutMajorityStepsDownAndFallsSilent"), "", ""},
	{"S17", "a leader takes refusals for contact", "hashicorp/raft#666", at("raft.TestRefusalWithHigherTermUnseatsEvenIfHeartbeatsFlow"), "", ""},
	{"S18", "a node whose timer is starved never stands", "dragonboat 0045aa2, openraft 228077a6",
		at("s18_slow_timer.txt", "raft.TestRefusedVoteDoesNotPutOffOwnElection"), "", ""},
	{"S19", "a heartbeat of a later term comes while the leader appends", "hashicorp/raft#695",
		at("raft.TestEntryHasTheTermInWhichItWasProposed", "raft.TestExhaustive"), "", ""},
	{"S20", "votes are split for ever when timeouts are alike", "the paper's §5.2", at("s20_split_votes.txt", "raft.TestPaperTimeoutsAreDrawnAnew"), "", ""},

	// Replication.
	{"S21", "entries of an earlier term are committed by counting, or never", "the paper's Figure 8, LogCabin#44, PySyncObj#169, async-raft#106, RaftOS#30",
		at("raft/testdata/figure8.txt", "raft/testdata/figure8_committed.txt", "raft.TestPaperOldTermsAreNotCounted"), "", ""},
	{"S22", "a late, short append cuts the log", "openraft 9540c904, CCF#5991, CCF#6016, RaftOS#26, NebulaGraph#2483, RedisRaft#53",
		at("raft.TestShortOldAppendDoesNotCutTheLog"), "", ""},
	{"S23", "an append without entries commits what the leader never sent", "Copycat#265", at("raft.TestEmptyAppendCommitsOnlyWhatItProves"), "", ""},
	{"S24", "the answer to a heartbeat moves match", "RATIS-2605, openraft#1500",
		at("raft.TestHeartbeatReplyDoesNotMoveMatch", "raft.TestHeartbeatDoesNotCommitAnotherEntry"), "", ""},
	{"S25", "old answers move next or match back", "PySyncObj#167, RaftOS#25, WRaft, CCF#5991",
		at("raft.TestOldAnswersInAnyOrder", "raft.TestStaleAnswersAreHarmless"), "", ""},
	{"S26", "long conflicts take one round trip per entry, or never end", "openraft 6d53aa12, CCF#2803, hashicorp/raft#73",
		at("raft.TestLongConflictsConvergeInOneTripPerTerm"), "", ""},
	{"S27", "an append begins below the follower's snapshot", "openraft#510, openraft#511, WRaft#118", at("raft.TestAppendBelowTheFollowersSnapshotIsTrimmed"), "", ""},
	{"S28", "an append begins exactly where the log does", "WRaft#118, RedisLabs/raft#47, etcd 76f1249", at("raft.TestFollowerAtTheEdgeOfTheLog"), "", ""},
	{"S29", "what was on its way to a follower is lost, and nothing is sent again", "etcd#14633, hashicorp/raft#612",
		at("s29_lost_window.txt", "raft.TestLostWindowIsFoundWithoutNewProposals", "raft/testdata/lagging.txt"), "", ""},
	{"S30", "a late report of the disk counts for entries that replaced those it is about", "etcd/raft, append ABA race",
		at("raft.TestLateWriteReportDoesNotCountForOverriddenEntries"), "", ""},
	{"S31", "a leader's disk reports what it wrote in an earlier term of office", "etcd/raft, self-acknowledgement after a change of term",
		at("raft.TestWriteReportOfAnEarlierLeadershipDoesNotCommit"), "", ""},
	{"S32", "a leader counts itself before its disk has the entry", "RedisRaft#76",
		at("raft.TestLeaderCountsItselfWhenDurable", "raft.TestOthersCommitWhatTheLeadersDiskLacks"), "", ""},
	{"S33", "learners commit", "openraft beb0302b, openraft 6c0ccaf3",
		at("raft.TestAcknowledgementsOfLearnersDoNotCommit", "raft.TestSingleVoterCommitsWithoutItsLearner", "s33_half_of_a_joint_configuration.txt", "raft.TestPaperJointNeedsBothMajorities"), "", ""},
	{"S34", "a new leader's commit index is lower, and a follower goes back", "PySyncObj#166", at("raft.TestCommitNeverGoesBack"), "", ""},
	{"S35", "the tail of a leader that is cut off grows without bound", "etcd/raft, bounded growth with a partition", at("raft.TestUncommittedTailIsBoundedAndDoesNotLeak"), "", ""},
	{"S36", "messages of an earlier life of their sender arrive late, twice and out of order", "any transport that reconnects",
		at("s36_old_messages_again.txt", "raft/testdata/old_life.txt"), "", ""},
	{"S37", "messages of another cluster, or from a recycled address", "dragonboat, RedisRaft",
		at("resp/peer.TestRefusals", "raft.TestOtherIncarnationIsNotHeard", "raft.TestStrangersMayLeadAndAskForVotes"), "", ""},
	{"S38", "limits that are off by one, and entries larger than any of them", "RedisRaft#109",
		at("s38_least_limits.txt", "raft.TestLimitsAreExact", "raft.TestOversizedEntryPassesAlone", "wal.TestBigBatchIsSplit", "raft/replica.TestTooLargeTransactionIsRefused"), "", ""},

	// Commit, reads, handing over.
	{"S39", "a new leader reads before its no-op is committed", "etcd#7331, RedisRaft#18, RedisRaft#19, d-engine#381", at("raft.TestReadOfANewLeaderCoversItsNoOp"), "", ""},
	{"S40", "a read is served before its round has come back", "d-engine#381", at("raft.TestPaperReadsNeedMajority"), "", ""},
	{"S41", "a late answer to one read confirms another", "etcd#20418", at("raft.TestReadIsNotAnsweredByAnEarlierRound", "raft.TestFollowersReads"), "", ""},
	{"S42", "a single node serves a state older than what it answered, after a restart", "etcd-io/raft#105",
		at("s42_single_node.txt", "raft/replica.TestSingleNodeKeepsWhatItAnswered"), "", ""},
	{"S43", "a leader is stopped between being asked and answering", "etcd#20418, Jepsen on etcd and RedisRaft", at("s43_paused_leader.txt", "cmd/redoubt.TestPausedLeader"), "", ""},
	{"S44", "a lease outlives the promise that it rests on", "etcd-io/raft#166", nil, leases, ""},
	{"S45", "a voter restarts and forgets that it has promised a lease", "etcd/raft", nil, leases, ""},
	{"S46", "a leader that has handed over serves reads by its lease", "etcd#12704, etcd-io/raft#99, TiKV#4680, TiKV#4688, openraft#1747, openraft#1748",
		at("raft.TestNoReadIsServedByALeaderThatHandedOver"), leases, "reads by lease"},
	{"S47", "a lease was granted by a configuration that has changed", "any lease", nil, leases, ""},
	{"S48", "clocks that drift and jump", "systems that trust clocks", at("s48_clocks.txt"), leases, "clocks within the bound of a lease"},
	{"S49", "handing over to a node that lags, dies or does not exist, while clients write", "hashicorp/raft#493, hashicorp/raft#696, dragonboat#223, etcd/raft",
		at("s49_transfer.txt", "s49_transfer_to_one_that_leaves.txt", "raft.TestTransferTargets", "raft.TestTransferWaitsForTheLogAndIsGivenUp", "raft.TestNothingOfATransferSurvivesLeadership", "raft.TestTransferWinsOverStickiness", "raft/testdata/transfer.txt"),
		"", ""},
	{"S50", "a late order to campaign is obeyed by whoever gets it", "hashicorp/raft, braft b9e1293", at("s50_late_order.txt", "raft.TestTimeoutNowIsObeyedOnlyByAFollowerOfItsSender"), "", ""},
	{"S51", "a follower's read waits for an answer that never comes", "etcd/raft", at("s51_read_of_a_follower.txt", "s51_read_while_a_voter_leaves.txt", "raft.TestFollowersReads"), "", ""},
	{"S52", "a forwarded command is executed by the leader and by the node that forwarded it", "RedisRaft#13", at("s52_forwarded_twice.txt", "s52_every_message_twice.txt"), "", ""},
	{"S53", "a command in flight is reported as not executed, and is committed later", "RedisRaft#23, uhaha", at("s53_unknown_outcome.txt", "s53_behind_a_snapshot.txt"), "", ""},
	{"S54", "states differ, or are lost, and nobody notices", "RedisRaft#14, RedisRaft#28, RedisRaft#44", at("s54_states_are_compared.txt", "raft/replica.TestDivergedNodeStops"), "", ""},
	{"S55", "commands depend on the node's clock, on chance, on the order of a map", "RedisRaft", at("s55_time_of_the_log.txt", "fsm.TestEveryNodeAgrees"), "", ""},

	// Snapshots.
	{"S56", "a snapshot is installed while older entries are being applied", "openraft eed681d5, etcd#10219",
		at("s56_install_while_applying.txt", "raft.TestAppliedDoesNotGoBackWithAnInstall"), "", ""},
	{"S57", "a crash between a snapshot and the log that it replaces", "openraft 674e78aa, braft 10cd9e3", at("s57_crash_while_installing.txt", "s57_conflicting_log.txt", "wal.TestSnapshotWithoutItsMark"), "", ""},
	{"S58", "a snapshot is older than the state, and the term goes back with it", "hashicorp/raft, WRaft#118", at("raft.TestOldSnapshotIsIgnored"), "", ""},
	{"S59", "a snapshot takes longer than the log is kept, and the next one is due when it is there", "hashicorp/raft#212, hashicorp/raft#444, rqlite, Zeebe#4451",
		at("s59_slow_install.txt", "s59_slow_catching_up.txt"), "", ""},
	{"S60", "a snapshot is lost on its way, and its receiver is never sent anything again", "Dgraph#2707, etcd-io/raft#124", at("s60_broken_transfer.txt", "raft.TestSnapshotStateEnds/lost"), "", ""},
	{"S61", "a follower has caught up by itself, and waits for its snapshot all the same", "etcd/raft", at("raft.TestSnapshotStateEnds/the member has caught up by itself"), "", ""},
	{"S62", "a follower that receives a snapshot counts as dead", "dragonboat", at("raft.TestSnapshotStateEnds/the receiver is active"), "", ""},
	{"S63", "a crash while the log is cut leaves a gap between snapshot and log", "RedisRaft#43, RedisRaft#51, RedisRaft#54, RedisRaft#189",
		at("s63_crash_while_compacting.txt", "wal.TestCrashWithinCompact", "wal.TestLogThatDoesNotReachBackToTheSnapshot"), "", ""},
	{"S64", "a snapshot has the newest configuration and not that of its index", "openraft dba24036, openraft 447dc11c, dragonboat ac6a472, RedisRaft#48",
		at("raft.TestSnapshotHasTheConfigurationOfItsIndex"), "", ""},
	{"S65", "pieces of a snapshot are out of order, twice, damaged, or of another snapshot", "openraft 2eccb9e1, openraft eee8e534, dragonboat, braft 5204e09",
		at("resp/peer.TestSnapshotOffersThatAreNotTaken", "resp/peer.TestADamagedChunkIsSentAgain", "resp/peer.TestOneSnapshotComesInAtATime", "wal.TestReceiveSnapshot", "wal.TestReceivedDamageIsFoundAtCommit"), "", ""},
	{"S66", "an error while saving is reported as success", "dragonboat#409, braft#461, braft#462", at("wal.TestEveryOperationFails", "wal.TestShortWritePoisons"), "", ""},
	{"S67", "a new leader is elected while a follower is sent a snapshot by the old one", "Zeebe#4451", at("s67_new_leader_while_installing.txt"), "", ""},

	// Membership.
	{"S68", "two changes of the membership by leaders of different terms share no majority", "Ongaro on raft-dev, 2015",
		at("s68_changes_of_two_leaders.txt", "raft.TestNoChangeBeforeAnEntryOfTheOwnTerm", "raft.TestExhaustive"), "", ""},
	{"S69", "a configuration is in force when it is applied, and candidates use an old one", "etcd#5004, etcd#7280, etcd#11284, etcd-io/raft#456, etcd-io/raft#469",
		at("s69_configuration_taken_back.txt", "raft.TestPaperLatestConfigurationInLog", "raft.TestPaperConfigurationIsUsedAtOnce"), "", ""},
	{"S70", "nobody can be elected between two configurations", "etcd#12359", at("s70_between_two_configurations.txt", "raft.TestVoterThatDoesNotKnowItElects"), "", ""},
	{"S71", "a joint configuration is left behind by a change of leader", "etcd#12136, openraft", at("s71_joint_left_behind.txt", "raft.TestNextLeaderLeavesAJointConfiguration"), "", ""},
	{"S72", "the majority is removed at once", "etcd-io/raft#372", at("s72_majority_removed.txt", "raft.TestNoChangeThatLeavesNoLiveMajority"), "", ""},
	{"S73", "a leader removes itself, or one of two nodes that is dead", "RedisRaft#3, RedisLabs/raft#19, openraft 0023cff1",
		at("s73_leader_removes_itself.txt", "raft.TestPaperLeaderThatLeavesStepsDownWhenThatIsCommitted", "raft.TestPaperRemovedMemberIsNeededUntilThatIsCommitted", "raft/replica.TestLeaderLeaves"), "", ""},
	{"S74", "a learner that does not know of its promotion does not vote", "etcd/raft", at("raft.TestLearnerThatIsAskedVotes", "raft.TestVoterThatDoesNotKnowItElects"), "", ""},
	{"S75", "a restarted node does not know the address of a new voter", "etcd#3699", at("s75_unknown_voter.txt", "raft.TestConfigurationCodec", "raft/replica.TestNodeHearsOfAMemberThatItDoesNotKnow"), "", ""},
	{"S76a", "a node is removed and added again in one term, and old acknowledgements count", "drmingdrmer/raft-rejoin-bug", at("s76_removed_id_returns.txt", "raft.TestChangesThatCannotBe/a removed id returns"), "", ""},
	{"S76b", "a disk is lost, and its node comes back empty under its old name", "RedisRaft#2, dragonboat#256, dragonboat#354, MatrixOne#25029",
		at("s76_wiped_disk.txt", "raft/testdata/wiped.txt", "raft/testdata/wiped_early.txt", "raft.TestReplacedNodeTakesNoPart", "cmd/redoubt.TestWipedNodeIsRefused"), "", ""},
	{"S77", "a learner restarts as a follower and campaigns", "openraft 39690593, hashicorp/raft#398", at("raft.TestLearnerStaysOneAfterARestart"), "", ""},
	{"S77b", "a change of the membership is replayed by a node that starts from an old snapshot", "braft#407", at("s77_old_snapshot.txt", "raft.TestRemovedWhileDown"), "", ""},

	// Disks.
	{"S78", "a single node answers before its log is on disk", "etcd#14370, etcd#10508", at("s78_single_node_power.txt"), "", ""},
	{"S79", "after a failed fsync the page may be gone, though the next fsync succeeds", "PostgreSQL, etcd#14140, etcd#14143; USENIX ATC 2020",
		at("s79_failed_fsync.txt", "wal.TestFailedFsyncPoisons", "cmd/redoubt.TestFailingFsyncStopsTheNode"), "", ""},
	{"S80", "the power goes, and everything that was not synced is gone", "the paper's Figure 2", at("s80_lost_page_cache.txt"), "", ""},
	{"S81", "sectors of the last frame reach the disk in any order, or not at all", "etcd#6378; ALICE, OSDI 2014",
		at("s81_torn_tail.txt", "wal.TestEveryOffsetDamaged", "wal.TestCrashWithinAnAppend"), "", ""},
	{"S82", "the state on disk is ahead of the log, or its index is not that of its data", "etcd#13967", at("s82_crash_within_a_snapshot.txt"), "", ""},
	{"S83", "a bit of a committed entry flips in the middle of a log", "Protocol-Aware Recovery, FAST 2018",
		at("s83_rot_in_the_middle.txt", "wal.TestEveryBitFlipped"), repairFromPeers, "instead of refusing to start"},
	{"S84", "bits flip in the logs of a majority", "Protocol-Aware Recovery, FAST 2018", at("s84_rot_on_a_majority.txt"), repairFromPeers, "as long as one copy of each entry is whole"},
	{"S85", "a disk is full: at an append, at a vote, at a snapshot", "any system with a log",
		at("s85_disk_fills_up.txt", "s85_leaders_disk_is_full.txt", "s85_no_room_for_a_snapshot.txt", "cmd/redoubt.TestDiskFullWithinAWrite", "cmd/redoubt.TestAlmostFullDisks"), "", ""},
	{"S86", "the leader's disk hangs, and its heartbeats go on", "hashicorp/raft#503, etcd#13527, Consul#3552",
		at("s86_leaders_disk_hangs.txt", "s86_all_disks_are_slow.txt", "raft.TestStalledDiskHandsOver"), "", ""},
	{"S87", "a node that cannot write keeps winning elections", "hashicorp/raft#614", at("s87_disk_that_fails.txt", "s05_failed_write_of_a_vote.txt"), "", ""},
	{"S88", "files of the log are missing, and the node passes for a new one", "raft-wal, braft#494",
		at("s88_lost_segment.txt", "wal.TestMissingAndStrayFiles", "wal.TestFirstSegmentOfVotesMissing"), "", ""},

	// Load and operation.
	{"S89", "large appends hold up heartbeats", "hashicorp/raft", at("resp/peer.TestLanes", "resp/peer.TestABlockedReceiverDoesNotBlockTheSender"), "", ""},
	{"S90", "the state machine is slow, on the leader and elsewhere", "NebulaGraph, TiKV", at("s90_slow_commands.txt"), "", ""},
	{"S91", "a node has a long log to replay when it starts", "any system with a log", at("s91_long_replay.txt"), "", ""},
	{"S92", "nodes of different versions", "etcd#8501, hashicorp/raft",
		at("resp/peer.TestOtherProtocolVersion", "wal.TestOtherFormatVersionIsRefused", "wal.TestFrameOfAnotherVersion"), "", ""},
	{"S93", "all nodes restart, in every order, under load", "any system with a log", at("s93_restarts_in_every_order.txt", "cmd/redoubt.TestKillsLoseNothing"), "", ""},
	{"S94", "a follower is too slow for a long time", "any system with a log", at("s94_slow_follower.txt", "raft.TestWindowBoundsWhatIsUnacknowledged"), "", ""},
	{"S95", "a follower refuses entries for want of room, which is taken for a conflict", "dragonboat", at("s95_follower_that_cannot_take.txt"), "", ""},
	{"S96", "a thousand clients try again and again while there is no leader", "any system with clients", at("s96_crowd_at_failover.txt"), "", ""},
	{"S97", "two clusters are bootstrapped, or one twice, and merge", "RedisRaft#187, rqlite",
		at("raft.TestNewClusterNeedsAllVotersOnce", "resp/peer.TestRefusals/other cluster", "wal.TestIdentityIsChecked", "s97_joining.txt"), "", ""},
	{"S98", "a cluster that is well has elections and errors all the same", "RedisRaft#21, RedisRaft#42", at("s98_quiet.txt"), "", ""},
}
