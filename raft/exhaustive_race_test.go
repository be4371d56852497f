//go:build race

package raft

// The race detector makes a search ten times slower, and in one goroutine it has
// nothing to find.
const defaultStates = enoughStates / 10
