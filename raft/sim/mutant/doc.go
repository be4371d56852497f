// Package mutant is the test of the tests: a list of mistakes that could be in
// redoubt, each of which the simulator has to find, or one of the scenario tests
// if no run of the simulator can.
//
// A mutant is a few lines of the source replaced by others. testdata has them by
// area, in the form of patches without line numbers:
//
//	M21 a leader counts itself before its entries are durable
//	oracles: durable commits
//	--- raft/leader.go
//	-			return c.log.durable
//	+			return c.log.last()
//
// The lines that are marked "-" or " " must stand in the file exactly once, so
// that the list cannot fall behind the code: a test checks that. Besides the
// hunks an entry can have
//
//	oracles: the oracles of the simulator that may find it, or "tests"
//	only:    the oracle without which nothing in the simulator finds it
//	why:     why the simulator cannot find it, if it is left to the tests
//	absent:  the feature that it is about, if redoubt does not have it
//
// "make mutants" builds redoubt with each mutant in turn (go build -overlay; the
// source is not touched), runs seeds until an oracle objects, and where none does
// runs the tests of the package. It writes the tables of docs/MUTANTS.md.
//
// Numbers up to 64 are those of a list made for Raft systems in general; later
// ones are about rules of redoubt's own. A number is never used again.
package mutant
