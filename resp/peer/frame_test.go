package peer

import (
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
)

func TestFrames(t *testing.T) {
	tests := []struct {
		name, in string
		want     error
	}{
		{"one command", "*2\r\n$8\r\nRAFT.MSG\r\n$3\r\nabc\r\n", nil},
		{"empty argument", "*2\r\n$8\r\nRAFT.MSG\r\n$0\r\n\r\n", nil},
		{"end between commands", "", io.EOF},
		{"end in the head", "*2\r", io.ErrUnexpectedEOF},
		{"end behind the name", "*2\r\n$8\r\nRAFT.MSG\r\n", io.ErrUnexpectedEOF},
		{"end in the argument", "*2\r\n$8\r\nRAFT.MSG\r\n$3\r\nab", io.ErrUnexpectedEOF},
		{"end before the last CR LF", "*2\r\n$8\r\nRAFT.MSG\r\n$3\r\nabc", io.ErrUnexpectedEOF},
		{"inline command", "PING\r\n", errProtocol},
		{"HTTP", "POST / HTTP/1.1\r\n\r\n", errProtocol},
		{"TLS", "\x16\x03\x01\x02\x00\x01", errProtocol},
		{"other command", "*1\r\n$4\r\nPING\r\n", errProtocol},
		{"too few arguments", "*1\r\n$8\r\nRAFT.MSG\r\n", errProtocol},
		{"too many arguments", "*65\r\n$8\r\nRAFT.MSG\r\n", errProtocol},
		{"null array", "*-1\r\n", errProtocol},
		{"signed number", "*+2\r\n", errProtocol},
		{"leading zero", "*02\r\n", errProtocol},
		{"empty number", "*\r\n", errProtocol},
		{"overflow", "*2\r\n$8\r\nRAFT.MSG\r\n$9223372036854775808\r\n", errProtocol},
		{"over the limit", "*2\r\n$8\r\nRAFT.MSG\r\n$101\r\n", errProtocol},
		{"bare LF", "*2\n", errProtocol},
		{"argument longer than said", "*2\r\n$8\r\nRAFT.MSG\r\n$2\r\nabc\r\n", errProtocol},
		{"endless line", "*" + strings.Repeat("1", 5000), errProtocol},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := newFrameReader(strings.NewReader(tt.in), 4096).command("RAFT.MSG", 1, 100)
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

func TestBulkLargerThanTheFirstAllocation(t *testing.T) {
	want := strings.Repeat("0123456789abcdef", eagerBytes/8)
	got, err := newFrameReader(strings.NewReader("$8388608\r\n"+want+"\r\n"), 4096).bulk(8 << 20)
	if err != nil || string(got) != want {
		t.Errorf("got %d bytes, %v", len(got), err)
	}
}

func TestALengthAloneDoesNotAllocate(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := newFrameReader(strings.NewReader("$1000000000\r\nabc"), 4096).bulk(1 << 30)
	runtime.ReadMemStats(&after)
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > eagerBytes+1<<20 {
		t.Errorf("allocated %d bytes for 3", n)
	}
}
