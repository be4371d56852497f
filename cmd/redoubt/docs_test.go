package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"redoubt/metrics"
)

// TestGeneratedTables compares the tables of docs/ that are made from code with
// the code; "make docs" writes them.
func TestGeneratedTables(t *testing.T) {
	const page = "../../docs/OPERATIONS.md"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	want := string(text)
	for name, table := range map[string]string{"settings": settingsTable(), "metrics": metricsTable()} {
		begin, end := "<!-- generated: "+name+" -->\n", "<!-- end -->\n"
		head, rest, ok := strings.Cut(want, begin)
		_, tail, ok2 := strings.Cut(rest, end)
		if !ok || !ok2 {
			t.Fatalf("%s has no place for the table of %s", page, name)
		}
		want = head + begin + table + "\n" + end + tail
	}
	if want == string(text) {
		return
	}
	if !*update {
		t.Fatalf("%s differs from the code: run make docs", page)
	}
	if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

var update = flag.Bool("update", false, "write the generated tables of docs/")

func metricsTable() string {
	var b strings.Builder
	b.WriteString("\n| Series | Type | Labels | Meaning |\n|---|---|---|---|\n")
	for _, s := range metrics.Catalogue() {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", s.Name, s.Type, strings.Join(s.Labels, ", "), s.Help)
	}
	return b.String()
}
