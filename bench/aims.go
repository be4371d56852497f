package bench

import "fmt"

// aim is a ratio of two medians that redoubt means to reach.
type aim struct {
	workload string
	figure   func(SuiteRun) float64
	name     string // of the figure
	of, to   string // systems; with both the same, the ratio is that of two figures
	toFigure func(SuiteRun) float64
	value    float64
	atMost   bool // a ratio of latencies: less is better
}

// aims are the ratios in the order of the report. The same promise costs a
// replicated system a round trip and, on one machine, three times the work; a
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
			out = append(out, aim{workload: w, figure: throughput, name: "throughput", of: pair.of, to: pair.to, toFigure: throughput, value: pair.values[i]})
		}
	}
	return append(out,
		aim{workload: setAlone, figure: p50, name: "median latency", of: redoubtThree, to: redisOne, toFigure: p50, value: 1.6, atMost: true},
		aim{workload: setHalf, figure: p99, name: "p99 to p50", of: redoubtThree, to: redoubtThree, toFigure: p50, value: 3, atMost: true},
		aim{workload: getHalf, figure: p99, name: "p99 to p50", of: redoubtThree, to: redoubtThree, toFigure: p50, value: 3, atMost: true},
	)
}

// ratio is the measured one; false when one of the two was not measured.
func (a *aim) ratio(s *Suite) (float64, bool) {
	over, under := s.median(a.workload, a.of, a.figure), s.median(a.workload, a.to, a.toFigure)
	if over == 0 || under == 0 {
		return 0, false
	}
	return over / under, true
}

// met compares what is printed, two digits, with the aim.
func (a *aim) met(ratio float64) bool {
	if a.atMost {
		return ratio < a.value+0.005
	}
	return ratio > a.value-0.005
}

// what names the ratio for the report.
func (a *aim) what() string {
	if a.of == a.to {
		return fmt.Sprintf("%s, %s of %s", a.workload, a.name, a.of)
	}
	return fmt.Sprintf("%s, %s of %s to %s", a.workload, a.name, a.of, a.to)
}
