/*
Package wal keeps what a node must not forget: its hard state, its log and its
snapshots, in one data directory with one owner. The log is written only; it is
read once, when it is opened. Whoever needs older entries has them in memory.

All files go through an FS: the operating system's, or the simulator's. What is
written to them is a function of the calls; no clock and no randomness comes in.

# Data directory

	IDENTITY        whose directory this is; written once, and by every Recover
	HIGHWATER       what the log is known to have reached, and whether it was closed
	LOCK            flock of the owner
	BALLAST         reserved space, given back when the disk is full
	wal/<seq>       segments, named after their first frame, 20 digits
	snap/<id>.snap  snapshots, id = index-term-random
	snap/<id>.recv  a snapshot being received, kept over a restart
	torn/*.torn     copies of unfinished frames that were cut off; at most 8 of 16 MB
	*.tmp           unfinished files, removed by Open or, in torn/, written over

Directories are 0700, files 0600. Numbers are little endian. Checksums are
CRC-32C. IDENTITY and HIGHWATER are a line "redoubt crc32c=XXXXXXXX" with the
checksum of what follows, then JSON.

# Segments and frames

A segment is a row of frames, and zeros to the end of the file. One Append is one
frame: one write and one fdatasync. The zeros are laid ahead of the frames, by the
same sync, up to the next multiple of 512 KB but not beyond the size at which the
segment is full. So most frames overwrite zeros, which changes neither the file's
length nor its blocks, and their sync takes half the time of one that appends. A
frame:

	offset  bytes  field
	0       4      magic 0x9fd2b3a5
	4       4      checksum of all that follows, to the end of the payload
	8       4      length of the payload
	12      1      version 1
	13      1      flags 0
	14      2      low half of the checksum of bytes 8-13 and 16-23
	16      8      seq: number of the frame, from 1 without a gap
	24      -      payload: records

Both checksums are seeded with the checksum of the node's incarnation (8 bytes),
so a frame stored as somebody's value is no frame. The one at 14 lets a search
through damaged bytes dismiss a length before summing that much. Entries have no
checksum of their own: nobody reads one without its frame.
A record is type (1), length of the body (4), body:

	type           body
	1 HARDSTATE    term 8, commit 8, vote
	2 ENTRY        index 8, term 8, entry type 1, data
	3 SNAPSHOT     index 8, term 8, configuration as raft encodes it

Every frame has the current hard state, as its last record. A frame of several
entries has at most 4 MB; an entry that is larger, up to 64 MB, has a frame of
its own. The frames of one Append that had to be split are made durable one after
the other, each with a commit index that its entries reach.

# What a row of frames means

 1. The last HARDSTATE counts.
 2. An ENTRY voids all earlier ones of its index and above. A conflicting suffix
    is overridden by appending; nothing is ever truncated.
 3. A SNAPSHOT mark voids everything before it: the log goes on behind the mark's
    index. The snapshot itself is durable before its mark is written.
 4. Entries that the newest snapshot covers are not recovered. A log that does
    not hold the snapshot's last entry with its term is void (§7): a crash came
    between the snapshot and its mark, and Open writes the mark.

# Snapshot files

	bytes  field
	8      "RDBTSNAP"
	4      version 1
	4      length n of the configuration
	8      random part of the id
	8, 8   index, term
	n      configuration
	4      checksum of the header up to here
	       then chunks, each: length 4 (1 to 1 MB, written as 256 KB), checksum 4, bytes
	4      0: the trailer begins
	4      checksum of the whole payload
	8, 8   number of chunks, bytes of the payload
	4      checksum of the header, again: they belong together
	4      checksum of the trailer up to here

# Order of things, and what a crash leaves

 1. Frame n+1 is written only after the sync of frame n has returned, and shares
    its own with the zeros that it needs behind it. A crash leaves frame n+1 whole,
    in parts or not at all, in a file of the length before, after or between, and
    no frame behind it.
 2. A segment is created when the one before is full and its first frame is there
    to be written. That frame is synced, then the directory, then HIGHWATER counts
    it; then Append returns. A crash leaves the full segment last, or the new one
    with its frame or without.
 3. HIGHWATER is replaced (temporary name, fsync, rename, fsync of the directory)
    with the first frame of a segment, at Open and at Close. A crash leaves the
    old one, which promises less.
 4. Open reads everything and refuses what it must before it changes anything.
    Then, after an unclean stop, it writes the intact frames of the last segment
    to a new file in place of the old: a failed fsync may have left bytes in the
    page cache that no disk has, and what was torn off is not to be written over.
    A crash leaves the old file or the new one. It syncs the directories: the
    process before may have ended between giving a name and syncing it. HIGHWATER
    comes last, then what follows from it.
 5. A snapshot gets its name after its fsync. A crash leaves a .tmp or .recv file.
    A received one is taken up again at the last intact chunk.
 6. Compact removes segments oldest first, each durably before the next. A crash
    leaves a log that starts earlier than it had to. It keeps the newest segment
    and one more, asks for an intact snapshot first, and so never removes the only
    frame with the hard state nor an entry that no snapshot has.
 7. The first error of a write, an fsync or an unlink is the last thing the log
    does. No retry: the second fsync after a failed one says nothing about the
    pages that the first has lost.

# A cluster made of one node

When a majority is lost for good, Recover makes a node that is left the only member
of a new cluster. The new IDENTITY has another cluster id, and a Recovery: term and
configuration of the entry with which the new cluster begins. To a log of an earlier
term Open adds that entry, with a hard state by which it and all before it are
committed. So the rename of IDENTITY decides: a crash leaves the old node or the new
one, whose entry the next Open adds.

# Torn or corrupt

Zeros behind the last intact frame of a segment are the end of it; that no frame
is missing there is proven by the number of the next segment, or by HIGHWATER as
far as it knows. Anything else is a torn tail, cut off by Open, if it is in the
last segment and no intact frame of its number or a higher one lies behind it (rule
1), and if HIGHWATER does not know better. All other damage is a *CorruptError that
names file and offset: a checksum, a number, an index or a term that does not fit; a
segment or snapshot that is missing. Then the node's copy of what it once
acknowledged is gone. The directory is to be kept aside, and the node joined anew
under another id; the other nodes have the data.

Not seen: damage to the very last frame after an unclean stop, if HIGHWATER is
older, and the loss of the last ones, zeros in their place or the file cut there
(it looks like rule 1); a whole directory replaced by an older copy of itself.

# A full disk

The caller watches FreeBytes and refuses writes early. ReceiveSnapshot refuses to
start when it would leave less than ReserveBytes. If a frame or its zeros do not
fit all the same, rule 7 holds; the torn frame is cut off by the next Open, which
may take the ballast's space for rewriting the last segment. ReleaseBallast gives
that space to a snapshot that is to make room. Compact itself needs no space.

# Assumptions

  - fsync and fdatasync of a file make its bytes and its length durable, fsync of a
    directory its entries; or they fail.
  - rename replaces a file as a whole.
  - A write damages no bytes of the file but those it writes, be they in the same
    sector.
  - Nobody else changes the directory; flock keeps out our own.

With Options.NoSync the first is given up for frames: after a crash of the machine
acknowledged writes and votes are missing, and a hole before later frames makes
Open refuse the log. A killed process alone loses nothing.
*/
package wal
