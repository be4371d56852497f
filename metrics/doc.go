// Package metrics holds every Prometheus series of redoubt in one place.
// Package web shows them.
//
// # Two kinds of series
//
// What happens is counted where it happens: [New] registers counters and
// histograms and returns them in one struct per area ([Server], [Raft],
// [Peers], [WAL], [Snapshot]). What is — roles, indexes, sizes — is read when
// it is scraped: [RegisterGauges] takes a function that fills a plain [Gauges]
// struct. A quantity that its owner counts anyway, such as expired keys, is
// read at scrape time too, so that nothing is counted twice.
//
// # Rules
//
//  1. The registry is always passed in. There is no default registry, no
//     package-level collector and no init function: two nodes in one process do
//     not meet.
//  2. Names begin with redoubt_, units are base units and stand in the name,
//     counters end in _total. Where redis_exporter has a series of the same
//     meaning, the rest of the name is the same as there.
//  3. No label takes its values from clients: no key, no address, no unknown
//     command name. The caller of [Server.Command] and [Server.Errors] answers
//     for that.
//  4. A label whose values are known beforehand has all its series from the
//     start, at 0; otherwise the first event could not be told from a new node.
//  5. Every histogram has classic buckets and, in the same series, a native
//     histogram for those who scrape it.
//
// [Catalogue] lists the series; docs/OPERATIONS.md is generated from it.
package metrics
