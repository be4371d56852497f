package demo

import (
	"slices"
	"testing"
	"time"

	"redoubt/resp"
)

func TestJudge(t *testing.T) {
	for _, tt := range []struct {
		reply string
		want  outcome
	}{
		{"", acknowledged},
		{resp.ErrClusterDown, refused},
		{"TRYAGAIN the leader changes", refused},
		{"UNCERTAIN leadership was lost", unknown},
		{"ERR something that nobody expects", unknown},
	} {
		v := resp.Value{Type: '-', Str: tt.reply}
		if tt.reply == "" {
			v = resp.Value{Type: '+', Str: "OK"}
		}
		if got := judge(v); got != tt.want {
			t.Errorf("%q is %d, want %d", tt.reply, got, tt.want)
		}
	}
}

// TestGapAndCurve: acknowledged writes at these milliseconds.
func TestGapAndCurve(t *testing.T) {
	l, w := &Load{lastAck: noon}, &writer{name: "n1", node: "n1", steady: true}
	for _, ms := range []int{10, 20, 30, 120, 480, 490, 1500} {
		l.note(w, acknowledged, noon.Add(time.Duration(ms)*time.Millisecond))
	}
	l.note(w, refused, noon.Add(1600*time.Millisecond))
	l.note(w, notSent, noon.Add(1700*time.Millisecond))
	l.note(&writer{name: "bulk"}, acknowledged, noon.Add(1800*time.Millisecond))
	if want := 1010 * time.Millisecond; l.longest != want {
		t.Errorf("longest gap %v, want %v", l.longest, want)
	}
	want := []float64{3, 1, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0}
	if got := l.curve(noon.Add(1850 * time.Millisecond)); !slices.Equal(got, want) {
		t.Errorf("curve %v, want %v", got, want)
	}
	if got := []int{l.counts[acknowledged], l.counts[refused], len(w.ledger), len(w.recent)}; !slices.Equal(got, []int{8, 1, 8, 1}) {
		t.Errorf("acknowledged, refused, in the ledger, in the last second: %v", got)
	}
	l.note(w, acknowledged, noon.Add(time.Hour))
	if got := len(l.curve(noon.Add(time.Hour + time.Second))); got > maxBuckets {
		t.Errorf("a curve of %d points", got)
	}
}

// Two clients are entered in another order than they were answered, on the two
// sides of a border between buckets, or the clock steps back.
func TestAcknowledgedBeforeTheFirst(t *testing.T) {
	l, w := &Load{lastAck: noon}, &writer{name: "n1", node: "n1", steady: true}
	l.note(w, acknowledged, noon.Add(100*time.Millisecond))
	l.note(w, acknowledged, noon.Add(99*time.Millisecond))
	l.note(w, acknowledged, noon.Add(-time.Hour))
	if got := l.curve(noon.Add(250 * time.Millisecond)); !slices.Equal(got, []float64{3}) {
		t.Errorf("curve %v, want all three in the first bucket", got)
	}
}

func TestBars(t *testing.T) {
	got := bars([]float64{9, 0, 1, 4, 8}, 8, 6, 2)
	want := []string{
		" █   █",
		" █·▂██",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
