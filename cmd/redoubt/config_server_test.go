package main

import (
	"strings"
	"testing"
)

// A running node must know every setting by the name in the table, and let
// exactly those be changed that the table calls live.
func TestConfigGetAndSetFollowTheTable(t *testing.T) {
	c := newCluster(t, 1)
	c.startAll()
	client, ctx := c.nodes[0].client(), background(t)
	defer client.Close()
	all, err := client.ConfigGet(ctx, "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range settings() {
		value, shown := all[s.name]
		if want := !s.secret || s.server; shown != want {
			t.Errorf("CONFIG GET shows %s: %v, want %v", s.name, shown, want)
		}
		err := client.ConfigSet(ctx, s.name, value).Err()
		switch {
		case s.live && err != nil:
			t.Errorf("CONFIG SET %s %q: %v", s.name, value, err)
		case !s.live && err == nil:
			t.Errorf("CONFIG SET %s: accepted, the table does not call it live", s.name)
		case !s.live && shown && !strings.Contains(err.Error(), "can't set immutable config"):
			t.Errorf("CONFIG SET %s: %v", s.name, err)
		}
	}
	// redis-benchmark and dashboards look for these.
	for name, want := range map[string]string{
		"appendonly": "yes", "appendfsync": "always", "save": "", "maxmemory-policy": "noeviction", "cluster-enabled": "no",
	} {
		if value, ok := all[name]; !ok || value != want {
			t.Errorf("CONFIG GET %s = %q, want %q", name, value, want)
		}
	}
}
