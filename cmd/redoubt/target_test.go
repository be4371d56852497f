package main

import (
	"bytes"
	"testing"
)

// The tools of a container find the node that its environment describes.
func TestAddressOfTheEnvironment(t *testing.T) {
	for _, tt := range []struct{ environment, want string }{
		{"", "127.0.0.1:6379"},
		{":7001", "127.0.0.1:7001"},
		{"0.0.0.0:7001", "127.0.0.1:7001"},
		{"[::]:7001", "127.0.0.1:7001"},
		{"10.0.0.1:7001", "10.0.0.1:7001"},
	} {
		t.Setenv(envName("addr"), tt.environment)
		if got := defaultAddr(); got != tt.want {
			t.Errorf("%q: %s, want %s", tt.environment, got, tt.want)
		}
	}
}

func TestHealthOfTheNodeOfTheEnvironment(t *testing.T) {
	c := newCluster(t, 1)
	c.startAll()
	_, port := c.nodes[0].hostPort()
	t.Setenv(envName("addr"), ":"+port)
	var out, errs bytes.Buffer
	if code := runHealth(t.Context(), nil, &out, &errs); code != exitOK {
		t.Errorf("code %d, %s%s", code, &out, &errs)
	}
	out.Reset()
	if code := runHealth(t.Context(), []string{"--addr", freePorts(t, 1)[0]}, &out, &errs); code != exitError {
		t.Errorf("--addr is not asked: code %d, %s", code, &out)
	}
}
