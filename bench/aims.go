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
				ratio: throughputRatio(w, pair.of, pair.to),
			})
		}
	}
	out = append(out, aim{
		what: fmt.Sprintf("%s: median latency of %s to %s", setAlone, redoubtThree, redisOne), value: 1.6, atMost: true,
		ratio: func(s *Suite, of summary) (float64, bool) {
			return quotient(of(s, setAlone, redoubtThree, p50()), of(s, setAlone, redisOne, p50()))
		},
	})
	for _, w := range []string{setHalf, getHalf} {
		out = append(out, aim{
			what: fmt.Sprintf("%s: p99 to p50 of %s", w, redoubtThree), value: 3, atMost: true,
			ratio: func(s *Suite, of summary) (float64, bool) {
				ratio := of(s, w, redoubtThree, tail())
				return ratio, ratio != 0
			},
		})
	}
	return append(out, aim{
		what: fmt.Sprintf("memory for a small key, by their own count, of %s to %s", redoubtOne, redisOne), value: 1.3, atMost: true,
		ratio: func(s *Suite, of summary) (float64, bool) {
			return quotient(s.ownMemory(redoubtOne), s.ownMemory(redisOne))
		},
	})
}

func throughputRatio(workload, ours, theirs string) func(s *Suite, of summary) (float64, bool) {
	return func(s *Suite, of summary) (float64, bool) {
		return quotient(of(s, workload, ours, throughput()), of(s, workload, theirs, throughput()))
	}
}

// quotient is false when one of the two was not measured.
func quotient(over, under float64) (float64, bool) {
	if over == 0 || under == 0 {
		return 0, false
	}
	return over / under, true
}

// ownMemory is 0 when it was not measured.
func (s *Suite) ownMemory(system string) float64 {
	for _, m := range s.Memory {
		if m.System == system {
			return m.Own
		}
	}
	return 0
}
