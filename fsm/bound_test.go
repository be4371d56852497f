package fsm

import "testing"

// However often a large value is asked for, the reply stays bounded, is seen to
// be cut, and origin and follower agree about the hash.
func TestRepliesAreBounded(t *testing.T) {
	const limit, valueBytes, times = 1 << 20, 48 << 10, 60
	value := make([]byte, valueBytes)
	command := func(args ...[]byte) Command {
		spec, text := Resolve(args)
		if text != "" {
			t.Fatal(text)
		}
		return Command{Proto: 2, Spec: spec, Args: args}
	}
	origin, follower := New(Config{}), New(Config{})
	origin.maxReplyBytes, follower.maxReplyBytes = limit, limit
	set := AppendEntry(nil, []Command{command([]byte("set"), []byte("k"), value)})
	origin.Apply(1, set, nil)
	follower.Apply(1, set, nil)

	mget := [][]byte{[]byte("mget")}
	var writes []Command
	for range times {
		mget = append(mget, []byte("k"))
		writes = append(writes, command([]byte("getex"), []byte("k"), []byte("persist")))
	}
	check := func(what string, reply []byte) {
		t.Helper()
		if len(reply) <= limit || len(reply) > limit+2*valueBytes {
			t.Errorf("%s: %d bytes for a limit of %d", what, len(reply), limit)
		}
	}
	check("MGET", origin.ReadBatch([]Command{command(mget...)}, 0, nil))
	entry := AppendEntry(nil, writes)
	check("GETEX in a pipeline", origin.ApplyBatch(2, entry, writes, nil))
	check("GETEX on a follower", follower.Apply(2, entry, nil))
	if origin.Hash() != follower.Hash() {
		t.Error("the hashes of origin and follower differ")
	}
}
