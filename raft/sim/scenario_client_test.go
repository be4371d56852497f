package sim

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// actor is a client that does what the script says.
type actor struct {
	s    *scene
	user *client
	work *lines
	sent []*operation // the newest step's

	// A writer sends one command after the other by itself.
	node     *node
	command  string
	everyUs  int64
	made     int
	answered int
	stop     bool
}

// lines is the workload of an actor: what it has been told to send.
type lines struct{ commands [][][]byte }

func (l *lines) next(*rand.Rand) [][][]byte {
	c := l.commands
	l.commands = nil
	return c
}

func (l *lines) connected() {}

func (s *scene) actor(name string) *actor {
	a := s.actors[name]
	if a == nil {
		a = &actor{s: s, work: &lines{}}
		index := len(s.users)
		// done: it does not connect and think of something by itself.
		a.user = &client{w: s.World, index: index, rng: s.plan.stream(streamClient, index+1, 0), work: a.work, done: true}
		s.users = append(s.users, a.user)
		s.actors[name] = a
	}
	return a
}

// send has the actor's connection to a node, a new one if need be, carry
// commands, separated by semicolons. False: the node takes none.
func (a *actor) send(n *node, commands string) bool {
	c := a.user
	if c.s != nil && c.node != n {
		c.hangUp()
	}
	if c.s == nil {
		if !n.up() || n.paused() {
			return false
		}
		c.node = n
		c.number++
		c.replies, c.ran = nil, nil
		c.s = n.open(c, c.number)
	}
	for _, text := range strings.Split(commands, "; ") {
		a.work.commands = append(a.work.commands, arguments(text))
	}
	before := len(c.waiting)
	c.send()
	a.sent = slices.Clone(c.waiting[before:])
	return true
}

var repeated = regexp.MustCompile(`^(.)\*(\d+)$`)

// arguments splits a command at spaces; x*1000 is a thousand times x.
func arguments(text string) [][]byte {
	var args [][]byte
	for _, word := range strings.Fields(text) {
		if m := repeated.FindStringSubmatch(word); m != nil {
			n, _ := strconv.Atoi(m[2])
			word = strings.Repeat(m[1], n)
		}
		args = append(args, []byte(word))
	}
	return args
}

func (a *actor) settled() bool {
	return !slices.ContainsFunc(a.sent, func(op *operation) bool { return op.outcome == outcomePending })
}

// replies waits for what was sent and compares it with replies, separated by
// commas, each with alternatives.
func (a *actor) replies(want string) error {
	if want == "pending" {
		return nil
	}
	if !a.s.await(patienceUs, a.settled) {
		return fmt.Errorf("no reply")
	}
	wants := strings.Split(want, ", ")
	if len(wants) != len(a.sent) {
		return fmt.Errorf("%d replies for %d commands", len(wants), len(a.sent))
	}
	for i, op := range a.sent {
		got := reading(op)
		if !slices.ContainsFunc(strings.Split(wants[i], " or "), func(w string) bool { return isReply(w, got) }) {
			return fmt.Errorf("the reply is %.200s", got)
		}
	}
	return nil
}

// reading is a reply the way scripts write it.
func reading(op *operation) string {
	if op.reply == nil || op.outcome == outcomeUnknown && !bytes.HasPrefix(op.reply, []byte("-")) {
		return "lost"
	}
	text, _ := readReply(op.reply)
	return text
}

func readReply(b []byte) (text string, rest []byte) {
	line, rest, _ := bytes.Cut(b, []byte("\r\n"))
	n, _ := strconv.Atoi(string(line[1:]))
	switch {
	case line[0] == '-':
		return string(line), rest
	case n < 0 && line[0] != ':' || line[0] == '_':
		return "nil", rest
	case line[0] == '$':
		return string(rest[:n]), rest[n+2:]
	case line[0] == '*':
		var items []string
		for range n {
			text, rest = readReply(rest)
			items = append(items, text)
		}
		return "[" + strings.Join(items, " ") + "]", rest
	}
	return string(line[1:]), rest
}

// isReply: of an error only the code counts.
func isReply(want, got string) bool {
	if strings.HasPrefix(want, "-") {
		code, _, _ := strings.Cut(got, " ")
		return code == want
	}
	return want == "any" || string(bytes.Join(arguments(want), []byte(" "))) == got
}

// writes lets a writer send its next command when the last one is answered.
func (a *actor) writes() {
	if a.stop || a.s.healed {
		return
	}
	delay := int64(1000)
	if a.settled() {
		for _, op := range a.sent {
			if op.outcome == outcomeDone {
				a.answered++
			}
		}
		a.sent = nil
		if a.send(a.node, strings.ReplaceAll(a.command, "$i", strconv.Itoa(a.made+1))) {
			a.made++
		}
		delay = a.everyUs
	}
	a.s.after(delay, a.writes)
}
