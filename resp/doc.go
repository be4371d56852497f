// Package resp speaks the Redis protocol: it encodes replies, frames requests
// from untrusted sockets, holds the texts of all error replies, and has a small
// client.
package resp
