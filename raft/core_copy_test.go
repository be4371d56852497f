package raft

import (
	"encoding/binary"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unsafe"
)

// cloneCore copies a core so that either can go on without the other noticing.
// What the core never changes in place is shared: the bytes of entries, the
// entries themselves (an append to the clipped slice moves them), decoded
// configurations, snapshots' metadata. Rand is shared too and must be constant.
func cloneCore(c *Core) *Core {
	d := *c
	d.log.entries = slices.Clip(c.log.entries)
	d.log.writes = slices.Clone(c.log.writes)
	d.configs = slices.Clone(c.configs)
	d.votes = maps.Clone(c.votes)
	d.heard = maps.Clone(c.heard)
	d.asks = slices.Clone(c.asks)
	d.sends = slices.Clone(c.sends)
	d.reads = slices.Clone(c.reads)
	d.failed = slices.Clone(c.failed)
	if c.ack != nil {
		ack := *c.ack
		d.ack = &ack
	}
	if c.lead != nil {
		lead := *c.lead
		lead.progress = make(map[NodeID]*progress, len(c.lead.progress))
		for id, p := range c.lead.progress {
			q := *p
			q.window = slices.Clone(p.window)
			lead.progress[id] = &q
		}
		lead.reads.open = slices.Clone(c.lead.reads.open)
		lead.reads.asked = slices.Clone(c.lead.reads.asked)
		lead.reads.waiting = slices.Clone(c.lead.reads.waiting)
		lead.snapshotTo = slices.Clone(c.lead.snapshotTo)
		d.lead = &lead
	}
	return &d
}

// fingerprint collects the canonical bytes of a state.
type fingerprint []byte

func (f *fingerprint) number(v uint64) { *f = binary.AppendUvarint(*f, v) }

func (f *fingerprint) flag(b bool) { f.number(uint64(count(b))) }

func (f *fingerprint) text(s string) { *f = appendString(*f, s) }

func (f *fingerprint) entries(entries []Entry) {
	f.number(uint64(len(entries)))
	for i := range entries {
		e := &entries[i]
		f.number(e.Index)
		f.number(e.Term)
		f.number(uint64(e.Type))
		f.text(string(e.Data))
	}
}

func (f *fingerprint) hardState(h HardState) {
	f.number(h.Term)
	f.text(string(h.Vote))
	f.number(h.Commit)
}

func (f *fingerprint) snapshot(s *SnapshotMeta) {
	f.flag(s != nil)
	if s != nil {
		f.number(s.Index)
		f.number(s.Term)
		*f = s.Config.Append(*f)
	}
}

func (f *fingerprint) message(m *Message) {
	f.number(uint64(m.Type))
	f.text(string(m.From))
	f.text(string(m.To))
	for _, v := range []uint64{m.Incarnation, m.Term, m.LogIndex, m.LogTerm, m.Commit, m.Round, m.Index, m.ID} {
		f.number(v)
	}
	f.flag(m.Reject)
	f.flag(m.Force)
	f.entries(m.Entries)
	f.snapshot(m.Snapshot)
}

// core writes down all that the core's behaviour depends on, and nothing else:
// two cores with the same bytes do the same for ever. Hence
//   - numbers of writes are told relative to the last durable one, since they
//     are only compared with each other; what is durable is durable;
//   - ticks are told as ages, and ages only up to the limit that they are
//     compared with;
//   - sums over entries and the counters of elections are left out.
func (f *fingerprint) core(c *Core) {
	f.text(string(c.cfg.ID))
	f.number(c.cfg.Incarnation)
	f.number(c.term)
	f.text(string(c.vote))
	f.number(uint64(c.role))
	f.text(string(c.leader))
	f.number(c.seenRound)
	f.coreLog(c)
	f.number(uint64(len(c.configs)))
	for _, p := range c.configs {
		f.number(p.index)
		*f = p.config.Append(*f)
	}
	f.flag(c.dismissed)
	f.votes(c.votes)
	f.number(uint64(len(c.heard)))
	for _, id := range slices.Sorted(maps.Keys(c.heard)) {
		f.text(string(id))
		f.number(c.heard[id])
	}
	if c.role != Leader { // a leader's election timer rests
		f.number(uint64(c.elapsedTicks))
	}
	f.number(uint64(c.timeoutTicks))
	f.number(c.nonce)
	f.number(uint64(len(c.asks)))
	for _, a := range c.asks {
		f.number(a.id)
		f.number(min(c.ticks-a.tick, uint64(c.cfg.ElectionTicks)))
	}
	f.number(c.seq - c.persistedSeq)
	f.number(sinceDurable(c, c.hardSeq))
	f.hardState(c.writtenHard)
	f.snapshot(c.snapshot)
	f.coreOutput(c)
	f.flag(c.lead != nil)
	if c.lead != nil {
		f.leadership(c)
	}
}

func sinceDurable(c *Core, seq uint64) uint64 { return max(seq, c.persistedSeq) - c.persistedSeq }

func (f *fingerprint) coreLog(c *Core) {
	l := &c.log
	for _, v := range []uint64{l.base, l.baseTerm, l.commit, l.handed, l.applied, l.written, l.durable} {
		f.number(v)
	}
	f.entries(l.entries)
	f.number(uint64(len(l.writes)))
	for _, w := range l.writes {
		f.number(w.seq - c.persistedSeq)
		f.number(w.last)
		f.number(min(c.ticks-w.tick, uint64(c.cfg.DiskStallTicks+1)))
	}
}

func (f *fingerprint) votes(votes map[NodeID]bool) {
	f.number(uint64(len(votes)))
	for _, id := range slices.Sorted(maps.Keys(votes)) {
		f.text(string(id))
		f.flag(votes[id])
	}
}

// coreOutput is what waits for the next Flush.
func (f *fingerprint) coreOutput(c *Core) {
	f.flag(c.ack != nil)
	if c.ack != nil {
		f.text(string(c.ack.to))
		f.number(c.ack.index)
	}
	f.number(uint64(len(c.sends)))
	for i := range c.sends {
		f.number(sinceDurable(c, c.sends[i].After))
		f.message(&c.sends[i].Msg)
	}
	f.number(uint64(len(c.reads)))
	for _, r := range c.reads {
		f.number(r.ID)
		f.number(r.Index)
	}
	f.number(uint64(len(c.failed)))
	for _, id := range c.failed {
		f.number(id)
	}
}

func (f *fingerprint) leadership(c *Core) {
	ld := c.lead
	f.number(ld.noOp)
	f.number(uint64(ld.beatTicks))
	f.flag(ld.beatDue)
	f.number(ld.reads.round)
	for _, reads := range [][]read{ld.reads.open, ld.reads.asked, ld.reads.waiting} {
		f.number(uint64(len(reads)))
		for _, r := range reads {
			f.number(r.id)
			f.number(r.nonce)
			f.text(string(r.from))
			f.number(r.index)
		}
	}
	f.text(string(ld.transferee))
	f.number(uint64(ld.transferTicks))
	f.flag(ld.timeoutSent)
	f.flag(ld.handedOver)
	f.number(max(ld.stallTick, c.ticks) - c.ticks)
	f.number(uint64(len(ld.snapshotTo)))
	for _, id := range ld.snapshotTo {
		f.text(string(id))
	}
	f.number(uint64(len(ld.progress)))
	for _, id := range slices.Sorted(maps.Keys(ld.progress)) {
		f.text(string(id))
		f.progress(c, ld.progress[id])
	}
}

func (f *fingerprint) progress(c *Core, p *progress) {
	f.text(p.state)
	for _, v := range []uint64{p.match, p.next, p.beatMatch, p.told, p.notify, p.round, p.roundSent} {
		f.number(v)
	}
	f.flag(p.probing)
	if p.probing {
		f.number(min(c.ticks-p.probeTick, uint64(c.cfg.HeartbeatTicks)))
	}
	f.number(uint64(len(p.window)))
	for _, w := range p.window {
		f.number(w.last)
		f.number(uint64(w.bytes))
	}
	f.number(min(c.ticks-p.beatTick, uint64(c.cfg.HeartbeatTicks)))
	f.flag(p.verify)
	f.flag(p.down)
	f.number(p.goal)
	if p.goal > 0 {
		f.number(min(c.ticks-p.goalTick, uint64(c.cfg.ElectionTicks)))
	}
	f.number(min(c.ticks-p.heardTick, uint64(c.cfg.ElectionTicks)))
}

// leaves calls f with every value inside v that holds no other, through
// unexported fields, pointers, slices and maps, and with a function that sets it.
func leaves(v reflect.Value, path string, f func(path string, v reflect.Value, set func(reflect.Value))) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			field := v.Field(i)
			leaves(reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem(), path+"."+v.Type().Field(i).Name, f)
		}
	case reflect.Pointer:
		if v.Type() != reflect.TypeFor[*rand.Rand]() {
			leaves(v.Elem(), path, f)
		}
	case reflect.Slice:
		for i := range v.Len() {
			leaves(v.Index(i), path+"[]", f)
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			if elem := v.MapIndex(key); elem.Kind() == reflect.Pointer {
				leaves(elem, path+"[]", f)
			} else {
				f(path+"[]", elem, func(to reflect.Value) { v.SetMapIndex(key, to) })
			}
		}
	default:
		f(path, v, v.Set)
	}
}

// fill puts one element into every slice, map and pointer below v.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			field := v.Field(i)
			fill(reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem())
		}
	case reflect.Pointer:
		if v.Type() != reflect.TypeFor[*rand.Rand]() {
			v.Set(reflect.New(v.Type().Elem()))
			fill(v.Elem())
		}
	case reflect.Slice:
		// Room behind it, so that an append by one owner would show at the other.
		v.Set(reflect.MakeSlice(v.Type(), 1, 4))
		fill(v.Index(0))
	case reflect.Map:
		elem := reflect.New(v.Type().Elem()).Elem()
		fill(elem)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf(NodeID("7")), elem)
	case reflect.String:
		v.SetString("7")
	case reflect.Bool:
		v.SetBool(true)
	default:
		if v.CanUint() {
			v.SetUint(7)
		} else {
			v.SetInt(7)
		}
	}
}

// another is a value of v's type that is not v.
func another(v reflect.Value) reflect.Value {
	next := reflect.New(v.Type()).Elem()
	switch {
	case v.Kind() == reflect.String:
		next.SetString(v.String() + "x")
	case v.Kind() == reflect.Bool:
		next.SetBool(!v.Bool())
	case v.CanUint():
		next.SetUint(v.Uint() + 1)
	default:
		next.SetInt(v.Int() + 1)
	}
	return next
}

// filledCore has something in every field. No age has reached its limit, so
// that each one shows in the fingerprint.
func filledCore() *Core {
	c := new(Core)
	fill(reflect.ValueOf(c).Elem())
	c.role = Follower
	c.ticks, c.persistedSeq, c.lead.stallTick = 100, 1, 200
	c.cfg.ElectionTicks, c.cfg.HeartbeatTicks, c.cfg.DiskStallTicks = 1000, 1000, 1000
	return c
}

func fingerprintOf(c *Core) string {
	var f fingerprint
	f.core(c)
	return string(f)
}

// TestFingerprintTellsAllStatesApart changes every field of a core in turn. A
// field that is new and not in the fingerprint fails here.
func TestFingerprintTellsAllStatesApart(t *testing.T) {
	same := map[string]string{
		".log.bytes":                   "a sum over entries",
		".log.uncommitted":             "a sum over entries",
		".lead.progress[].windowBytes": "a sum over window",
		".elections.Won":               "only counted",
		".elections.Lost":              "only counted",
		".elections.PreVoteLost":       "only counted",
	}
	c := filledCore()
	before := fingerprintOf(c)
	seen := 0
	leaves(reflect.ValueOf(c).Elem(), "", func(path string, v reflect.Value, set func(reflect.Value)) {
		if strings.HasPrefix(path, ".cfg.") && path != ".cfg.ID" && path != ".cfg.Incarnation" {
			return // the same in every state of a member
		}
		old := reflect.ValueOf(v.Interface())
		set(another(v))
		if _, ok := same[path]; ok == (fingerprintOf(c) != before) {
			t.Errorf("%s: in the fingerprint: %v, wanted otherwise", path, !ok)
		}
		set(old)
		seen++
	})
	if fingerprintOf(c) != before || seen < 100 {
		t.Errorf("%d fields were tried", seen)
	}
}

// TestCloneIsEqualAndApart: a clone has everything, and changing or growing it
// leaves the original as it was.
func TestCloneIsEqualAndApart(t *testing.T) {
	shared := []string{".Data", ".config.", ".Config.", ".snapshot.", ".Snapshot.", ".log.entries", ".sends[].Msg.Entries"}
	c, untouched := filledCore(), filledCore()
	d := cloneCore(c)
	if !reflect.DeepEqual(c, d) {
		t.Fatalf("the clone of\n%+v is\n%+v", c, d)
	}
	leaves(reflect.ValueOf(d).Elem(), "", func(path string, v reflect.Value, set func(reflect.Value)) {
		if !slices.ContainsFunc(shared, func(s string) bool { return strings.Contains(path, s) }) {
			set(another(v))
		}
	})
	d.log.append(Entry{Index: d.log.last() + 1, Term: 1 << 20})
	d.configs = append(d.configs[:0], placedConfig{index: 9})
	if spare := c.log.entries[:2]; spare[1].Index != 0 {
		t.Error("the clone appends into the original's log")
	}
	if !reflect.DeepEqual(c, untouched) {
		t.Errorf("the original has changed with its clone:\n%+v, was\n%+v", c, untouched)
	}
}
