package bench

import "fmt"

// aim is a ratio that redoubt means to reach.
type aim struct {
	what   string
	value  float64
	atMost bool                                       // less is better
	ratio  func(s *Suite, of summary) (float64, bool) // false: not measured
}

// met compares what is printed, two digits, with the aim.
func (a *aim) met(ratio float64) bool {
	if a.atMost {
		return ratio < a.value+0.005
	}
	return ratio > a.value-0.005
}

// aims are in the order of the report. A replicated system pays for the same
// promise with a round trip and, on one machine, with three times the work: a
// ratio says what of a single Redis is left.
func aims() []aim {
	var out []aim
	for _, pair := range []struct {
		of, to string
		values [4]float64
	}{
		{redoubtThree, redisOne, [4]float64{0.8, 0.8, 1, 0.9}},
		{redoubtThree, redisThree, [4]float64{1, 1, 0.95, 0.75}},
		{redoubtOne, redisOne, [4]float64{0.9, 0.9, 0.9, 0.9}},
	} {
		for i, w := range []string{set1, set16, get1, get16} {
			out = append(out, aim{
				what: fmt.Sprintf("%s: throughput of %s to %s", w, pair.of, pair.to), value: pair.values[i],
				ratio: ratioOf(throughput(), w, pair.of, pair.to),
			})
		}
	}
	out = append(out, aim{
		what: fmt.Sprintf("%s: median latency of %s to %s", setAlone, redoubtThree, redisOne), value: 1.6, atMost: true,
		ratio: ratioOf(p50(), setAlone, redoubtThree, redisOne),
	})
	for _, w := range []string{setHalf, getHalf} {
		out = append(out, aim{
			what: fmt.Sprintf("%s: p99 to p50 of %s", w, redoubtThree), value: 3, atMost: true,
			ratio: func(s *Suite, of summary) (float64, bool) {
				return of(s, w, redoubtThree, tail()), s.measured(w, redoubtThree)
			},
		})
	}
	return append(out, memoryAims()...)
}

// memoryAims are two: what the servers say counts different things, and what the
// processes take is also their garbage.
func memoryAims() []aim {
	ratio := func(of func(MemoryReport) float64) func(*Suite, summary) (float64, bool) {
		return func(s *Suite, _ summary) (float64, bool) {
			return s.memoryRatio(of)
		}
	}
	return []aim{{
		what:  fmt.Sprintf("memory for a small key, as %s estimates its data, to what the allocator of %s gave out", redoubtOne, redisOne),
		value: 1.3, atMost: true, ratio: ratio(func(m MemoryReport) float64 { return m.Own }),
	}, {
		what:  fmt.Sprintf("resident memory for a small key, of %s to %s", redoubtOne, redisOne),
		value: 1.3, atMost: true, ratio: ratio(func(m MemoryReport) float64 { return m.Resident }),
	}}
}

// ratioOf compares a figure of two systems. It is 0 or infinite when one of them
// answered nothing, and not a number when neither did.
func ratioOf(f figure, workload, ours, theirs string) func(s *Suite, of summary) (float64, bool) {
	return func(s *Suite, of summary) (float64, bool) {
		if !s.measured(workload, ours) || !s.measured(workload, theirs) {
			return 0, false
		}
		return of(s, workload, ours, f) / of(s, workload, theirs, f), true
	}
}
