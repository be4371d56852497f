package model_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"redoubt/fsm"
	"redoubt/raft/sim/model"
)

var (
	seedFlag  = flag.Uint64("model.seed", 0, "run only this seed of TestStore")
	seedsFlag = flag.Int("model.seeds", 500, "seeds that TestStore runs")
)

// TestStore gives random clients' batches to package fsm and to the model. Every
// reply must be the same to the byte, and so must all keys be.
func TestStore(t *testing.T) {
	if *seedFlag != 0 {
		w := newWorld(*seedFlag)
		if err := w.run(); err != nil {
			t.Fatal(err)
		}
		return
	}
	var sum counts
	failed := 0
	for seed := range uint64(*seedsFlag) {
		w := newWorld(seed + 1)
		if err := w.run(); err != nil {
			if failed++; failed <= 3 {
				t.Errorf("%v\nreplay: go test ./raft/sim/model -run TestStore -model.seed=%d", err, seed+1)
			}
		}
		sum.add(w.counts)
		sum.Spurious += w.model.Spurious
		for v := range sum.Verdicts {
			sum.Verdicts[v] += w.model.Verdicts[v]
		}
	}
	if failed > 0 {
		t.Errorf("%d of %d seeds fail", failed, *seedsFlag)
	}
	t.Logf("%d seeds, %+v", *seedsFlag, sum)
	if failed == 0 && *seedsFlag >= 500 && (slices.Min(sum.Verdicts[:]) < 50 || sum.Spurious < 10) {
		t.Error("the watched transactions hardly test anything")
	}
}

// counts says what the runs were full of.
type counts struct {
	Commands, Errors, Batches, Reads, Keys int
	Verdicts                               [3]int
	Spurious                               int
}

func (c *counts) add(d counts) {
	c.Commands += d.Commands
	c.Errors += d.Errors
	c.Batches += d.Batches
	c.Reads += d.Reads
	c.Keys += d.Keys
}

const databases = 4

// world is a store and a model that are given the same.
type world struct {
	rng     *rand.Rand
	gen     *model.Generator
	store   *fsm.Store
	model   *model.Model
	clients []client
	nowMs   int64
	index   uint64
	counts  counts

	idle     *model.Model // of which model is a clone
	idleKeys []model.Key
}

type client struct {
	watches []fsm.Watch
	model   []model.Watch
}

func newWorld(seed uint64) *world {
	rng := rand.New(rand.NewPCG(seed, 0))
	return &world{
		rng: rng, gen: model.NewGenerator(rng, databases), nowMs: 1_700_000_000_000,
		store: fsm.New(fsm.Config{Databases: databases}), model: model.New(databases),
		clients: make([]client, 1+rng.IntN(5)),
	}
}

const commandsPerSeed = 300

func (w *world) run() error {
	for w.counts.Commands < commandsPerSeed {
		w.nowMs += [...]int64{0, 0, 1, 2, 10, 100, 1000, -5}[w.rng.IntN(8)]
		id := w.rng.IntN(len(w.clients))
		if err := w.serve(&w.clients[id], w.gen.Pipeline(id, w.nowMs)); err != nil {
			return err
		}
		if w.rng.IntN(20) == 0 {
			if err := w.serve(&w.clients[id], nil); err != nil { // a tick of the clock
				return err
			}
		}
		if w.rng.IntN(20) == 0 {
			if err := w.compareKeys(); err != nil {
				return err
			}
		}
		if w.rng.IntN(20) == 0 {
			w.idle, w.idleKeys = w.model, w.model.Dump()
			w.model = w.model.Clone()
			w.model.Verdicts, w.model.Spurious = w.idle.Verdicts, w.idle.Spurious
		}
	}
	if w.idle != nil && !slices.Equal(w.idle.Dump(), w.idleKeys) {
		return errors.New("a clone has changed the original")
	}
	return w.compareKeys()
}

// serve puts a client's pipeline through both.
func (w *world) serve(c *client, groups []model.Group) error {
	var batch []fsm.Command
	for i := range groups {
		batch = append(batch, w.convert(c, &groups[i]))
	}
	var theirs, ours []byte
	if isRead(batch) && len(batch) > 0 {
		theirs = w.store.ReadBatch(batch, 1, nil)
		ours = w.model.Read(groups, theirs, nil)
		w.counts.Reads++
	} else {
		w.index++
		entry := fsm.AppendEntry(nil, batch)
		fsm.Stamp(entry, w.nowMs, w.index)
		theirs = w.store.ApplyBatch(w.index, entry, batch, nil)
		ours = w.model.Entry(w.nowMs, groups, theirs, nil)
	}
	w.counts.Batches++
	if w.model.Now() != w.store.Now() {
		return fmt.Errorf("time is %d, in the model %d", w.store.Now(), w.model.Now())
	}
	if err := w.compareReplies(groups, theirs, ours); err != nil {
		return err
	}
	for db := range databases {
		size := command(db, "DBSIZE")
		ours = w.model.Read([]model.Group{size}, nil, ours[:0])
		if theirs := w.read(db, "DBSIZE")[0]; ":"+theirs+"\r\n" != string(ours) {
			return fmt.Errorf("after entry %d: %s keys in database %d, in the model %q", w.index, theirs, db, ours)
		}
	}
	return nil
}

func isRead(batch []fsm.Command) bool {
	for i := range batch {
		if batch[i].Class() == fsm.Write {
			return false
		}
	}
	return true
}

// convert makes of a group what a connection would, and gives WATCH and EXEC the
// client's watches.
func (w *world) convert(c *client, g *model.Group) fsm.Command {
	var commands []fsm.Command
	for i := range g.Commands {
		m := &g.Commands[i]
		w.counts.Commands++
		f := fsm.Command{DB: m.DB, Proto: g.Proto, Literal: m.Literal}
		if m.Literal == nil {
			spec, errText := fsm.Resolve(m.Args)
			if spec == nil {
				panic(errText)
			}
			f.Spec, f.Args = spec, m.Args
			if spec.Name == "watch" {
				f.Watched, m.Watched = &c.watches, &c.model
			}
		}
		commands = append(commands, f)
	}
	if !g.Multi {
		return commands[0]
	}
	g.Watches = c.model
	f := fsm.Command{Proto: g.Proto, Exec: &fsm.Exec{Watches: c.watches, Commands: commands}}
	c.watches, c.model = nil, nil
	return f
}

// compareReplies looks for the first group whose replies differ, and counts.
func (w *world) compareReplies(groups []model.Group, theirs, ours []byte) error {
	for i := range groups {
		g := &groups[i]
		n := min(replyLen(theirs), len(ours))
		reply, want := theirs[:n], ours[:min(replyLen(ours), len(ours))]
		if !bytes.Equal(reply, want) {
			return fmt.Errorf("entry %d, log time %d, group %d of %d:\n%sfsm   %.200q\nmodel %.200q",
				w.index, w.store.Now(), i, len(groups), show(g), theirs[:min(replyLen(theirs), len(theirs))], want)
		}
		w.counts.Errors += bytes.Count(reply, []byte("\r\n-"))
		if reply[0] == '-' {
			w.counts.Errors++
		}
		theirs, ours = theirs[n:], ours[n:]
	}
	if len(theirs)+len(ours) > 0 {
		return fmt.Errorf("entry %d: %d and %d bytes of replies too many", w.index, len(theirs), len(ours))
	}
	return nil
}

// replyLen is the length of the first reply.
func replyLen(b []byte) int {
	end := bytes.IndexByte(b, '\n') + 1
	n, _ := strconv.Atoi(string(b[1 : end-2]))
	switch b[0] {
	case '$':
		if n >= 0 {
			end += n + 2
		}
	case '*':
		for range max(n, 0) {
			end += replyLen(b[end:])
		}
	}
	return end
}

func show(g *model.Group) string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "RESP%d, multi %v, %d watches\n", g.Proto, g.Multi, len(g.Watches))
	for _, c := range g.Commands {
		fmt.Fprintf(&b, "  db %d  ", c.DB)
		for _, arg := range c.Args {
			fmt.Fprintf(&b, " %.60q", arg)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// compareKeys compares all keys of all databases.
func (w *world) compareKeys() error {
	theirs, ours := w.storeKeys(), w.model.Dump()
	w.counts.Keys += len(ours)
	for i := range max(len(theirs), len(ours)) {
		if i >= len(theirs) || i >= len(ours) || theirs[i] != ours[i] {
			return fmt.Errorf("after entry %d, at %d, the keys differ from number %d on:\nfsm   %.1000v\nmodel %.1000v",
				w.index, w.nowMs, i, fmt.Sprint(theirs[i:]), fmt.Sprint(ours[i:]))
		}
	}
	return nil
}

// TestGeneratorIsRepeatable: what it makes follows from the seed, and no two
// commands write the same value.
func TestGeneratorIsRepeatable(t *testing.T) {
	written := map[string]bool{}
	for seed := range uint64(50) {
		a := model.NewGenerator(rand.New(rand.NewPCG(seed, 0)), databases)
		b := model.NewGenerator(rand.New(rand.NewPCG(seed, 0)), databases)
		clear(written)
		for i := range 100 {
			x, y := a.Pipeline(i%3, int64(i)), b.Pipeline(i%3, int64(i))
			if fmt.Sprint(x) != fmt.Sprint(y) {
				t.Fatalf("seed %d: two runs differ: %v and %v", seed, x, y)
			}
			for _, g := range x {
				for _, c := range g.Commands {
					var values []string
					for _, arg := range c.Args {
						if s := string(arg); strings.HasPrefix(s, "v") || strings.HasSuffix(s, ";") {
							values = append(values, s)
						}
					}
					for _, v := range slices.Compact(values) {
						if written[v] {
							t.Fatalf("seed %d: %.40q is written twice", seed, v)
						}
						written[v] = true
					}
				}
			}
		}
	}
}

// TestManyKeysFallDue: an entry removes at most 256 keys, the earliest first,
// and DBSIZE counts the others until their turn comes.
func TestManyKeysFallDue(t *testing.T) {
	w := newWorld(1)
	start := w.nowMs
	for i := range 700 {
		set := command(i%databases, "SET", fmt.Sprint("k", i*7919%1000), "v", "PXAT", fmt.Sprint(start+int64(i*31%300)))
		if err := w.serve(&w.clients[0], []model.Group{set}); err != nil {
			t.Fatal(err)
		}
	}
	for _, w.nowMs = range []int64{start, start + 149, start + 150, start + 299, start + 300, start + 300, start + 300, start + 300} {
		var groups []model.Group
		for db := range databases {
			groups = append(groups, command(db, "DBSIZE"), command(db, "DEL", "none"), command(db, "DEL", fmt.Sprint("k", db)))
		}
		if err := w.serve(&w.clients[0], groups); err != nil {
			t.Fatal(err)
		}
		if err := w.compareKeys(); err != nil {
			t.Fatal(err)
		}
	}
}

func command(db int, args ...string) model.Group {
	c := model.Command{DB: db}
	for _, arg := range args {
		c.Args = append(c.Args, []byte(arg))
	}
	return model.Group{Proto: 2, Commands: []model.Command{c}}
}

// TestModelKnowsTheCommandTable lists the commands that the model leaves out.
func TestModelKnowsTheCommandTable(t *testing.T) {
	var missing []string
	for _, s := range fsm.Table() {
		if s.Class != fsm.Session && !model.Knows(s.Name) {
			missing = append(missing, s.Name)
		}
	}
	want := "bitfield bitfield_ro bitop bitpos keys lcs randomkey scan"
	if got := strings.Join(missing, " "); got != want {
		t.Errorf("the model leaves out %s; expected were %s", got, want)
	}
}

func BenchmarkEntry(b *testing.B) {
	b.ReportAllocs()
	commands := 0
	for b.Loop() {
		b.StopTimer()
		rng := rand.New(rand.NewPCG(uint64(commands), 0))
		gen, m := model.NewGenerator(rng, databases), model.New(databases)
		var batches [][]model.Group
		for i := range int64(100) {
			batches = append(batches, gen.Pipeline(1, 1_700_000_000_000+10*i))
		}
		b.StartTimer()
		var reply []byte
		for i, batch := range batches {
			reply = m.Entry(1_700_000_000_000+10*int64(i), batch, nil, reply[:0])
			for _, g := range batch {
				commands += len(g.Commands)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(commands), "ns/command")
}

// storeKeys is Model.Dump of the store.
func (w *world) storeKeys() (all []model.Key) {
	for db := range databases {
		keys := w.read(db, "KEYS", "*")
		slices.Sort(keys)
		for _, key := range keys {
			at, _ := strconv.ParseInt(w.read(db, "PEXPIRETIME", key)[0], 10, 64)
			all = append(all, model.Key{
				DB: db, Key: key, Type: w.read(db, "TYPE", key)[0], Value: w.read(db, "GET", key)[0], DeadlineMs: max(at, 0),
			})
		}
	}
	return all
}

// read returns a reply or the elements of an array.
func (w *world) read(db int, args ...string) (values []string) {
	c := fsm.Command{DB: db, Proto: 2}
	for _, arg := range args {
		c.Args = append(c.Args, []byte(arg))
	}
	c.Spec, _ = fsm.Resolve(c.Args)
	reply := w.store.ReadBatch([]fsm.Command{c}, 1, nil)
	if reply[0] == '*' {
		reply = reply[bytes.IndexByte(reply, '\n')+1:]
	}
	for len(reply) > 0 {
		n := replyLen(reply)
		value := reply[1 : n-2]
		if reply[0] == '$' {
			value = value[bytes.IndexByte(value, '\n')+1:]
		}
		values, reply = append(values, string(value)), reply[n:]
	}
	return values
}
