// Package chaos breaks a cluster of real processes while real clients use it, and
// judges what they have seen.
//
// # A round
//
//  1. Clients, two for each node, write and read through all nodes; every round has
//     keys of its own.
//  2. The faults of the round happen. Which ones, when, for how long and to whom is
//     a function of the seed; who is the leader is known when it happens.
//  3. Everything is healed. Every node must be ready and acknowledge a write within
//     a minute, and no node may have ended that no fault has ended.
//  4. The clients stop. Every key of the round is read through every node; the states
//     of all nodes must be equal; every acknowledged write of the ledger, from the
//     first round on, must be there.
//  5. porcupine, which knows nothing of Raft, must find for each key an order of the
//     operations that explains all replies and agrees with real time.
//
// # Outcomes
//
// An operation was acknowledged, or refused with an error that promises that it was
// not executed, or its outcome is unknown: -UNCERTAIN, no reply in time, a connection
// lost after something was sent. What was refused is in no history, so a refused
// write that somebody reads is a value from nowhere. What is unknown stays open to
// the end of the history, and its client is never heard of again: the next operation
// on the same goroutine is another client's. No operation is ever repeated.
//
// Values are unique, so a lost, stale or repeated write shows. A history that cannot
// be judged in time is reported as undecided, and is no success.
//
// # Power cuts
//
// The nodes are `redoubt chaos node`: `redoubt serve` on a Disk that keeps in the
// process's memory what was not synced. SIGKILL alone loses nothing that was written
// to a file, synced or not; here it takes what a power cut would take. So every
// kill of a run is one. Before every other kill the disks of a majority are slow:
// what was acknowledged before it was synced has 25 ms to get lost, not one.
//
// What it cannot do: bytes of an unsynced write are lost as a whole, never torn;
// names of files are not lost; clocks do not jump; nothing rots. The simulator,
// raft/sim, does all that, and replays it.
//
// # Canaries
//
// A judge that never convicts is worth nothing. With Config.Canary the nodes are
// weakened, by settings that the product has, and the run succeeds only if it finds
// the violation that follows from it.
package chaos
