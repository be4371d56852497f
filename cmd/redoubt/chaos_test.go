package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"redoubt/chaos"
)

func TestChaosUsage(t *testing.T) {
	for _, args := range []string{"--rounds 0", "--nodes 2", "--nodes 10", "--round 1ms", "--canary bird", "--faults meteor", "--netns --faults slow,lossy", "--no-such", "extra"} {
		var stdout, stderr bytes.Buffer
		if code := runChaos(t.Context(), strings.Fields(args), &stdout, &stderr); code != exitUsage || stderr.Len() == 0 {
			t.Errorf("chaos %s: code %d, %q", args, code, &stderr)
		}
	}
}

func TestChaosPlan(t *testing.T) {
	var outputs [2]bytes.Buffer
	for i := range outputs {
		if code := runChaos(t.Context(), strings.Fields("--plan --seed 7 --rounds 5"), &outputs[i], &outputs[i]); code != exitOK {
			t.Fatalf("code %d: %s", code, &outputs[i])
		}
	}
	var plan []chaos.Round
	if err := json.Unmarshal(outputs[0].Bytes(), &plan); err != nil || len(plan) != 5 || outputs[0].String() != outputs[1].String() {
		t.Errorf("%v, %d rounds", err, len(plan))
	}
}

func TestChaosLineFitsATerminal(t *testing.T) {
	report := &chaos.Report{Availability: chaos.Availability{Share: 0.987}}
	for _, c := range []struct {
		at   chaos.Progress
		want string
	}{
		{chaos.Progress{Round: 1, Rounds: 4, Faults: "slow"}, "[····················] 1/4  0 violations, available 98.7 %  slow"},
		{chaos.Progress{Round: 2, Rounds: 4, Done: true, Faults: "deafen-leader + cut-off-leader"},
			"[██████████··········] 2/4  0 violations, available 98.7 %  deafen-leader + cu…"},
	} {
		c.at.Report = report
		if got := chaosLine(c.at); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

// The report of a run is JSON on standard output and nothing else.
func TestChaosJSON(t *testing.T) {
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	run := exec.Command(path, strings.Fields("chaos --json --rounds 1 --round 1s --nodes 3 --seed 1 --faults kill-leader --out "+t.TempDir())...)
	run.Stdout, run.Stderr = &stdout, &stderr
	err = run.Run()
	var report chaos.Report
	if jsonErr := json.Unmarshal(stdout.Bytes(), &report); err != nil || jsonErr != nil {
		t.Fatalf("%v, %v\n%s%s", err, jsonErr, &stdout, &stderr)
	}
	if report.Verdict != chaos.Innocent || report.Rounds != 1 || report.Faults[chaos.KillLeader] == 0 {
		t.Errorf("%+v", report)
	}
	if !strings.Contains(stderr.String(), "round 1/1  kill-leader") {
		t.Errorf("progress: %q", &stderr)
	}
}

// Ctrl-C ends a run with a report of what there was, and leaves nothing behind.
func TestChaosInterrupted(t *testing.T) {
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	temp := t.TempDir()
	run := exec.Command(path, strings.Fields("chaos --rounds 1000 --round 500ms --nodes 3 --faults kill-leader,pause-one")...)
	run.Env = append(os.Environ(), "TMPDIR="+temp)
	var stdout bytes.Buffer
	run.Stdout = &stdout
	progress, err := run.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(progress)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "round 1/") {
			run.Process.Signal(os.Interrupt)
		}
	}
	if err := run.Wait(); run.ProcessState.ExitCode() != exitError {
		t.Errorf("after Ctrl-C: %v", err)
	}
	if !strings.Contains(stdout.String(), "INTERRUPTED") {
		t.Errorf("report: %s", &stdout)
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
