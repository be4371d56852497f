// Package fsm is the replicated state machine: the keyspace and the commands.
//
// It is pure. Store.Apply turns a log entry into changes and replies, and the
// same log gives the same state, replies and Hash on every node: there is no
// clock, no randomness, no goroutine and no order of a Go map in it. A Store
// belongs to one goroutine.
//
// # Rules
//
//  1. Time is log time: the highest time of the entries applied so far. A key
//     with an expiry is gone when log time is above it, to readers and writers
//     alike, whether it has been removed yet or not.
//  2. A read changes nothing: it removes no expired key and leaves no access
//     time. Hits and misses are counted outside the replicated state.
//  3. Every entry first removes up to maxExpiredPerEntry keys that are due, in
//     the order of (expiry, database, key).
//  4. Before a slot changes, prepare lets a running snapshot have it.
//  5. Every change of a key gives it a new version (Store.nextVersion), and the
//     slot's mark the same; SWAPDB gives one to both databases. WATCH compares
//     versions (Store.watchVersion).
//  6. The order of keys is that of (slot, hash, key). The hash is keyed by the
//     seed of the first entry, so clients cannot choose it.
//
// # Log entry
//
// Fixed-size integers are little endian, n is an unsigned varint, a string is
// its length n and its bytes.
//
//	offset  size
//	     0     1  version, 1
//	     1     8  time in ms              Stamp
//	     9     8  seed                    Stamp
//	    17     8  boot, 0: no origin      SetOrigin
//	    25     8  seq                     SetOrigin
//	    33        commands until the end
//
// A command begins with its kind:
//
//	1  command      protocol 1, database n, arguments n, each a string
//	2  transaction  protocol 1, watches n, each database n, key string, version 8,
//	                then commands n, each of kind 1 or 3
//	3  reply        string: that of a queued command the connection has answered
//
// Every command at the top writes; those of a transaction may read.
//
// # Snapshot
//
//	magic     "redoubt-fsm" and the version 1
//	          index 8, log time 8, rolling hash 8, last version 8,
//	          hash key 16, keys expired so far 8
//	records   each begins with its kind:
//	1  mark   database n, slot n, removed n, changed n
//	2  key    type 1, encoding 1, database n, version n, expiry n, key string,
//	          value string
//	4  swap   database n, version n
//	3  end    keys 8, keys with an expiry 8, sum of the XXH64 of all key records 8
//
// Marks and swaps come first. Keys are in no order: a slot that a write was about to touch
// comes early. A key's slot is not stored, it follows from the key. The file
// around it has the checksums (package wal); the sums here catch a snapshot
// that was not taken right.
package fsm
