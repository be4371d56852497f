package fsm

import (
	"bytes"
	"strings"
	"testing"

	"redoubt/resp"
)

// TestSwapIsAChangeToWatch: what SWAPDB brings and takes away again is a change,
// as in Redis, though no key has got a new version.
func TestSwapIsAChangeToWatch(t *testing.T) {
	for _, test := range []struct{ before, between string }{
		{"0 SET k x; 1 SET k y", "0 SWAPDB 0 1; 0 SWAPDB 0 1"},
		{"0 SET k x", "0 SWAPDB 0 1; 0 SWAPDB 0 1"},
		{"1 SET k y; 0 SET k x; 0 DEL k", "0 SWAPDB 0 1; 0 SWAPDB 0 1"},
		{"1 SET k y; 0 SET k x; 0 DEL k", "0 SWAPDB 0 1; 0 FLUSHALL"},
		{"1 SET k y PX 10; 0 SET k x; 0 DEL k", "0 SWAPDB 0 1; later"},
	} {
		s := New(Config{})
		now := int64(1000)
		run := func(script string) {
			for _, step := range strings.Split(script, "; ") {
				if step == "later" {
					now += 1000
					step = "9 DEL none"
				}
				args := words(strings.Fields(step)[1:]...)
				spec, _ := Resolve(args)
				c := Command{DB: int(step[0] - '0'), Proto: 2, Spec: spec, Args: args}
				entry := AppendEntry(nil, []Command{c})
				Stamp(entry, now, 1)
				s.Apply(s.Index()+1, entry, nil)
			}
		}
		run(test.before)
		watch := Watch{Key: []byte("k"), Version: s.watchVersion(0, []byte("k"))}
		run(test.between)
		exec := []Command{{Proto: 2, Exec: &Exec{Watches: []Watch{watch}}}}
		if reply := s.ReadBatch(exec, 1, nil); !bytes.Equal(reply, resp.AppendNullArray(nil, 2)) {
			t.Errorf("%s | WATCH k | %s: EXEC runs: %q", test.before, test.between, reply)
		}
	}
}
