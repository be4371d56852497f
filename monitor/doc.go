// Package monitor looks at a cluster from outside: it asks every member for its
// status, says in words what has changed, and draws it.
//
//	collect.go   asks the members over RESP (REDOUBT STATUS), all at once
//	snapshot.go  what they said at one time, put together: leader, quorum, lag
//	events.go    two snapshots → what happened in between
//	history.go   snapshots one after the other: rates, curves, since when
//	frame.go     a history → one screen of text; columns.go, chart.go, format.go
//	watch.go     the terminal program around it
//	table.go     a snapshot → the table of redoubt status
//
// Only collect.go and watch.go touch the world. The rest is pure: the same
// snapshots give the same events and the same screen.
//
// # Honesty
//
// A member is what it says of itself, not what others say. One that does not
// answer is unreachable, with the reason and since when; that another member is
// connected to it is shown beside it, for then the trouble lies between it and
// here. What is not known is a dash, never a zero.
package monitor
