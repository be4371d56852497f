package fsm

import (
	"bytes"
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// vocabulary makes arguments that mean something to most commands: few keys, so
// that commands meet, in few slots, and options and numbers at the edges.
var vocabulary = []string{
	"k0", "k1", "k2", "k3", "k4", "k5", "{t}0", "{t}1", "{t}2", "{t}3", "",
	"0", "1", "2", "3", "10", "100", "1000", "-1", "1000000", "3.5", "abc", "9223372036854775807",
	"EX", "PX", "EXAT", "PXAT", "NX", "XX", "GT", "LT", "GET", "KEEPTTL", "PERSIST",
	"DB", "REPLACE", "MATCH", "COUNT", "TYPE", "*", "k[0-3]", "string", "LEN", "IDX",
}

var propertyConfig = Config{Databases: 3, MaxBulkBytes: 1 << 20}

// executable are the rows that run in the store.
func executable() []*Spec {
	var specs []*Spec
	for _, s := range Table() {
		for _, sub := range s.Subcommands {
			if sub.run != nil {
				specs = append(specs, sub)
			}
		}
		if s.run != nil {
			specs = append(specs, s)
		}
	}
	return specs
}

func commandGenerator() *rapid.Generator[Command] {
	specs := executable()
	common := []string{"set", "del", "pexpire", "get", "append", "incr", "rename", "copy"}
	return rapid.Custom(func(t *rapid.T) Command {
		spec := rapid.SampledFrom(specs).Draw(t, "spec")
		if rapid.Bool().Draw(t, "common") {
			spec = Lookup([]byte(rapid.SampledFrom(common).Draw(t, "name")))
		}
		args := bytes.Split([]byte(spec.Name), []byte("|"))
		n := spec.Arity
		if n < 0 {
			n = rapid.IntRange(-n, -n+3).Draw(t, "args")
		}
		for len(args) < n {
			args = append(args, []byte(rapid.SampledFrom(vocabulary).Draw(t, "arg")))
		}
		return Command{
			DB:    rapid.IntRange(0, propertyConfig.Databases-1).Draw(t, "db"),
			Proto: rapid.IntRange(2, 3).Draw(t, "proto"),
			Spec:  spec,
			Args:  args,
		}
	})
}

// batchGenerator makes batches of commands, transactions and known replies. Of
// the keys that transactions watch, versions are by chance those of now.
func batchGenerator(s *Store) *rapid.Generator[[]Command] {
	single := commandGenerator()
	reply := Command{Literal: []byte("+PONG\r\n")}
	transaction := rapid.Custom(func(t *rapid.T) Command {
		exec := &Exec{Commands: rapid.SliceOfN(single, 1, 4).Draw(t, "queued")}
		if rapid.Bool().Draw(t, "pong") {
			exec.Commands = append(exec.Commands, reply)
		}
		for range rapid.IntRange(0, 2).Draw(t, "watches") {
			w := Watch{
				DB:  rapid.IntRange(0, propertyConfig.Databases-1).Draw(t, "db"),
				Key: []byte(rapid.SampledFrom(vocabulary[:10]).Draw(t, "key")),
			}
			w.Version = s.watchVersion(w.DB, w.Key) + uint64(rapid.IntRange(0, 5).Draw(t, "off")/5)
			exec.Watches = append(exec.Watches, w)
		}
		return Command{Proto: 2, Exec: exec}
	})
	return rapid.Custom(func(t *rapid.T) []Command {
		var batch []Command
		size := rapid.IntRange(0, 6)
		if rapid.IntRange(0, 9).Draw(t, "long") == 0 {
			size = rapid.IntRange(blockCommands-1, 2*blockCommands+1)
		}
		for range size.Draw(t, "commands") {
			switch rapid.IntRange(0, 7).Draw(t, "what") {
			case 0:
				batch = append(batch, transaction.Draw(t, "transaction"))
			case 1:
				batch = append(batch, reply)
			default:
				batch = append(batch, single.Draw(t, "command"))
			}
		}
		return batch
	})
}

type appliedEntry struct {
	index   uint64
	entry   []byte
	replies []byte
	hash    uint64
}

// TestEveryNodeAgrees: the origin of the batches, a node that applies their
// entries, and one that is restored from a snapshot taken while the origin
// went on writing, have the same state and give the same replies.
func TestEveryNodeAgrees(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		origin, follower := New(propertyConfig), New(propertyConfig)
		batches := batchGenerator(origin)
		var log []appliedEntry
		var image []byte // of the snapshot that is running
		var imageIndex, imageDigest uint64
		now := int64(1_000_000)
		for step := range rapid.IntRange(1, 40).Draw(t, "steps") {
			switch rapid.IntRange(0, 6).Draw(t, "step") {
			case 0:
				if !origin.Snapshotting() {
					origin.BeginSnapshot()
					image, imageIndex, imageDigest = nil, origin.Index(), origin.Digest()
				}
			case 1:
				if origin.Snapshotting() {
					image, _ = origin.SnapshotNext(image, rapid.IntRange(1, 300).Draw(t, "maxBytes"))
				}
			default:
				now += int64(rapid.SampledFrom([]int{-5, 0, 1, 2, 50, 2000}).Draw(t, "ms"))
				batch := batches.Draw(t, "batch")
				log = append(log, applyBoth(t, origin, follower, batch, now, uint64(step)))
			}
		}
		if image != nil {
			if origin.Snapshotting() {
				image = finishSnapshot(origin, image)
			}
			joiner, err := Restore(bytes.NewReader(image), propertyConfig)
			if err != nil {
				t.Fatal(err)
			}
			if joiner.Index() != imageIndex || joiner.Digest() != imageDigest {
				t.Fatalf("the snapshot is not the state at its index %d", imageIndex)
			}
			replay(t, joiner, log)
			if joiner.Digest() != origin.Digest() {
				t.Fatal("the restored node has another state")
			}
			checkStore(t, joiner)
		}
		checkStore(t, origin)
	})
}

// applyBoth makes an entry of batch and applies it on the node that made it and
// on another.
func applyBoth(t *rapid.T, origin, follower *Store, batch []Command, now int64, seed uint64) appliedEntry {
	a := appliedEntry{index: origin.Index() + 1 + seed%2, entry: AppendEntry(nil, batch)}
	Stamp(a.entry, now, seed)
	SetOrigin(a.entry, Origin{7, seed})
	replies := origin.ApplyBatch(a.index, a.entry, batch, []byte("before"))
	digest := origin.Digest()
	a.replies = follower.Apply(a.index, bytes.Clone(a.entry), nil)
	a.hash = follower.Hash()
	if origin.Hash() != a.hash || digest != follower.Digest() {
		t.Fatalf("entry %d: the nodes differ", a.index)
	}
	if n := countReplies(t, replies[len("before"):]); n != len(batch) {
		t.Fatalf("%d replies to %d commands: %q", n, len(batch), replies)
	}

	var reads []Command
	for _, c := range batch {
		if c.Class() != Write {
			reads = append(reads, c)
		}
	}
	x, y := origin.ReadBatch(reads, 5, nil), follower.ReadBatch(reads, 5, nil)
	if !bytes.Equal(x, y) {
		t.Fatalf("the nodes read %q and %q", x, y)
	}
	if origin.Digest() != digest {
		t.Fatal("a read has changed the state")
	}
	return a
}

func replay(t *rapid.T, s *Store, log []appliedEntry) {
	for _, a := range log {
		if a.index <= s.Index() {
			continue
		}
		if replies := s.Apply(a.index, a.entry, nil); !bytes.Equal(replies, a.replies) || s.Hash() != a.hash {
			t.Fatalf("entry %d: replies %q, were %q", a.index, replies, a.replies)
		}
	}
}

func countReplies(t *rapid.T, b []byte) (n int) {
	for ; len(b) > 0; n++ {
		_, b = renderReply(b)
	}
	return n
}

// TestScanReturnsWhatStays: keys that are there during the whole scan are
// returned, whatever comes and goes, in one slot or in many; and it ends.
func TestScanReturnsWhatStays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := New(Config{})
		name := func(kind string, i int) string {
			if i%2 == 0 {
				return fmt.Sprintf("{one}%s%d", kind, i)
			}
			return fmt.Sprintf("%s%d", kind, i)
		}
		write := func(words ...string) {
			s.Apply(s.Index()+1, entryOf(1, 1, command(0, words...)), nil)
		}
		stays := map[string]bool{}
		for i := range rapid.IntRange(0, 200).Draw(t, "stay") {
			write("SET", name("stays", i), "1")
			stays[name("stays", i)] = true
		}
		count := rapid.IntRange(1, 50).Draw(t, "count")
		cursor := "0"
		for round := 0; ; round++ {
			if round > 1000 {
				t.Fatal("the scan does not end")
			}
			raw := s.ReadBatch([]Command{command(0, "SCAN", cursor, "COUNT", fmt.Sprint(count))}, 1, nil)
			replies := parseScan(raw)
			for _, key := range replies[1:] {
				delete(stays, key)
			}
			if cursor = replies[0]; cursor == "0" {
				break
			}
			for range rapid.IntRange(0, 30).Draw(t, "churn") {
				i := rapid.IntRange(0, 300).Draw(t, "key")
				write(rapid.SampledFrom([]string{"SET", "APPEND"}).Draw(t, "write"), name("goes", i), "1")
				write("DEL", name("goes", rapid.IntRange(0, 300).Draw(t, "gone")))
			}
		}
		if len(stays) > 0 {
			t.Fatalf("%d keys were passed over", len(stays))
		}
		checkStore(t, s)
	})
}

// parseScan returns the cursor and the keys.
func parseScan(raw []byte) (out []string) {
	lines := bytes.Split(raw, []byte("\r\n")) // *2 $n cursor *n $n key …
	out = append(out, string(lines[2]))
	for i := 5; i < len(lines); i += 2 {
		out = append(out, string(lines[i]))
	}
	return out
}
