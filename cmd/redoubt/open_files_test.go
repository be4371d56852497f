package main

import (
	"context"
	"log/slog"
	"math"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// Clients get what the limit of open files leaves, after the node itself.
func TestClientsFitTheOpenFiles(t *testing.T) {
	for _, tt := range []struct {
		args  string
		limit uint64
		want  int // 0: the node does not start
		log   string
	}{
		{"", math.MaxUint64, 10000, ""},
		{"", 20000, 10000, ""},
		{"", 10764, 10000, ""},
		{"", 10763, 9999, "maxclients=9999 wanted=10000 limit=10763"},
		{"", 1024, 260, "maxclients=260 wanted=10000 limit=1024"},
		{"--http-addr=", 1024, 772, "maxclients=772 wanted=10000 limit=1024"},
		{"--maxclients 100", 1024, 100, ""},
		{"", 765, 1, "maxclients=1 wanted=10000 limit=765"},
		{"", 764, 0, ""},
	} {
		c := load(t, strings.Fields(tt.args)...)
		var text strings.Builder
		err := c.fitClients(tt.limit, slog.New(slog.NewTextHandler(&text, nil)))
		if started := err == nil; started != (tt.want > 0) || started && c.MaxClients != tt.want {
			t.Errorf("%q with %d open files: maxclients %d, %v, want %d", tt.args, tt.limit, c.MaxClients, err, tt.want)
		}
		if !strings.Contains(text.String(), tt.log) || (text.Len() > 0) != (tt.log != "") {
			t.Errorf("%q with %d open files: logged %q, want %q", tt.args, tt.limit, text.String(), tt.log)
		}
	}
}

// The limit is looked at before anything is opened.
func TestServeWithTooFewOpenFiles(t *testing.T) {
	program, err := built()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir() + "/data"
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "sh", "-c", `ulimit -n 100 && exec "$0" serve --data-dir "$1"`, program, dir).CombinedOutput()
	exit, ok := err.(*exec.ExitError)
	if !ok || exit.ExitCode() != exitUsage || !strings.Contains(string(out), "the limit of 100 open files") {
		t.Errorf("%v: %s", err, out)
	}
}
