// Package resp speaks the Redis protocol: it encodes replies (append.go), frames
// requests from untrusted sockets (guard.go, inline.go, reader.go), holds the
// texts of all error replies (errors.go), and has a small blocking client
// (client.go, value.go).
//
// # Requests
//
//	request = array | inline
//	array   = "*" number CRLF { "$" number CRLF bytes CRLF }
//	inline  = words separated by blanks, up to LF or CRLF; see splitWords
//	number  = ["-"] digits, no leading zero, no sign "+"
//
// An array of no or of a negative number of arguments and a line without words
// are dropped without a reply, as in Redis. Redis's answers to malformed requests
// are kept to the letter, with these differences:
//
//  1. Redis skips the two bytes behind a bulk string, and the one behind a
//     line's CR, unseen. Here they must be CRLF and LF.
//  2. What can only become an error is one as soon as it is seen: an argument
//     that does not begin with '$', a NUL in an inline command.
//  3. An array may have 1,048,576 arguments, not 2,147,483,647. The limit holds
//     for inline commands, too, and a query buffer that is full is answered.
//  4. TLS, HTTP, SMTP and the proxy protocol are recognised by their first line
//     and end the connection without a reply; in Redis, POST and Host: do.
//
// # Limits
//
//	                     before AUTH      after
//	arguments            10               1,048,576
//	bytes per argument   16,384           proto-max-bulk-len, 512 MiB
//	bytes per line       65,536           65,536
//	bytes per command    65,536           client-query-buffer-limit, 1 GiB
//
// A length is checked against its limit when it is read, and nothing is
// allocated for it: the query buffer grows with the bytes that arrive, to at
// most three times as many. Every byte is looked at once, or twice when its
// command was cut by the end of a batch. There is no recursion.
//
// # Who owns what
//
//  1. ReadPipeline's slices are the caller's. All arguments of one call lie in
//     one block of memory: clone what is kept when the rest is not.
//  2. Append functions own nothing: dst goes in and comes out.
//  3. Guard and Reader belong to the goroutine that reads the connection. They
//     neither write to it nor close it nor set deadlines.
//
// # Why redcon encodes but does not read
//
// The guard must find every border between commands and arguments before it can
// let any byte pass. Handing the bytes on to redcon's Reader to be parsed again
// gains nothing: the batch can be cut from the guard's own buffer, in three
// allocations per pipeline instead of several per command. BenchmarkReader has
// both; the guard with its checks takes about half the time of redcon's
// Reader without a guard. redcon's Reader also doubles its buffer for ever,
// parses an incomplete command again with every read, recurses once per read
// and trusts lengths; a guard could hide all that only by handing out whole
// commands, which is what it does now.
package resp
