package sim

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// troubles are the verbs by which things go wrong.
var troubles = []verb{
	{syntax: "isolate NODES", meaning: "each of them hears nobody and is heard by nobody", run: eachNode(func(s *scene, n *node) {
		s.links(func(from, to *node) bool { return from == n || to == n }, (*link).cut)
	})},
	{syntax: "split NODES from NODES", meaning: "no message between the two groups", run: done(func(s *scene, a []string) {
		left, right := s.named(a[0]), s.named(a[1])
		s.links(func(from, to *node) bool {
			return slices.Contains(left, from) && slices.Contains(right, to) || slices.Contains(right, from) && slices.Contains(left, to)
		}, (*link).cut)
	})},
	{syntax: "cut NODE -> NODE", meaning: "nothing gets from the first to the second", run: done(func(s *scene, a []string) {
		s.links(s.direction(a), (*link).cut)
	})},
	{syntax: "slow NODE -> NODE TIME", meaning: "everything takes so much longer", run: done(func(s *scene, a []string) {
		s.links(s.direction(a), func(l *link) { l.slowUs = microseconds(a[2]) })
	})},
	{syntax: "hold NODE -> NODE [MESSAGE]", meaning: "messages from the first stay on their way, or only those of a type: `Append`, `AppendReply`, `TimeoutNow`, …", run: func(s *scene, a []string) error {
		if a[2] != "" && !slices.Contains(slices.Collect(maps.Values(messageNames)), a[2]) {
			return fmt.Errorf("no message has that name")
		}
		s.links(s.direction(a), func(l *link) { s.held[l] = &hold{only: a[2]} })
		return nil
	}},
	{syntax: "release NODE -> NODE", meaning: "what was held arrives", run: done(func(s *scene, a []string) {
		s.links(s.direction(a), func(l *link) { s.release(l, true) })
	})},
	{syntax: "drop NODE -> NODE", meaning: "what was held is lost", run: done(func(s *scene, a []string) {
		s.links(s.direction(a), func(l *link) { s.release(l, false) })
	})},
	{syntax: "heal [NODE -> NODE]", meaning: "this link, or all, work as they should, and what was held arrives", run: done(func(s *scene, a []string) {
		if a[0] == "" {
			s.healLinks()
			return
		}
		s.links(s.direction(a), s.healLink)
	})},

	{syntax: "kill NODES", meaning: "SIGKILL: what was written stays in the page cache", run: eachNode(func(s *scene, n *node) {
		s.absent[n] = true
		n.kill()
	})},
	{syntax: "power NODES [HOW]", meaning: "the power goes. Of what was not synced nothing is left (`loses`), or all (`keeps`), or what the seed decides", run: func(s *scene, a []string) error {
		for _, n := range s.named(a[0]) {
			s.absent[n] = true
			n.disk.settleAs(a[1])
			n.powerOff("by the script")
		}
		return nil
	}},
	{syntax: "power NODE at OP NUMBER [of FILE] [HOW]", meaning: "the power goes instead of the NUMBERth of these operations of its disk from now on. " +
		"OP is `write`, `sync`, `read`, `name` (a file is made, renamed or removed, or a directory synced) or any `operation`", run: func(s *scene, a []string) error {
		return s.onDisk(a[0], diskRule{op: a[1], nth: a[2], files: a[3]}, func(n *node, op diskOp, file string) error {
			s.absent[n] = true
			n.disk.settleAs(a[4])
			panic(powerCut{op, file})
		})
	}},
	{syntax: "restart NODES [every TIME]", meaning: "start the processes that are not there, in this order", run: done(func(s *scene, a []string) {
		for i, n := range s.named(a[0]) {
			if i > 0 && a[1] != "" {
				s.runUntil(s.nowUs + microseconds(a[1]))
			}
			delete(s.absent, n)
			n.removed = false // it will be told again
			n.start()
		}
	})},
	{syntax: "pause NODE", meaning: "SIGSTOP", run: done(func(s *scene, a []string) { s.node(a[0]).faults.pauses++ })},
	{syntax: "resume NODE [late TIME]", meaning: "SIGCONT; `late`: the machine was asleep, its clock is behind by so much", run: done(func(s *scene, a []string) {
		n := s.node(a[0])
		n.faults.pauses = 0
		if a[1] != "" {
			n.faults.clockMs -= microseconds(a[1]) / 1000
		}
		n.thaw()
	})},

	{syntax: "disk NODE fails at OP NUMBER [of FILE]", meaning: "the NUMBERth of these operations from now on, and only that, fails with EIO; a failed fsync loses its pages", run: func(s *scene, a []string) error {
		return s.onDisk(a[0], diskRule{op: a[1], nth: a[2], files: a[3]}, s.failsOnDisk)
	}},
	{syntax: "disk NODE fails at every OP [of FILE]", meaning: "the same, again and again", run: func(s *scene, a []string) error {
		return s.onDisk(a[0], diskRule{op: a[1], nth: "every", files: a[2]}, s.failsOnDisk)
	}},
	{syntax: "disk NODE hangs", meaning: "its syncs do not return", run: done(func(s *scene, a []string) { s.node(a[0]).faults.stalls++ })},
	{syntax: "disk NODE slow NUMBER", meaning: "a sync takes so many milliseconds", run: done(func(s *scene, a []string) {
		s.plan.Knobs.DiskUs = 1000
		s.node(a[0]).faults.slowDisk, _ = strconv.ParseInt(a[1], 10, 64)
	})},
	{syntax: "disk NODE full NUMBER", meaning: "there is room for so many bytes more", run: done(func(s *scene, a []string) {
		n := s.node(a[0])
		left, _ := strconv.ParseInt(a[1], 10, 64)
		n.disk.capacity = n.disk.used + left
	})},
	{syntax: "disk NODE works", meaning: "none of this any more", run: done(func(s *scene, a []string) {
		n := s.node(a[0])
		s.diskLaw[n] = nil
		n.disk.capacity, n.faults.slowDisk, n.faults.stalls = 0, 0, 0
		n.thaw()
	})},
	{syntax: "rot NODE FILE", meaning: "a bit in the middle of the newest such file of a node that is down is another one", run: func(s *scene, a []string) error {
		return s.damageFile(a, func(n *node, name string) {
			i := n.disk.names[name]
			used := len(strings.TrimRight(string(i.data), "\x00"))
			i.data[used/2] ^= 1
			i.durable = slices.Clone(i.data)
		})
	}},
	{syntax: "remove NODE FILE", meaning: "the newest such file of a node that is down is gone", run: func(s *scene, a []string) error {
		return s.damageFile(a, func(n *node, name string) {
			delete(n.disk.names, name)
			delete(n.disk.durable, name)
		})
	}},
	{syntax: "wipe NODE", meaning: "it has an empty disk", run: done(func(s *scene, a []string) {
		n := s.node(a[0])
		s.absent[n] = true
		n.powerOff("before its disk is lost")
		s.wipe(n)
	})},
}

// links does something to all links of which it is said that they are meant.
func (s *scene) links(meant func(from, to *node) bool, do func(*link)) {
	for _, from := range s.nodes {
		for _, to := range s.nodes {
			if from != to && meant(from, to) {
				do(s.net.link(from, to))
			}
		}
	}
}

// direction is the link from the first to the second.
func (s *scene) direction(a []string) func(from, to *node) bool {
	return func(from, to *node) bool { return from == s.node(a[0]) && to == s.node(a[1]) }
}

func (l *link) cut() { l.cuts = 1 }

// hold keeps messages on a link.
type hold struct {
	only string // this type, "" = all
	kept []*envelope
}

// watchMessages sees to it that the network has envelopes of the scene's to use,
// which come by before they arrive.
func (s *scene) watchMessages() {
	for len(s.net.spare) < 1000 {
		e := &envelope{net: &s.net}
		e.run = func() {
			if h := s.held[e.link]; h != nil && (h.only == "" || h.only == messageNames[e.msg.Type]) {
				h.kept = append(h.kept, e)
				return
			}
			e.arrive()
		}
		s.net.spare = append(s.net.spare, e)
	}
}

// release ends a hold. What was held comes in the order in which it was sent.
func (s *scene) release(l *link, arrives bool) {
	h := s.held[l]
	delete(s.held, l)
	if h == nil || !arrives {
		return
	}
	for _, e := range h.kept {
		s.after(0, e.run)
	}
}

func (s *scene) healLinks() { s.links(func(*node, *node) bool { return true }, s.healLink) }

func (s *scene) healLink(l *link) {
	l.cuts = 0
	s.release(l, true)
	l.slowUs = 0
}

// diskRule does something at an operation of a disk.
type diskRule struct {
	op    string
	nth   string // a number, or every
	files string
	seen  int
	do    func(n *node, op diskOp, file string) error
}

func (s *scene) failsOnDisk(*node, diskOp, string) error {
	s.mark(MarkDiskErrorInjected)
	return injected{syscall.EIO}
}

var diskOps = map[string][]diskOp{
	"write": {opWrite}, "sync": {opSync}, "read": {opRead}, "name": {opMeta, opRename, opSyncDir},
	"operation": {opRead, opWrite, opSync, opMeta, opRename, opSyncDir},
}

func (r *diskRule) meets(op diskOp, file string) bool {
	if !slices.Contains(diskOps[r.op], op) || r.files != "" && !isFile(file, r.files) {
		return false
	}
	r.seen++
	return r.nth == "every" || r.nth == strconv.Itoa(r.seen)
}

func (s *scene) onDisk(id string, r diskRule, do func(n *node, op diskOp, file string) error) error {
	if r.nth == "0" {
		return fmt.Errorf("operations are counted from 1")
	}
	n := s.node(id)
	r.do = do
	s.diskLaw[n] = append(s.diskLaw[n], &r)
	n.disk.failOp = func(op diskOp, file string) error {
		for _, r := range s.diskLaw[n] {
			if r.meets(op, file) {
				return r.do(n, op, file)
			}
		}
		return nil
	}
	return nil
}

// isFile compares a name with a pattern, both below the data directory.
func isFile(name, pattern string) bool {
	ok, err := path.Match(pattern, strings.TrimPrefix(name, dataDir+"/"))
	return ok && err == nil
}

// settleAs decides about everything that is not synced, before a power cut does.
func (d *disk) settleAs(how string) {
	switch how {
	case "loses":
		d.pending = nil
		for _, n := range d.durable {
			n.data, n.dirty = slices.Clone(n.durable), nil
		}
	case "keeps":
		for _, r := range d.pending {
			r.apply(d.durable)
		}
		d.pending = nil
		for _, n := range d.durable {
			n.sync()
		}
	}
}

func (s *scene) damageFile(a []string, do func(n *node, name string)) error {
	n := s.node(a[0])
	if n.up() {
		return fmt.Errorf("%s is up", n.id)
	}
	var found string
	for _, name := range n.disk.files(dataDir + "/") {
		if isFile(name, a[1]) {
			found = name
		}
	}
	if found == "" {
		return fmt.Errorf("there is none of %s", n.disk.files(dataDir+"/"))
	}
	n.damaged = true
	do(n, found)
	return nil
}
