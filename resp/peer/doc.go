// Package peer carries messages and snapshots between the nodes of a cluster,
// over RESP frames on a port of their own.
//
// # Streams
//
// Messages from A to B travel on connections that A has dialled; B's answers
// travel on connections that B has dialled. A stream has no replies: Raft itself
// deals with loss, and nothing has to be matched. Per direction there are
//
//	ctl   votes, heartbeats, acknowledgements, read rounds, everything small
//	log   appends, forwarded proposals
//	snap  one snapshot; opened on demand
//
// so that neither a large append nor a snapshot ever delays a heartbeat.
//
//  1. Messages of one lane arrive in the order of Send, or not at all.
//  2. Lanes overtake each other.
//  3. Any message may be lost: queue full, link down, link broken. No message
//     arrives twice, none arrives altered.
//  4. While a stream is down nothing is queued for it; what was queued when it
//     broke is dropped. A new stream starts empty.
//  5. Send never blocks. Reading does: a node that is slow in Handler.Message
//     slows the sender down through TCP, until the sender's queue is full.
//
// # Handshake
//
//	A: RAFT.HELLO 2 <cluster> <from> <to> <incarnation> <address> <version> <lane> <nonce>
//	B: *4 <id> <incarnation> <version> <nonce>
//	A: RAFT.AUTH <mac>
//	B: +OK <mac>  or  -REFUSED <word> <mac> <text>
//
// The nonces are 32 random bytes. T is A's hello frame and B's challenge frame,
// one after the other. A's mac is HMAC-SHA256(secret, "redoubt dialer" 0x00 T),
// in binary; B's is HMAC-SHA256(secret, "redoubt acceptor " word 0x00 T), in
// hexadecimal, the word being that of the refusal or OK. So each side proves
// that it knows the secret, over a nonce of the other's and over both
// identities; a proof fits no other connection, direction or verdict. B judges
// only a caller that has proven itself. A cluster without a secret runs the same
// exchange with an empty key, which proves nothing: such a port belongs on a
// loopback address or a trusted network.
//
//	word           for good  meaning
//	protocol       no        other protocol version; without mac
//	secret         no        the secrets differ; "-" in place of the mac
//	wrong-node     no        B is not <to>: an address is wrong
//	unknown        no        B does not know <from>, nor many others that call
//	wrong-cluster  no        B belongs to another cluster: A may be the wrong one,
//	                         or somebody else may have B's old address
//	removed        yes       <from> has left the cluster, ids do not return
//	incarnation    yes       <from>'s data directory is not the recorded one
//
// B need not know A: its configuration may be older than A's membership, or it
// has yet to join. It answers on connections to <address>, which it dials for as
// long as A holds one. An old configuration therefore keeps nobody out, and what
// a node that is no member may say is for Raft to decide.
//
// A refusal for good counts only with B's mac, since anybody can answer on a
// port; A then hears of it through Handler.Refused, and of another cluster, which
// does the same, through Handler.Stranger. A checks B's id and
// incarnation in the same way. Both sides ask Handler.Verify; B asks again
// when the membership has changed, and closes the connection of an A that may no
// longer take part.
//
// Who is trusted with what: before the handshake is complete a caller costs
// 4 KB and one descriptor for HandshakeTimeout, and at most 128 callers are in
// that state. Afterwards it is a member, whose frames are still bounded and
// verified: a faulty member can say what is wrong, but not make the node crash
// or run out of memory. The macs prove who opened a connection. They do not
// protect the bytes that follow against somebody who can write into it, nor
// hide them.
//
// # Messages
//
//	*2\r\n $8\r\nRAFT.MSG\r\n $<n>\r\n<message>\r\n
//
//	message   bytes    content
//	version   1        1
//	type      1        raft.MessageType
//	flags     1        1 Reject, 2 Force, 4 Snapshot present
//	group     uvarint  0, the only Raft group
//	numbers   uvarint  Term, LogIndex, LogTerm, Commit, Round, Index, ID
//	snapshot           with flag 4: Index, Term uvarint; length uvarint,
//	                   raft.Configuration
//	count     uvarint  entries, at most 65536
//	crc       4        CRC-32C of all the above, little-endian
//	entries            count times:
//	  type    1        raft.EntryType
//	  index   uvarint
//	  term    uvarint
//	  length  uvarint  of data
//	  data    length
//	  crc     4        CRC-32C of this entry up to here, little-endian
//
// From, To and Incarnation are not in the message: they are what the connection
// has proven, so that no member can speak in the name of another. Unknown
// versions, types, flags and groups, and bytes left over, end the connection.
// MsgSnapshot never comes this way.
//
// # Snapshots
//
//	A: RAFT.SNAP <message> <snapshot id> <size>
//	B: :<offset>                     what B has of it already
//	A: RAFT.CHUNK <crc><offset><data>  crc 4 and offset 8 bytes little-endian,
//	                                 data up to 1 MB; crc is the CRC-32C of
//	                                 offset and data
//	B: :<offset>                     after each chunk has been written
//	B: +OK                           the file is verified and durable, and the
//	                                 message has been handed to the node
//
// The data are the raw bytes of the snapshot file. A keeps up to 8 MB
// unconfirmed. When the connection breaks, or B closes it over a damaged chunk,
// A dials again and goes on at the offset it is told. "-ERR <text>" tells A to
// give this snapshot up: no room, or a file that does not verify, or a leader of
// a later term sending one. If B had all of it by then, A reads its own file: the
// damage may be there. A node takes in one snapshot at a time.
package peer
