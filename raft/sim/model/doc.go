// Package model is a second, naive implementation of redoubt's commands: an
// oracle for tests. It is written from what Redis 7.0 documents and does, shares
// no code with package fsm and knows nothing of encoded entries, snapshots
// or memory, so that a mistake is not made twice.
//
// # Time
//
// Time is log time, the highest time of the entries so far. A key is gone when
// log time is above its deadline. Every entry first removes up to 256 such keys
// in the order of (deadline, database, key), and a write removes one that it
// comes to write, if only to find that it cannot. Nothing but DBSIZE and WATCH
// can tell a key that is removed from one that is only gone. A read changes
// nothing and is served at the time of the state.
//
// # WATCH
//
// A WATCH notes for each key where in the history of changes it was and whether
// the key was there. When EXEC comes there are three verdicts:
//
//	must abort  a watched key has been written, deleted, flushed or swapped
//	            since, or has expired since
//	may abort   a watched key was missing and is, but something was removed from
//	            its hash slot since (redoubt keeps one mark for all missing keys
//	            of a slot)
//	must run    otherwise
//
// Where a transaction may abort, the model does what redoubt's reply says. A key
// counts as written when Redis says so, also if its value is the same: SET does,
// DEL of a missing key or EXPIRE with a condition that does not hold do not.
//
// # Generator
//
// Generator makes what clients send: pipelines of groups over few keys. Every
// value that it writes is unique, so that who reads it knows which command wrote
// it, and what one run is full of another leaves out.
package model
