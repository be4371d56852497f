package bench

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Markdown is the report: what was measured where and how, medians, ratios,
// where redoubt loses, and every single run.
func (s *Suite) Markdown() string {
	var b strings.Builder
	s.writeCircumstances(&b)
	s.writeSystems(&b)
	s.writeMedians(&b)
	s.writeMemory(&b)
	s.writeRatios(&b)
	s.writeLosses(&b)
	s.writeRounds(&b)
	return b.String()
}

func (s *Suite) writeCircumstances(b *strings.Builder) {
	m := &s.Machine
	fmt.Fprintf(b, "Made %s.\n", s.Began.Format("2006-01-02"))
	if s.Note != "" {
		fmt.Fprintf(b, "**%s**\n", s.Note)
	}
	if inMemory(m.FileSystem) {
		fmt.Fprintf(b, "**The data lay on %s, in memory: fsync cost nothing, and no figure is one of durable writes.**\n", m.FileSystem)
	}
	b.WriteString("\n| | |\n|---|---|\n")
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(b, "| %s | %s |\n", name, value)
		}
	}
	row("Processor", fmt.Sprintf("%s, %d cores, shared by the servers and the load generator", m.CPU, m.Cores))
	row("Memory", m.Memory)
	row("System", strings.TrimSpace(m.OS+", kernel "+m.Kernel))
	row("Disk", fmt.Sprintf("%s; writing and syncing 256 bytes takes %s (median of 100)", m.FileSystem, us(m.SyncUs)))
	row("Load average before", m.Load)
	row("Versions", strings.Join(s.Versions, "<br>"))
}

func (s *Suite) writeSystems(b *strings.Builder) {
	b.WriteString("\n### Systems\n\nAll run at the same time, on loopback, on the same disk; only one is loaded at a time.\n\n| System | Promise | Started with |\n|---|---|---|\n")
	for _, sys := range s.Systems {
		commands := make([]string, len(sys.Commands))
		for i, c := range sys.Commands {
			commands[i] = "`" + c + "`"
		}
		text := strings.Join(commands, "<br>")
		if text == "" {
			text = "as above"
		}
		fmt.Fprintf(b, "| %s | %s | %s |\n", sys.Name, sys.Promise, text)
	}
	if len(s.Skipped) > 0 {
		fmt.Fprintf(b, "\nNot installed and not measured: %s.\n", strings.Join(s.Skipped, "; "))
	}
	fmt.Fprintf(b, "\n### Workloads\n\n%s keys, stored beforehand; each run measures %v.\n\n| Workload | The same by hand |\n|---|---|\n", number(suiteKeys), s.Each)
	for _, w := range s.Loads {
		fmt.Fprintf(b, "| %s | `%s` |\n", w.Name, w.Command)
	}
}

// writeMedians writes a table of throughput, one of latency, and bars.
func (s *Suite) writeMedians(b *strings.Builder) {
	fmt.Fprintf(b, "\n### Medians of %d rounds\n\nSuccessful requests per second:\n\n", s.rounds())
	s.writeTable(b, func(w WorkloadReport, sys SystemReport) string {
		return number(median(s, w.Name, sys.Name, throughput()))
	})
	b.WriteString("\nLatency, median and 99th percentile:\n\n")
	s.writeTable(b, func(w WorkloadReport, sys SystemReport) string {
		return us(median(s, w.Name, sys.Name, p50())) + " / " + us(median(s, w.Name, sys.Name, p99()))
	})
	b.WriteString("\n```\n")
	for i, name := range []string{set1, set16, get1, get16} {
		if i > 0 {
			b.WriteString("\n")
		}
		var bars []bar
		for _, sys := range s.Systems {
			v := median(s, name, sys.Name, throughput())
			bars = append(bars, bar{sys.Name, v, number(v) + "/s"})
		}
		fmt.Fprintf(b, "%s\n%s", name, barChart(bars))
	}
	b.WriteString("```\n")
}

func (s *Suite) writeTable(b *strings.Builder, cell func(WorkloadReport, SystemReport) string) {
	b.WriteString("| |")
	for _, sys := range s.Systems {
		fmt.Fprintf(b, " %s |", sys.Name)
	}
	b.WriteString("\n|---|" + strings.Repeat("---:|", len(s.Systems)) + "\n")
	for _, w := range s.Loads {
		fmt.Fprintf(b, "| %s |", w.Name)
		for _, sys := range s.Systems {
			fmt.Fprintf(b, " %s |", cell(w, sys))
		}
		b.WriteString("\n")
	}
}

func (s *Suite) writeMemory(b *strings.Builder) {
	fmt.Fprintf(b, "\n### Memory\n\nBytes for a key of 16 bytes with a value of %d, of a new process that holds %s of them:\n\n", memoryValueBytes, number(memoryKeys))
	b.WriteString("| System | `used_memory` of INFO: redoubt estimates its data; Redis counts what its allocator gave out | Resident: what the process takes |\n|---|---:|---:|\n")
	for _, m := range s.Memory {
		fmt.Fprintf(b, "| %s | %.0f | %.0f |\n", m.System, m.Own, m.Resident)
	}
}

func (s *Suite) writeRatios(b *strings.Builder) {
	b.WriteString("\n### Ratios\n\nOf the medians of all rounds, and of each system's best round, in which the rest of the\n" +
		"machine disturbed it least. The aim is for the medians.\n\n| Ratio | Medians | Best | Aim | Met |\n|---|---:|---:|---:|---|\n")
	for _, a := range aims() {
		bound := "at least"
		if a.atMost {
			bound = "at most"
		}
		ratio, ok := a.ratio(s, median)
		if !ok {
			fmt.Fprintf(b, "| %s | not measured | | %s %v | |\n", a.what, bound, a.value)
			continue
		}
		atBest, _ := a.ratio(s, best) // there is one where there is a median
		met := "no"
		if a.met(ratio) {
			met = "yes"
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s %v | %s |\n", a.what, ratioText(ratio), ratioText(atBest), bound, a.value, met)
	}
}

// writeLosses says where Redis is better, and what failed.
func (s *Suite) writeLosses(b *strings.Builder) {
	b.WriteString("\n### Where redoubt loses\n\n")
	rows, memory := s.lossRows(), s.memoryLoss()
	if rows != "" {
		b.WriteString("Median of redoubt to median of Redis where it is worse: throughput below 1, latency above 1.\n\n" +
			"| Workload | Of | To | Throughput | p50 | p99 |\n|---|---|---|---:|---:|---:|\n" + rows)
	}
	if rows != "" && memory != "" {
		b.WriteString("\n")
	}
	b.WriteString(memory)
	switch {
	case slices.Contains(s.Skipped, redisOne):
		b.WriteString("Redis was not measured.\n")
	case rows == "" && memory == "":
		b.WriteString("In none of these workloads.\n")
	}
	b.WriteString("\n| System | Requests that failed | Answered with -UNCERTAIN |\n|---|---:|---:|\n")
	for _, sys := range s.Systems {
		failed, uncertain := int64(0), int64(0)
		for _, r := range s.Runs {
			if r.System == sys.Name {
				failed, uncertain = failed+r.Failed, uncertain+r.Uncertain
			}
		}
		fmt.Fprintf(b, "| %s | %s | %s |\n", sys.Name, number(failed), number(uncertain))
	}
}

// lossRows has a row for each workload and pair in which a figure of redoubt is
// worse, as far as two digits show it.
func (s *Suite) lossRows() string {
	var b strings.Builder
	for _, pair := range [][2]string{{redoubtOne, redisOne}, {redoubtThree, redisOne}, {redoubtThree, redisThree}} {
		for _, w := range s.Loads {
			least := 0.995
			if w.Name == setHalf || w.Name == getHalf {
				least = 0.95 // it is given, but for how late the last reply is
			}
			row, lost := "", false
			for i, f := range []figure{throughput(), p50(), p99()} {
				ratio, ok := ratioOf(f, w.Name, pair[0], pair[1])(s, median)
				worse := ok && (i == 0 && ratio < least || i > 0 && ratio >= 1.005)
				lost = lost || worse
				if worse {
					row += " " + ratioText(ratio)
				}
				row += " |"
			}
			if lost {
				fmt.Fprintf(&b, "| %s | %s | %s |%s\n", w.Name, pair[0], pair[1], row)
			}
		}
	}
	return b.String()
}

// memoryLoss compares what the processes really take; "" when that is not more.
func (s *Suite) memoryLoss() string {
	ratio, ok := s.memoryRatio(func(m MemoryReport) float64 { return m.Resident })
	if !ok || ratio < 1.005 {
		return ""
	}
	return fmt.Sprintf("Memory: a small key takes %.2f times as much resident memory in %s as in %s.\n", ratio, redoubtOne, redisOne)
}

// ratioText has two digits; what nothing can be compared with has none.
func ratioText(ratio float64) string {
	switch {
	case math.IsNaN(ratio):
		return "–"
	case math.IsInf(ratio, 1):
		return "∞"
	}
	return fmt.Sprintf("%.2f", ratio)
}

// writeRounds writes every run, with a column for each round.
func (s *Suite) writeRounds(b *strings.Builder) {
	rounds := s.rounds()
	b.WriteString("\n### Every run\n\nRequests per second (p50 / p99 of the latency), round by round:\n\n| Workload | System |")
	for i := range rounds {
		fmt.Fprintf(b, " %d |", i+1)
	}
	b.WriteString("\n|---|---|" + strings.Repeat("---:|", rounds) + "\n")
	for _, w := range s.Loads {
		for _, sys := range s.Systems {
			fmt.Fprintf(b, "| %s | %s |", w.Name, sys.Name)
			for _, r := range s.Runs {
				if r.Workload == w.Name && r.System == sys.Name {
					fmt.Fprintf(b, " %s (%s / %s) |", number(r.PerSecond), us(p50().of(r)), us(p99().of(r)))
				}
			}
			b.WriteString("\n")
		}
	}
}

func (s *Suite) rounds() (n int) {
	for _, r := range s.Runs {
		n = max(n, r.Round)
	}
	return n
}

// Borders of the part of a page that ReplaceReport writes.
const (
	reportBegin = "<!-- generated: bench suite -->\n"
	reportEnd   = "<!-- end -->\n"
)

// ReplaceReport returns page with what lies between the two comments that mark
// the place of the report replaced by it.
func ReplaceReport(page, report string) (string, error) {
	head, rest, ok := strings.Cut(page, reportBegin)
	_, tail, ok2 := strings.Cut(rest, reportEnd)
	if !ok || !ok2 {
		return "", fmt.Errorf("no place for the report: the page needs the lines %q and %q", strings.TrimSpace(reportBegin), strings.TrimSpace(reportEnd))
	}
	return head + reportBegin + "\n" + report + "\n" + reportEnd + tail, nil
}
