package devcluster

import (
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// Only whole lines are read, each once, and what is no record is left out.
func TestFollowReadsWholeLinesOnce(t *testing.T) {
	n := &Node{ID: "n1", LogFile: filepath.Join(t.TempDir(), "n1.log")}
	var got []string
	note := func(r Record) { got = append(got, r.Node+" "+r.Level.String()+" "+r.Event+" "+r.String()) }
	write := func(text string) {
		t.Helper()
		f, err := os.OpenFile(n.LogFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
	}
	offset := follow(n, 0, note)
	write("redoubt, node n1\n" + `{"time":"2026-01-02T03:04:05Z","level":"WARN","msg":"torn tail","node":"n1","event":"repair","file":"f","bytes":17}` + "\n" + `{"time":`)
	offset = follow(n, offset, note)
	write(`"2026-01-02T03:04:06Z","level":"INFO","msg":"leader","event":"leader","leader":"n1","term":7}` + "\n")
	offset = follow(n, offset, note)
	follow(n, offset, note)
	want := []string{"n1 " + slog.LevelWarn.String() + " repair torn tail bytes=17 file=f", "n1 INFO leader leader leader=n1 term=7"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
