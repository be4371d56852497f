package demo

import (
	"strings"
	"testing"

	"redoubt/resp"
)

func TestFind(t *testing.T) {
	const key = "demo:n1:0000000"
	there, nothing := resp.Value{Type: '$', Str: valueOf(key)}, resp.Value{Type: '$', Null: true}
	for _, tt := range []struct {
		name string
		out  outcome
		v    resp.Value
		want string // what is wrong
	}{
		{"acknowledged and there", acknowledged, there, ""},
		{"acknowledged and lost", acknowledged, nothing, "was acknowledged and is not there"},
		{"refused and not there", refused, nothing, ""},
		{"refused and there", refused, there, "was refused and is there"},
		{"unknown and there", unknown, there, ""},
		{"unknown and not there", unknown, nothing, ""},
		{"another value", unknown, resp.Value{Type: '$', Str: "x"}, "which nobody wrote"},
	} {
		var p proof
		p.find("n1", key, tt.out, tt.v)
		if got := strings.Join(p.wrong, "; "); (tt.want == "") != (got == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
