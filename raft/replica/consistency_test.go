package replica

import (
	"strings"
	"testing"
	"time"

	"redoubt/fsm"
)

// A batch that says how fresh its reads have to be gets just that, whatever the
// node is configured to.
func TestReadsAreAsFreshAsTheirBatchSays(t *testing.T) {
	for _, local := range []bool{false, true} {
		g := newGroup(t, 3, func(c *Config) {
			c.CommandTimeout = 500 * time.Millisecond
			c.LocalReads = local
		})
		g.want(0, "+OK\r\n", "SET a 1")
		last := g.leader()
		g.close((last + 1) % 3)
		g.close((last + 2) % 3)
		for _, tt := range []struct {
			reads Consistency
			want  string
		}{
			{ReadsLocal, "$1\r\n1\r\n"},
			{ReadsLinearizable, "-CLUSTERDOWN "},
			{ReadsAsConfigured, map[bool]string{true: "$1\r\n1\r\n", false: "-CLUSTERDOWN "}[local]},
		} {
			args := [][]byte{[]byte("GET"), []byte("a")}
			spec, _ := fsm.Resolve(args)
			b := NewBatch()
			b.Reads, b.Commands = tt.reads, []fsm.Command{{Proto: 2, Spec: spec, Args: args}}
			if err := g.nodes[last].Execute(b); err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(string(b.Reply), tt.want) {
				t.Errorf("LocalReads %v, the batch asks for %d: replied %q, want %q", local, tt.reads, b.Reply, tt.want)
			}
		}
	}
}
