package main

import (
	"slices"
	"testing"
)

// The HTTP port is known by the name that --announce has for clients, in each of
// its forms.
func TestHostsOfTheHTTPPort(t *testing.T) {
	for _, announce := range []string{"db1.example:6379", "db1.example:6379@16379", "db1.example:6379@10.0.0.1:16379"} {
		c, err := loadConfig([]string{"--announce", announce, "--http-addr", "localhost:7379"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := c.hosts(), []string{"localhost", "db1.example"}; !slices.Equal(got, want) {
			t.Errorf("--announce %s: known as %q, want %q", announce, got, want)
		}
	}
}
