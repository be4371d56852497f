package bench

import (
	"strings"
	"testing"
)

func TestTextOfMixAndRange(t *testing.T) {
	for _, tt := range []struct{ in, out string }{
		{"set", "set"}, {"SET", "set"}, {"get=9,set", "get=9,set=1"}, {"mixed", "get=4,set=1"}, {"get=2, incr=3", "get=2,incr=3"},
	} {
		var m, again Mix
		if err := m.UnmarshalText([]byte(tt.in)); err != nil || m.String() != tt.out {
			t.Errorf("%q: %v, %v, want %v", tt.in, m, err, tt.out)
		}
		if err := again.UnmarshalText([]byte(m.String())); err != nil || again.String() != m.String() {
			t.Errorf("%v read again: %v, %v", m, again, err)
		}
	}
	for _, tt := range []struct{ in, want string }{
		{"", "no command"}, {"nonsense", "there are ping, get, set"}, {"get=0", "not a weight"}, {"get=x", "not a weight"}, {"get,,set", "no command"},
	} {
		var m Mix
		if err := m.UnmarshalText([]byte(tt.in)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %v, want …%s…", tt.in, err, tt.want)
		}
	}
	for _, tt := range []struct {
		in string
		r  Range
	}{{"64", Range{64, 64}}, {"0-1024", Range{0, 1024}}} {
		var r Range
		if err := r.UnmarshalText([]byte(tt.in)); err != nil || r != tt.r || r.String() != tt.in {
			t.Errorf("%q: %v, %v", tt.in, r, err)
		}
	}
	var r Range
	if err := r.UnmarshalText([]byte("64b")); err == nil {
		t.Errorf("64b is %v", r)
	}
}

func TestOptionsThatMakeNoSense(t *testing.T) {
	for _, tt := range []struct {
		set  func(o *Options)
		want string
	}{
		{func(o *Options) { o.Addrs = nil }, "no address"},
		{func(o *Options) { o.Connections = 0 }, "0 connections"},
		{func(o *Options) { o.Pipeline = 0 }, "pipeline 0"},
		{func(o *Options) { o.Rate = -1 }, "rate -1"},
		{func(o *Options) { o.Commands = nil }, "no commands"},
		{func(o *Options) { o.Keys = 0 }, "0 keys"},
		{func(o *Options) { o.Zipf = 1 }, "zipf 1"},
		{func(o *Options) { o.ValueBytes = Range{2, 1} }, "values of 2-1"},
		{func(o *Options) { o.Duration = 0 }, "a duration or a number"},
		{func(o *Options) { o.Requests = -1 }, "a duration or a number"},
		{func(o *Options) { o.Timeout = 0 }, "no waiting without a timeout"},
		{func(o *Options) {}, ""},
	} {
		o := DefaultOptions()
		tt.set(&o)
		err := o.Check()
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%v, want %q", err, tt.want)
		}
	}
}
