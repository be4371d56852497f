//go:build !race

package raft

const defaultStates = enoughStates
