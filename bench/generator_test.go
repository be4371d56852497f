package bench

import (
	"bytes"
	"math"
	"testing"

	"pgregory.net/rapid"

	"redoubt/resp"
)

// wire is what the first batches of a connection look like on the wire.
func wire(o Options, connection int) []byte {
	g := newGenerator(&o, connection, randomBytes(&o))
	var out []byte
	batch := make([]request, 8)
	for range 10 {
		g.draw(batch)
		for _, q := range batch {
			out = resp.AppendCommand(out, q.args...)
		}
	}
	return out
}

func TestSeedFixesTheRequests(t *testing.T) {
	o := DefaultOptions()
	o.ValueBytes = Range{1, 100}
	again, other, connection := o, o, wire(o, 2)
	other.Seed = 2
	if !bytes.Equal(wire(o, 1), wire(again, 1)) {
		t.Error("the same seed gives other requests")
	}
	if bytes.Equal(wire(o, 1), wire(other, 1)) || bytes.Equal(wire(o, 1), connection) {
		t.Error("another seed or connection gives the same requests")
	}
}

func TestKeysHave16Bytes(t *testing.T) {
	o := DefaultOptions()
	g := newGenerator(&o, 0, randomBytes(&o))
	for _, prefix := range []string{stringKey, counterKey, hashKey, memberName} {
		if key := g.named(prefix, 1234567890); len(key) != 16 || string(key) != prefix+"1234567890" {
			t.Errorf("%q", key)
		}
	}
}

func TestSizesAndWeights(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := DefaultOptions()
		o.Seed = rapid.Uint64().Draw(t, "seed")
		o.ValueBytes.Min = rapid.IntRange(0, 200).Draw(t, "min")
		o.ValueBytes.Max = o.ValueBytes.Min + rapid.IntRange(0, 200).Draw(t, "more")
		o.Commands = Mix{{"set", rapid.IntRange(1, 9).Draw(t, "weight")}, {"get", 1}}
		g := newGenerator(&o, 0, randomBytes(&o))
		const n = 4000
		batch := make([]request, n)
		g.draw(batch)
		sets := 0
		for _, q := range batch {
			if q.command != 0 {
				continue
			}
			sets++
			if size := len(q.args[2]); size < o.ValueBytes.Min || size > o.ValueBytes.Max {
				t.Fatalf("a value of %d bytes, want %v", size, o.ValueBytes)
			}
		}
		w := float64(o.Commands[0].Weight)
		want := n * w / (w + 1)
		if spread := 6 * math.Sqrt(n*w/(w+1)/(w+1)); math.Abs(float64(sets)-want) > spread {
			t.Fatalf("%d of %d are SET, want %.0f ± %.0f", sets, n, want, spread)
		}
	})
}

// The k-th key comes in proportion to 1/k^s: checked for the first, which is
// the most frequent, and for all that are not among the ten first.
func TestZipf(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := DefaultOptions()
		o.Seed = rapid.Uint64().Draw(t, "seed")
		o.Keys = rapid.IntRange(20, 5000).Draw(t, "keys")
		o.Zipf = rapid.Float64Range(1.01, 3).Draw(t, "exponent")
		g := newGenerator(&o, 0, nil)
		const n = 20000
		counts := make([]float64, o.Keys)
		for range n {
			counts[g.next()]++ // panics beyond the last key
		}
		sum, tail := 0.0, 0.0
		for k := range o.Keys {
			weight := math.Pow(float64(k+1), -o.Zipf)
			sum += weight
			if k >= 10 {
				tail += weight
			}
		}
		seenTail := 0.0
		for _, c := range counts[10:] {
			seenTail += c
		}
		for _, tt := range []struct {
			name      string
			share, of float64
		}{{"the first key", 1 / sum, counts[0]}, {"those after ten", tail / sum, seenTail}} {
			if spread := 6*math.Sqrt(n*tt.share*(1-tt.share)) + 1; math.Abs(tt.of-n*tt.share) > spread {
				t.Fatalf("%s: %.0f of %d, want %.0f ± %.0f", tt.name, tt.of, n, n*tt.share, spread)
			}
		}
	})
}

func TestUniformKeys(t *testing.T) {
	o := DefaultOptions()
	o.Keys = 10
	g := newGenerator(&o, 0, nil)
	counts := make([]int, o.Keys)
	for range 100_000 {
		counts[g.next()]++
	}
	for k, c := range counts {
		if c < 9_400 || c > 10_600 {
			t.Errorf("key %d came %d times of 100000", k, c)
		}
	}
}
