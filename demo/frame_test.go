package demo

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

	"redoubt/devcluster"
	"redoubt/monitor"
	"redoubt/resp/server"
)

var update = flag.Bool("update", false, "write the screens of testdata anew")

var noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// cast is a cluster as tests write it down, led by n1.
func cast(nodes int) Look {
	var l Look
	l.PerSecond = map[string]float64{}
	for i := 1; i <= nodes; i++ {
		id := fmt.Sprint("n", i)
		l.Nodes = append(l.Nodes, NodeLook{id, fmt.Sprintf("127.0.0.1:%d", 20000+i), Up})
		l.Members = append(l.Members, monitor.Member{ID: id, Role: "follower", Figures: &monitor.Figures{
			StatusPage: &server.StatusPage{Term: 3, First: 1, Last: 12345, Commit: 12344, Applied: 12344, Ready: true},
		}})
		l.PerSecond[id] = 40
	}
	l.Members[0].Role = monitor.RoleLeader
	l.Leader, l.Quorum, l.MembersUp = "n1", true, nodes
	l.Acknowledged, l.Refused, l.Unknown, l.LongestGap = 12012, 6, 2, 187*time.Millisecond
	for i := range 200 {
		l.Curve = append(l.Curve, math.Round(20+6*math.Sin(float64(i)/4)))
	}
	return l
}

func (l *Look) die(i int, state State) {
	l.Nodes[i].State = state
	l.Members[i].Figures = nil
	l.PerSecond[l.Nodes[i].ID] = 0
}

// scenes are screens of the story, told as to five nodes.
func scenes() map[string]*Scene {
	s := &Stage{Cluster: &devcluster.Cluster{}}
	for _, n := range cast(5).Nodes {
		s.Cluster.Nodes = append(s.Cluster.Nodes, &devcluster.Node{ID: n.ID, Addr: n.Addr})
	}
	scene := func(step, act int, nodes int) *Scene {
		m := &model{stage: s, story: s.Story(), step: step, act: act}
		m.scene.Steps, m.scene.Selected = len(m.story), "n1"
		m.tell()
		m.scene.Look = cast(nodes)
		return &m.scene
	}
	said := func(sc *Scene, level monitor.Level, text string) {
		sc.Events = append(sc.Events, monitor.Event{At: noon.Add(time.Duration(len(sc.Events)) * 137 * time.Millisecond), Level: level, Text: text})
	}
	all := map[string]*Scene{}

	start := scene(0, 0, 5)
	start.Look.Curve = start.Look.Curve[:12]
	said(start, monitor.LevelInfo, "n1 leads in term 3")
	all["start"] = start

	killed := scene(1, 0, 5)
	killed.Busy = 1200 * time.Millisecond
	killed.Look.die(0, Down)
	killed.Look.Leader, killed.Look.Members[2].Role = "", monitor.RoleCandidate
	killed.Look.Curve = append(killed.Look.Curve, 0, 0, 0)
	said(killed, monitor.LevelInfo, "n1 leads in term 3")
	said(killed, monitor.LevelWarn, "n1 was killed: SIGKILL to process 4711")
	all["killed"] = killed

	split := scene(3, 1, 5)
	split.Result = "n3 leads the majority, and no more than 189 ms passed without an acknowledged write. n1, which led, answers CLUSTERDOWN: surely not executed."
	split.Selected = "n2"
	for i := range 2 {
		split.Look.Nodes[i].State, split.Look.Members[i].Role = Cut, monitor.RoleCandidate
		split.Look.Members[i].Lag, split.Look.Members[i].Ready = 754, false
		split.Look.Members[i].NotReady = []string{"leader: none known"}
	}
	split.Look.Members[2].Role = monitor.RoleLeader
	for i := range 8 {
		said(split, monitor.LevelInfo, fmt.Sprintf("n%d leads in term %d", i%5+1, i+1))
	}
	said(split, monitor.LevelWarn, "n1> SET side minority   (error) CLUSTERDOWN No leader with a majority can be reached; the command was not executed")
	all["split"] = split

	joining := scene(5, 0, 6)
	joining.Busy = 300 * time.Millisecond
	joining.Look.Members[5].Role, joining.Look.Members[5].Lag = "joining", 7311
	joining.Look.PerSecond["n6"] = 0
	said(joining, monitor.LevelInfo, "n6 is started with an empty disk and --join")
	said(joining, monitor.LevelInfo, "n6: a member of the cluster")
	said(joining, monitor.LevelInfo, "n6: joining, with 5,034 of 12,345 entries")
	all["joining"] = joining

	proof := scene(6, 0, 5)
	proof.Number, proof.Text, proof.Button = 7, farewell, "prove it again"
	proof.Result = "Proved. 16,706 acknowledged writes, read through each of 5 nodes: all are there. 1 refused: none is there. 5 with unknown outcome: 3 took effect. All states have the same hash, 0e4b507b6b09fc1e."
	for i := range proof.Look.Members {
		proof.Look.Members[i].Figures.StatusPage.First = 12001
		proof.Look.Members[i].Figures.StatusPage.Snapshot = 12000
	}
	all["proof"] = proof

	failed := scene(6, 0, 9)
	failed.Failed, failed.Look.Quorum = true, false
	failed.Result = errors.New("the proof has failed: demo:n1:0000017 was acknowledged and is not there, read through n1; " +
		strings.Repeat("demo:n1:0000018 was acknowledged and is not there, read through n1; ", 9)).Error()
	failed.Look.die(8, Paused)
	failed.Look.Acknowledged, failed.Look.Refused, failed.Look.Unknown, failed.Look.LongestGap = 123456789, 123456, 1234, time.Hour
	for _, m := range failed.Look.Members[:8] {
		m.Term, m.First, m.StatusPage.Last, m.Commit, m.Lag = 123456, 123456789012, 123456789012, 123456789012, 1234567
	}
	said(failed, monitor.LevelInfo, strings.Repeat("a long word ", 30))
	all["failed"] = failed
	return all
}

// TestFrames compares whole screens with those of testdata.
func TestFrames(t *testing.T) {
	for name, s := range scenes() {
		for _, size := range []struct{ width, height int }{{80, 24}, {120, 35}} {
			t.Run(fmt.Sprintf("%s %dx%d", name, size.width, size.height), func(t *testing.T) {
				path := filepath.Join("testdata", fmt.Sprintf("%s-%dx%d.txt", name, size.width, size.height))
				s.Width, s.Height = size.width, size.height
				got := ansi.Strip(s.Frame()) + "\n"
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

// TestColours: the terminal's own sixteen, and no others.
func TestColours(t *testing.T) {
	s := scenes()["split"]
	s.Width, s.Height = 120, 35
	frame := s.Frame()
	for _, want := range []string{"\x1b[32m", "\x1b[31m", "\x1b[33m", "\x1b[36m"} {
		if !strings.Contains(frame, want) {
			t.Errorf("no %q", want)
		}
	}
	if strings.Contains(frame, "[38;") {
		t.Error("a colour of our own")
	}
}

// TestFramesFit: whatever there is to show and however large the terminal, a frame
// has its height, and no line is wider than the screen.
func TestFramesFit(t *testing.T) {
	for name, s := range scenes() {
		for _, s.Width = range []int{1, 20, 79, 80, 99, 100, 140, 250} {
			for _, s.Height = range []int{1, 3, 10, 24, 45, 100} {
				lines := strings.Split(s.Frame(), "\n")
				if len(lines) != s.Height {
					t.Errorf("%s at %dx%d: %d lines", name, s.Width, s.Height, len(lines))
				}
				for _, line := range lines {
					if w := lipgloss.Width(line); w > s.Width {
						t.Errorf("%s at %dx%d: %d columns: %s", name, s.Width, s.Height, w, line)
					}
				}
			}
		}
	}
}

// TestTextsFit: the story, the results and the keys are never cut at 80x24.
func TestTextsFit(t *testing.T) {
	for _, line := range keyLines {
		if w := lipgloss.Width(line); w > 80 {
			t.Errorf("%d columns: %s", w, line)
		}
	}
	s := &Stage{Cluster: &devcluster.Cluster{}}
	for i := range 9 {
		s.Cluster.Nodes = append(s.Cluster.Nodes, &devcluster.Node{ID: fmt.Sprint("n", i+1), Addr: "127.0.0.1:32767"})
	}
	for _, step := range s.Story() {
		if lines := paragraphs(step.After, 76); len(lines) > storyLines-2 {
			t.Errorf("%s: %d lines afterwards", step.Title, len(lines))
		}
		for i, act := range step.Acts {
			room := storyLines
			if i > 0 {
				room -= 3 // of the result before it
			}
			if lines := paragraphs(act.Text, 76); len(lines) > room {
				t.Errorf("%s: %d lines: %q", step.Title, len(lines), lines)
			}
			for _, line := range paragraphs(act.Text, 76) {
				if lipgloss.Width(line) > 78 {
					t.Errorf("%s: too wide: %q", step.Title, line)
				}
			}
		}
	}
}
