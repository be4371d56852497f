package resp

import (
	"fmt"
	"io"
	"testing"

	"github.com/tidwall/redcon"
)

// loop repeats data for ever, one pipeline a Read, as a socket delivers it.
type loop struct{ data []byte }

func (l loop) Read(p []byte) (int, error) { return copy(p, l.data), nil }

func pipelineOf(n, valueBytes int) []byte {
	var b []byte
	value := make([]byte, valueBytes)
	for i := range n {
		b = AppendCommand(b, "SET", fmt.Sprintf("key:%012d", i), string(value))
	}
	return b
}

// BenchmarkReader is what framing costs: guard and batches of this package, and
// for comparison redcon's Reader without any guard in front of it.
func BenchmarkReader(b *testing.B) {
	for _, pipeline := range []int{1, 16, 32} {
		data := pipelineOf(pipeline, 64)
		b.Run(fmt.Sprintf("redoubt/pipeline=%d", pipeline), func(b *testing.B) {
			b.ReportAllocs()
			r := NewReader(NewGuard(loop{data}, DefaultLimits()))
			for n := 0; n < b.N; {
				commands, err := r.ReadPipeline(1000, 1<<20)
				if err != nil {
					b.Fatal(err)
				}
				n += len(commands)
			}
		})
		b.Run(fmt.Sprintf("redcon/pipeline=%d", pipeline), func(b *testing.B) {
			b.ReportAllocs()
			r := redcon.NewReader(loop{data})
			for n := 0; n < b.N; {
				commands, err := r.ReadCommands()
				if err != nil {
					b.Fatal(err)
				}
				n += len(commands)
			}
		})
	}
}

// BenchmarkReaderBigValue reads values that outgrow the buffer.
func BenchmarkReaderBigValue(b *testing.B) {
	const size = 16 << 20
	data := pipelineOf(1, size)
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		r := NewReader(NewGuard(&trickle{data: data, step: 64 << 10}, DefaultLimits()))
		if _, err := r.ReadPipeline(1, 1); err != nil {
			b.Fatal(err)
		}
	}
}

// trickle delivers data in reads of at most step bytes, then io.EOF.
type trickle struct {
	data []byte
	step int
}

func (t *trickle) Read(p []byte) (int, error) {
	if len(t.data) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), t.step)], t.data)
	t.data = t.data[n:]
	return n, nil
}
