package server

import (
	"io"
	"strings"
	"testing"
)

// BenchmarkPipeline measures a connection that sends 16 commands at a time; one
// operation is one command. The client allocates nothing.
func BenchmarkPipeline(b *testing.B) {
	for _, c := range []struct{ name, command, reply string }{
		{"PING", "*1\r\n$4\r\nPING\r\n", "+PONG\r\n"},
		{"GET", "*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n", "$5\r\nvalue\r\n"},
		{"SET", "*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nvalue\r\n", "+OK\r\n"},
	} {
		b.Run(c.name, func(b *testing.B) {
			const depth = 16
			w := dial(b, "tcp", start(b, nil).addr)
			w.do(b, "SET key value")
			send := strings.Repeat(c.command, depth)
			got := make([]byte, depth*len(c.reply))
			b.ReportAllocs()
			b.ResetTimer()
			for n := 0; n < b.N; n += depth {
				w.send(b, send)
				if _, err := io.ReadFull(w.r, got); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
