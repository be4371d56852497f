package wal

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"redoubt/raft"
)

// children are the processes that tests start, by name; see TestMain.
var children = map[string]func(Dir){
	"append":     childAppend,
	"until-full": childUntilFull,
	"until-EIO":  childUntilEIO,
	"full-disk":  childFullDisk,
}

func child(name string, dir Dir) *exec.Cmd {
	cmd := exec.Command(os.Args[0], dir.Path)
	cmd.Env = append(os.Environ(), childEnv+"="+name)
	cmd.Stderr = os.Stderr
	return cmd
}

func fatal(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

var crashOptions = Options{SegmentBytes: 4 << 10, BallastBytes: -1}

// childAppend appends for ever, says after each Append which index is durable,
// and takes snapshots and compacts on the way.
func childAppend(dir Dir) {
	l, rec, err := Open(dir, testIdentity, crashOptions)
	fatal(err)
	last := rec.Snapshot.Index + uint64(len(rec.Entries))
	h := raft.HardState{Term: rec.HardState.Term + 1, Vote: "n1"}
	fmt.Println("open", last)
	for round := uint64(1); ; round++ {
		h.Commit = last
		var ws []raft.Write
		for range 1 + round%4 {
			ws = append(ws, write(h, entries(last+1, last+1+round%3, h.Term)...))
			last += 1 + round%3
		}
		_, err := l.Append(ws)
		fatal(err)
		fmt.Println("durable", last)
		if round%20 == 0 {
			// By now the newest 10 entries are of this life's term.
			w, err := dir.CreateSnapshot(meta(last-10, h.Term), 1)
			fatal(err)
			fatal(w.Write(content(last-10, 0)))
			_, err = w.Commit()
			fatal(err)
			fatal(l.Compact(last - 10))
			fatal(dir.RemoveOldSnapshots(math.MaxUint64, 1))
		}
	}
}

// A process killed at any moment has lost nothing of what it said was durable.
func TestKilledWhileAppending(t *testing.T) {
	dir := dataDir(t.TempDir())
	if err := dir.CreateIdentity(testIdentity); err != nil {
		t.Fatal(err)
	}
	durable, term := uint64(0), uint64(0)
	for round := range 12 {
		cmd := child("append", dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; n < 2+37*round && lines.Scan(); n++ {
			durable = mustIndex(t, lines.Text(), durable)
		}
		cmd.Process.Kill()
		for lines.Scan() { // what it could still say
			durable = mustIndex(t, lines.Text(), durable)
		}
		cmd.Wait()
		term++

		l, rec := mustOpen(t, dir, crashOptions)
		next := rec.Snapshot.Index + 1
		for _, e := range rec.Entries {
			if e.Index != next || !bytes.Equal(e.Data, content(e.Index, e.Term)) {
				t.Fatalf("round %d: entry %d/%d holds %q, want index %d", round, e.Index, e.Term, e.Data, next)
			}
			next++
		}
		if next <= durable || rec.HardState.Term != term {
			t.Fatalf("round %d: recovered up to %d in term %d, durable were %d and %d", round, next-1, rec.HardState.Term, durable, term)
		}
		durable = next - 1
		crash(l)
	}
}

// mustIndex parses a line of childAppend. A last line cut short by the kill says
// nothing.
func mustIndex(t *testing.T, line string, durable uint64) uint64 {
	t.Helper()
	_, number, _ := strings.Cut(line, " ")
	n, err := strconv.ParseUint(number, 10, 64)
	if err != nil || n < durable {
		t.Fatalf("child says %q after %d", line, durable)
	}
	return n
}

// wantPoisoned checks that nothing works any more once an Append has failed with
// the cause, and prints which entry was the last durable one.
func wantPoisoned(l *Log, durable uint64, err, cause error) {
	if !errors.Is(err, ErrPoisoned) || !errors.Is(err, cause) || !l.Stats().Poisoned {
		fatal(fmt.Errorf("Append: %v, want ErrPoisoned and %v", err, cause))
	}
	h := raft.HardState{Term: 1 << 20}
	for what, err := range map[string]error{
		"Append":             second(l.Append([]raft.Write{write(h)})),
		"Append of a commit": second(l.Append([]raft.Write{{HardState: raft.HardState{Term: 1}}})),
		"Append of nothing":  second(l.Append(nil)),
		"Compact":            l.Compact(1),
	} {
		if !errors.Is(err, ErrPoisoned) || !errors.Is(err, cause) {
			fatal(fmt.Errorf("%s on a poisoned log: %v", what, err))
		}
	}
	if err := l.Close(); !errors.Is(err, ErrPoisoned) {
		fatal(fmt.Errorf("Close of a poisoned log: %v", err))
	}
	fmt.Println("durable", durable)
}

func second(_ AppendStats, err error) error { return err }

func appendUntilError(l *Log, last uint64) (durable uint64, err error) {
	for {
		if _, err := l.Append([]raft.Write{write(raft.HardState{Term: 1, Vote: "n1"}, entries(last+1, last+1, 1)...)}); err != nil {
			return last, err
		}
		last++
	}
}

// wantRecoverable reads the last index a child called durable and checks that the
// log it left opens with all of it and goes on.
func wantRecoverable(t *testing.T, dir Dir, out []byte, o Options) Recovered {
	t.Helper()
	durable := mustIndex(t, strings.TrimSpace(string(out)), 0)
	l, rec := mustOpen(t, dir, o)
	n := uint64(len(rec.Entries))
	if n < durable || n > durable+1 {
		t.Fatalf("recovered %d entries, durable were %d", n, durable)
	}
	wantState(t, rec, raft.HardState{Term: 1, Vote: "n1"}, entries(1, n, 1))
	if rec.Clean {
		t.Error("a poisoned log counts as cleanly closed")
	}
	mustAppend(t, l, write(raft.HardState{Term: 2}, entries(n+1, n+5, 2)...))
	mustClose(t, l)
	l, rec2 := mustOpen(t, dir, o)
	wantState(t, rec2, raft.HardState{Term: 2}, append(entries(1, n, 1), entries(n+1, n+5, 2)...))
	crash(l)
	return rec
}

// A file that must not grow beyond a limit takes the beginning of a frame and
// refuses the rest: what a full disk does, without one.
func childUntilFull(dir Dir) {
	signal.Ignore(syscall.SIGXFSZ)
	const limit = zeroAheadBytes + 1 // so the frame fails that is the first to need more zeros
	fatal(unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: limit, Max: limit}))
	l, _, err := Open(dir, testIdentity, Options{BallastBytes: -1})
	fatal(err)
	durable, err := appendUntilError(l, 0)
	wantPoisoned(l, durable, err, unix.EFBIG)
}

func TestShortWritePoisons(t *testing.T) {
	dir := newDir(t)
	out, err := child("until-full", dir).Output()
	if err != nil {
		t.Fatal(err)
	}
	rec := wantRecoverable(t, dir, out, Options{BallastBytes: -1})
	if rec.TornBytes == 0 || rec.TornFile == "" {
		t.Errorf("the write that failed left no torn frame: %d bytes, %q", rec.TornBytes, rec.TornFile)
	}
}

func childUntilEIO(dir Dir) {
	l, _, err := Open(dir, testIdentity, crashOptions)
	fatal(err)
	durable, err := appendUntilError(l, 0)
	wantPoisoned(l, durable, err, unix.EIO)
}

// One fsync fails, as it does when the disk loses a page; all later ones would
// succeed and prove nothing.
func TestFailedFsyncPoisons(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("no strace to inject errors with")
	}
	if out, err := exec.Command(strace, "-o", "/dev/null", "true").CombinedOutput(); err != nil {
		t.Skipf("strace may not trace here: %v: %s", err, out)
	}
	for _, call := range []string{"fdatasync:20", "fdatasync:90", "fsync:20", "fsync:21", "fsync:22"} { // of a frame, of a new segment's name
		t.Run(call, func(t *testing.T) {
			call, nth, _ := strings.Cut(call, ":")
			dir := newDir(t)
			cmd := child("until-EIO", dir)
			traced := exec.Command(strace, append([]string{"-f", "-qq", "-o", "/dev/null", "-e", "trace=" + call,
				"-e", "inject=" + call + ":error=EIO:when=" + nth}, cmd.Args...)...)
			traced.Env, traced.Stderr = cmd.Env, os.Stderr
			out, err := traced.Output()
			if err != nil {
				t.Fatal(err)
			}
			wantRecoverable(t, dir, out, crashOptions)
		})
	}
}

// TestFullDisk runs in a file system of its own, which takes a user namespace.
func TestFullDisk(t *testing.T) {
	cmd := fullDiskCommand(t)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Skipf("no user namespace: %v", err)
	}
	said, _ := io.ReadAll(out)
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if reason, skip := strings.CutPrefix(string(said), "skip "); skip {
		t.Skip(reason)
	}
	if strings.TrimSpace(string(said)) != "ok" {
		t.Fatalf("child says %q", said)
	}
}
