// Package wal keeps what a node must not forget: its hard state, its log and its
// snapshots, in one data directory.
package wal
