package replica

import "testing"

// A connection keeps its batch as long as it lives. The arguments of the pipeline
// before, which may be large, are not kept with it.
func TestResetLetsGoOfTheArguments(t *testing.T) {
	b := batchOf("SET a 1", "SET b 2")
	b.Reset()
	for _, c := range b.Commands[:2] {
		if c.Args != nil {
			t.Errorf("%q is kept", c.Args)
		}
	}
}

// A batch that was answered belongs to its connection again.
func TestBatchIsAnsweredOnce(t *testing.T) {
	b := batchOf("INCR k")
	b.finish()
	defer func() {
		if recover() == nil {
			t.Error("a second answer goes unnoticed")
		}
	}()
	b.finish()
}
