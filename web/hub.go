package web

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
)

const (
	// maxStreams bounds the readers of /events.
	maxStreams = 32
	// maxQueued is how many messages a reader may be behind before it is dropped.
	maxQueued = 64
	// maxEvents and maxSamples bound what a new reader is told of the past.
	maxEvents  = 200
	maxSamples = 180
)

// hub spreads messages to streams. Putting one into a queue never waits.
type hub struct {
	boot string // tells the ids of this process from those of another

	mu      sync.Mutex
	seq     uint64
	events  []message // the newest, oldest first
	samples []any     // one a second, oldest first
	state   []byte    // the newest state message
	streams map[*stream]struct{}
}

// message is an event as it goes over the wire.
type message struct {
	seq  uint64
	wire []byte
}

// stream is one reader.
type stream struct {
	queue chan []byte // closed: the reader was too slow
}

func newHub() *hub {
	return &hub{boot: rand.Text()[:8], streams: map[*stream]struct{}{}}
}

// join adds a reader. The queue begins with the samples, the state, and the events
// behind lastID. nil: there are too many readers.
func (h *hub) join(lastID string) *stream {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.streams) >= maxStreams {
		return nil
	}
	var past bytes.Buffer
	past.Write(wire("history", "", h.samples))
	past.Write(h.state)
	seen := h.seen(lastID)
	for _, e := range h.events {
		if e.seq > seen {
			past.Write(e.wire)
		}
	}
	st := &stream{queue: make(chan []byte, maxQueued)}
	st.queue <- past.Bytes()
	h.streams[st] = struct{}{}
	return st
}

// seen is the number of the newest event that a reader who names lastID has got
// from this process.
func (h *hub) seen(lastID string) uint64 {
	boot, number, _ := strings.Cut(lastID, "-")
	seq, err := strconv.ParseUint(number, 10, 64)
	if boot != h.boot || err != nil {
		return 0
	}
	return seq
}

func (h *hub) leave(st *stream) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.streams, st)
}

// watched says whether anybody reads.
func (h *hub) watched() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.streams) > 0
}

// event tells what has happened, and remembers it for those who come later.
func (h *hub) event(e event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seq++
	m := message{seq: h.seq, wire: wire("event", fmt.Sprintf("%s-%d", h.boot, h.seq), e)}
	h.events = lastOf(append(h.events, m), maxEvents)
	h.send(m.wire)
}

// tell sends the state of the cluster and the sample of this second.
func (h *hub) tell(page *clusterPage, sample any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.samples = lastOf(append(h.samples, sample), maxSamples)
	h.state = wire("state", "", page)
	h.send(append(wire("sample", "", sample), h.state...))
}

// send queues a message with every reader and drops those who are too far
// behind: they connect again and are told what they have missed.
func (h *hub) send(wire []byte) {
	for st := range h.streams {
		select {
		case st.queue <- wire:
		default:
			close(st.queue)
			delete(h.streams, st)
		}
	}
}

// lastOf drops the oldest so that n are left.
func lastOf[T any](list []T, n int) []T {
	if len(list) > n {
		list = slices.Delete(list, 0, len(list)-n)
	}
	return list
}

// wire is a message as Server-Sent Events have it.
func wire(kind, id string, v any) []byte {
	data, err := json.Marshal(v) // one line
	if err != nil {
		panic(fmt.Sprintf("web: %T has no JSON: %v", v, err))
	}
	var b []byte
	if id != "" {
		b = fmt.Appendf(b, "id: %s\n", id)
	}
	return fmt.Appendf(b, "event: %s\ndata: %s\n\n", kind, data)
}
