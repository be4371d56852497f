// Package bench measures servers that speak RESP, redoubt or Redis: a load
// generator, and a report that puts several systems side by side.
//
// # What a run counts
//
// Run sends requests and counts what becomes of each one. Sent is the sum of
// OK, Uncertain and all Errors: a request is answered as expected, answered
// with -UNCERTAIN, or failed in one of the ways that Errors names, a reply
// that never came among them. Only the first are successes; only they count as
// throughput and have a latency. Throughput is over all the time that the run
// was to last, a silence at its end included. Nothing is ever sent twice.
//
// # Closed and open loop
//
// Without a rate each connection sends a batch of Pipeline requests and sends
// the next one when all are answered: the load adapts to the server, which is
// right for finding the highest throughput and wrong for latency, since a server
// that stops is not asked while it is stopped (coordinated omission).
//
// With a rate every request has a time at which it is due, fixed beforehand, and
// its latency counts from that time, whenever it could be sent. A connection has
// one batch in flight; what falls due meanwhile waits for it, the waiting counts,
// and up to Pipeline requests that wait are sent together. What could not be
// sent within Timeout of the end is reported as Unsent.
//
// Options.Compat sends the same requests through go-redis, which never retries.
//
// # Side by side
//
// RunSuite starts redoubt and Redis as processes of their own and gives them the
// same workloads in turn; Suite.Markdown writes the report.
//
// Goroutines: one for each connection while Run runs, and one for each process
// that the suite has started. None outlives its call.
package bench
