package bench

import (
	"bufio"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"redoubt/resp"
)

// stallingServer answers PING, but the stallAt-th request of all and what
// comes after it wait until the time of the stall, or the test, is over.
func stallingServer(t *testing.T, stallAt int64, stall time.Duration) (addr string) {
	var requests atomic.Int64
	over := make(chan struct{})
	return fakeServer(t, func(conn net.Conn) {
		r := bufio.NewReader(conn)
		for {
			if _, err := resp.ReadValue(r); err != nil {
				return
			}
			n := requests.Add(1)
			if n == stallAt {
				time.AfterFunc(stall, func() { close(over) })
			}
			if n >= stallAt {
				select {
				case <-over:
				case <-t.Context().Done():
					return
				}
			}
			if _, err := conn.Write([]byte("+PONG\r\n")); err != nil {
				return
			}
		}
	})
}

// above counts the latencies over a bound, from the distribution.
func above(r *Result, us float64) int64 {
	for i := len(r.Distribution) - 1; i >= 0; i-- {
		if r.Distribution[i].Us <= us {
			return r.Latency.Count - r.Distribution[i].Count
		}
	}
	return r.Latency.Count
}

// A server that stands still for 400 ms is late with all that was due
// meanwhile, not only with the one request of each connection that it holds:
// those due in the first 300 ms of it wait for 100 ms at least.
func TestStallIsInThePercentiles(t *testing.T) {
	for _, pipeline := range []int{1, 8} {
		o := brief(stallingServer(t, 200, 400*time.Millisecond))
		o.Commands, o.Rate, o.Duration, o.Connections, o.Pipeline = mix(t, "ping"), 1000, 2*time.Second, 4, pipeline
		r, err := Run(t.Context(), o, nil)
		if err != nil {
			t.Fatal(err)
		}
		checkSum(t, r)
		if r.OK != 2000 {
			t.Errorf("pipeline %d: %d of 2000 succeeded: %v, unsent %d", pipeline, r.OK, r.Errors, r.Unsent)
		}
		// 300 less the few that the server's own order may put before the stall.
		if late := above(r, 100_000); late < 290 {
			t.Errorf("pipeline %d: %d requests took more than 100 ms, want 290 at least", pipeline, late)
		}
		if r.Latency.P90 < 100_000 || r.Latency.Max < 390_000 {
			t.Errorf("pipeline %d: p90 %s, max %s", pipeline, us(r.Latency.P90), us(r.Latency.Max))
		}
	}
}

// A run lasts as long as it was to last: a rate so low that the last request is
// due long before the end is not higher for that.
func TestLowRate(t *testing.T) {
	o := brief(stallingServer(t, 1000, 0))
	o.Commands, o.Rate, o.Duration = mix(t, "ping"), 10, 250*time.Millisecond
	r, err := Run(t.Context(), o, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.OK != 2 || r.Seconds != 0.25 || r.OKPerSecond != 8 {
		t.Errorf("%d requests in %.3f s are %.2f per second, want 2 in 0.25 s", r.OK, r.Seconds, r.OKPerSecond)
	}
}

// Requests that are counted end with the last outcome, be it an error.
func TestLastOutcomeEndsARunOfRequests(t *testing.T) {
	o := brief(stallingServer(t, 10, time.Hour))
	o.Commands, o.Connections, o.Requests, o.Timeout = mix(t, "ping"), 1, 10, 200*time.Millisecond
	r, err := Run(t.Context(), o, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.OK != 9 || r.Seconds < 0.2 || r.OKPerSecond > 9/0.2 {
		t.Errorf("%d succeeded in %.3f s, %.1f per second: the timeout is not in it", r.OK, r.Seconds, r.OKPerSecond)
	}
}

// What was due and could not be sent before the patience ended is reported.
func TestServerThatNeverAnswersAgain(t *testing.T) {
	o := brief(stallingServer(t, 100, time.Hour))
	o.Commands, o.Rate, o.Duration, o.Timeout = mix(t, "ping"), 1000, 500*time.Millisecond, 200*time.Millisecond
	r, err := Run(t.Context(), o, nil)
	if err != nil {
		t.Fatal(err)
	}
	checkSum(t, r)
	if r.Sent+r.Unsent != 500 || r.Errors["no reply: timeout"] == 0 || r.OK > 99 {
		t.Errorf("sent %d, unsent %d, want 500 together; %d succeeded, %v", r.Sent, r.Unsent, r.OK, r.Errors)
	}
	// The outage lasts to the end of the run and belongs to it.
	if r.Seconds < 0.5 || r.OKPerSecond > 99/0.5 {
		t.Errorf("%.0f requests per second in %.3f s, want 198 at most in 0.5 s at least", r.OKPerSecond, r.Seconds)
	}
}
