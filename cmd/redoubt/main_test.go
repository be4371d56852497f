package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
)

func TestDispatch(t *testing.T) {
	tests := []struct {
		args           string
		code           int
		stdout, stderr string
	}{
		{"help", exitOK, "serve", ""},
		{"--help", exitOK, "serve", ""},
		{"-h", exitOK, "serve", ""},
		{"help help", exitOK, "serve", ""},
		{"help serve", exitOK, "--election-timeout DURATION", ""},
		{"serve --help", exitOK, "--election-timeout DURATION", ""},
		{"help config", exitOK, "config check", ""},
		{"config --help", exitOK, "config check", ""},
		{"config check --help", exitOK, "config check", ""},
		{"help version", exitOK, "redoubt " + version, ""},
		{"version", exitOK, "redoubt " + version, ""},
		{"--version", exitOK, "redoubt " + version, ""},
		{"version 1", exitUsage, "", "takes no arguments"},
		{"help watch", exitOK, "--once", ""},
		{"watch", exitUsage, "", "watch needs a terminal"},
		{"watch --once --json", exitUsage, "", "exclude each other"},
		{"watch --interval 1ms", exitUsage, "", "at least 100ms"},
		{"help status", exitOK, "--json", ""},
		{"status n1", exitUsage, "", `status takes no argument "n1"`},
		{"status --addr n1", exitUsage, "", "is not HOST:PORT"},
		{"help health", exitOK, "Exit code 0: ready", ""},
		{"health --timeout 0s", exitUsage, "", "--timeout is more than 0"},
		{"help nonsense", exitUsage, "", `unknown subcommand "nonsense"`},
		{"nonsense", exitUsage, "", `unknown subcommand "nonsense"`},
		{"serve --nonsense", exitUsage, "", "no such setting"},
		{"--nonsense", exitUsage, "", "no such setting"},
		{"config", exitUsage, "", "config needs check or show"},
		{"config nonsense", exitUsage, "", "config needs check or show"},
		{"config check", exitOK, "ok", ""},
		{"config check --fsync no", exitOK, "ok", "warning: fsync is off"},
		{"config check --fsync perhaps", exitUsage, "", "neither yes nor no"},
		{"config show --id n9", exitOK, "n9                       flag", ""},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := dispatch(context.Background(), strings.Fields(tt.args), &stdout, &stderr)
			if code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			for _, out := range []struct {
				name, got, want string
			}{{"stdout", stdout.String(), tt.stdout}, {"stderr", stderr.String(), tt.stderr}} {
				if !strings.Contains(out.got, out.want) || out.want == "" && out.got != "" {
					t.Errorf("%s: %q, want %q", out.name, out.got, out.want)
				}
			}
		})
	}
}
