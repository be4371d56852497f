// Package web is the HTTP port of a node: metrics, health, status, events, a REST
// door to the keys, and the console.
//
// # What is behind a path
//
//	/                   the console: console/, embedded, no build step
//	/v1/keys/{key}      keys.go: GET, HEAD, PUT, DELETE
//	/v1/cluster         cluster.go: every member as far as this node knows
//	/v1/actions/…       actions.go: transfer, snapshot
//	/events             stream.go: what happens, as Server-Sent Events
//	/status /livez /healthz /readyz /metrics /debug/pprof/   health.go
//
// docs/HTTP.md describes them for users; every error of the API is a problem
// (problem.go).
//
// # Rules
//
//  1. Nothing here waits for a reader. The hub gives each stream a bounded queue
//     and drops the stream whose queue is full.
//  2. A request holds a bounded amount of memory and time before it has shown
//     that it may ask: the guard (guard.go) comes before the body is read, and
//     wrong passwords are answered slowly (brake.go).
//  3. Keys and actions are behind the guard. Everything else shows figures of the
//     node, never a key, a value or the address of a client.
//  4. An outcome is told as it is. 504, and 502 of an action, say that it is
//     unknown; every other error says that nothing was changed.
//  5. A page of another origin can neither read nor change anything, with or
//     without a password.
//
// # Who owns what
//
// Run is one goroutine: it samples the node, makes events of what has changed
// (watch.go), asks the other members while somebody is looking (cluster.go) and
// hands messages to the hub. The hub (hub.go) has a lock, held for as long as
// it takes to put messages into queues.
package web
