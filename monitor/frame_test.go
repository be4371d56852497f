package monitor

import (
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"
)

var update = flag.Bool("update", false, "write the screens of testdata anew")

// scenes are histories as a watcher would have seen them.
func scenes() map[string]*History {
	scenes := map[string]*History{}
	play := func(name string, w *world, steps ...func()) {
		h := &History{}
		h.Add(w.snapshot())
		for _, step := range steps {
			step()
			h.Add(w.snapshot())
		}
		scenes[name] = h
	}
	busy := func(w *world) []func() {
		var steps []func()
		for i := range 90 {
			steps = append(steps, func() {
				w.second(uint64(4000 + 3000*math.Sin(float64(i)/9)))
				for _, n := range w.nodes {
					n.LatencyP99Us = int64(2000 + 1500*math.Cos(float64(i)/5))
					n.Last, n.Commit, n.Applied = n.Last+4000, n.Commit+4000, n.Applied+4000
				}
				w.node(3).Applied = w.node(3).Commit - 17
			})
		}
		return steps
	}
	w := three()
	play("healthy", w, busy(w)...)

	w = three()
	play("down", w, append(busy(w), func() { w.second(900); w.dies(1); w.leads(2, 8); w.dies(1) }, func() { w.second(1000) })...)

	w = three()
	play("election", w, append(busy(w), func() {
		w.second(0)
		w.leads(0, 8)
		w.dies(1)
		w.node(2).Role = "candidate"
	})...)

	w = three()
	play("gone", w, func() { w.second(700) }, func() { w.second(0); w.dies(1); w.dies(2); w.dies(3) }, func() { w.second(0) })

	w = three()
	w.nodes = append(w.nodes, newNode(4), newNode(5))
	for _, n := range w.nodes {
		n.Term, n.Commit, n.Applied, n.Last = 123456, 987654321012, 987654321012, 987654321012
		n.UptimeSeconds, n.DiskFreeBytes, n.CommandsTotal = 400*86400, 1<<50, math.MaxInt64
		n.MemoryUsedBytes, n.MemoryMaxBytes, n.Keys, n.ConnectedClients = 1023<<30, 2<<40, 1e9, 1e6
		n.LatencyP50Us, n.LatencyP99Us = 999_900, 6_553_600
	}
	w.node(5).Node, w.node(5).learner, w.node(5).Role = "a-very-long-node-name", true, "learner"
	w.node(4).err = errors.New("a very long error that no line of a terminal has room for " + strings.Repeat("and more ", 30))
	play("extremes", w, func() { w.second(1234567890) })

	h := &History{}
	for i := range 3 {
		h.Add(Snapshot{At: start.Add(time.Duration(i) * time.Second), Members: []Member{
			{Addr: "redoubt.example.com:6379", Role: RoleUnreachable, Error: "no such host"}}})
	}
	scenes["never"] = h
	return scenes
}

var sizes = []struct{ width, height int }{{80, 24}, {140, 40}}

// TestFrames compares whole screens with those of testdata.
func TestFrames(t *testing.T) {
	for name, h := range scenes() {
		for _, size := range sizes {
			t.Run(fmt.Sprintf("%s %dx%d", name, size.width, size.height), func(t *testing.T) {
				path := filepath.Join("testdata", fmt.Sprintf("%s-%dx%d.txt", name, size.width, size.height))
				got := ansi.Strip(h.Frame(Screen{
					Width: size.width, Height: size.height, At: h.Last.At.Add(400 * time.Millisecond), Interval: time.Second,
				})) + "\n"
				if *update {
					if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if got != string(want) {
					t.Errorf("the screen is\n%s\nwant\n%s", got, want)
				}
			})
		}
	}
}

// TestFramesFit: whatever there is to show and however large the terminal, a
// frame has its height, and no line is wider than the screen.
func TestFramesFit(t *testing.T) {
	for name, h := range scenes() {
		for _, width := range []int{1, 20, 40, 79, 80, 99, 100, 117, 118, 128, 138, 140, 160, 168, 250} {
			for _, height := range []int{1, 2, 5, 10, 24, 45, 100} {
				for _, help := range []bool{false, true} {
					frame := h.Frame(Screen{Width: width, Height: height, At: h.Last.At, Interval: time.Second, Paused: help, Help: help})
					lines := strings.Split(frame, "\n")
					if len(lines) != height {
						t.Errorf("%s at %dx%d: %d lines", name, width, height, len(lines))
					}
					for _, line := range lines {
						if w := lipgloss.Width(line); w > width {
							t.Errorf("%s at %dx%d: %d columns: %s", name, width, height, w, line)
						}
					}
				}
			}
		}
	}
}

// TestNothingMoves: the same cell stands at the same place whatever is in the
// others.
func TestNothingMoves(t *testing.T) {
	for _, size := range sizes {
		var at map[string]int
		for _, name := range []string{"healthy", "election", "down", "gone"} {
			lines := strings.Split(ansi.Strip(scenes()[name].Frame(Screen{Width: size.width, Height: size.height, At: start, Interval: time.Second})), "\n")
			places := map[string]int{}
			for _, word := range []string{"quorum", "leader ", "term ", "keys", "memory", "clients", "what happened", "q quit"} {
				for row, line := range lines {
					if column := strings.Index(line, word); column >= 0 {
						// Bytes before it may be dashes: count columns.
						places[word] = row*1000 + lipgloss.Width(line[:column])
						break
					}
				}
			}
			if at == nil {
				at = places
			}
			for word, place := range at {
				if places[word] != place {
					t.Errorf("%d columns, %s: %q is at %d, was at %d", size.width, name, word, places[word], place)
				}
			}
		}
	}
}

// TestColumnsLeaveNoGap: the columns that are always there fit 80 columns.
func TestColumnsLeaveNoGap(t *testing.T) {
	for width := 80; width <= 250; width++ {
		if got := lipgloss.Width(header(width)); got > width {
			t.Errorf("the header takes %d of %d columns", got, width)
		}
	}
}
