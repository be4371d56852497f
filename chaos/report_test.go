package chaos

import (
	"testing"
	"time"
)

const ms = int64(time.Millisecond)

func TestAvailability(t *testing.T) {
	var a Availability
	a.add(1000*ms, 1550*ms, []ack{
		{990 * ms, 999 * ms}, // before it began
		{1000 * ms, 1001 * ms}, {1001 * ms, 1099 * ms},
		{1100 * ms, 1350 * ms},
		{1500 * ms, 1520 * ms}, // in the piece of a slice at the end
	})
	if a.Slices != 5 || a.Available != 2 || a.Share != 0.4 {
		t.Errorf("%+v", a)
	}
}

// An answer that was on its way when the leader died is no sign of life.
func TestFailover(t *testing.T) {
	acks := []ack{{90 * ms, 101 * ms}, {99 * ms, 400 * ms}, {150 * ms, 310 * ms}, {100 * ms, 300 * ms}}
	if d, ok := failover(100*ms, acks); !ok || d != 200*time.Millisecond {
		t.Errorf("%v, %v", d, ok)
	}
	if _, ok := failover(200*ms, acks); ok {
		t.Error("no write was sent after 200 ms")
	}
}

func TestTimes(t *testing.T) {
	var d Times
	for i := range 200 {
		d.add(time.Duration(200-i) * time.Millisecond)
	}
	if d.Count != 200 || d.Median != 101 || d.P99 != 199 || d.Worst != 200 {
		t.Errorf("%+v", d)
	}
}

func TestVerdictOfACanary(t *testing.T) {
	lost := []Violation{{1, LostWrite, ""}}
	for _, c := range []struct {
		report Report
		want   bool
	}{
		{Report{Verdict: Innocent}, true},
		{Report{Verdict: Guilty, Violations: lost}, false},
		{Report{Verdict: Undecided}, false},
		{Report{Verdict: Interrupted}, false},
		{Report{Canary: CanaryNoFsync, Verdict: Innocent}, false},
		{Report{Canary: CanaryNoFsync, Verdict: Guilty, Violations: lost}, true},
		{Report{Canary: CanaryStaleReads, Verdict: Guilty, Violations: lost}, false},
		{Report{Canary: CanaryStaleReads, Verdict: Guilty, Violations: []Violation{{1, NotLinearizable, ""}}}, true},
	} {
		if got := c.report.AsExpected(); got != c.want {
			t.Errorf("%+v: %v", c.report, got)
		}
	}
}
