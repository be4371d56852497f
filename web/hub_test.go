package web

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// told reads what is in a stream's queue.
func told(st *stream) string {
	var b strings.Builder
	for {
		select {
		case m, ok := <-st.queue:
			if !ok {
				return b.String() + "dropped"
			}
			b.Write(m)
		default:
			return b.String()
		}
	}
}

func TestReadersAreToldThePast(t *testing.T) {
	h := newHub()
	h.boot = "b"
	for i := 1; i <= 3; i++ {
		h.event(event{Kind: "leader", Text: fmt.Sprint("event ", i)})
	}
	h.tell(&clusterPage{Node: "n1"}, 7)
	for lastID, first := range map[string]int{"": 1, "b-1": 2, "b-3": 4, "b-x": 1, "a-3": 1} {
		st := h.join(lastID)
		got := told(st)
		h.leave(st)
		want := "event: history\ndata: [7]\n\nevent: state\ndata: {\"at\":"
		if !strings.HasPrefix(got, want) {
			t.Errorf("after %q: %q does not begin with %q", lastID, got, want)
		}
		for i := 1; i <= 3; i++ {
			text := fmt.Sprintf("id: b-%d\nevent: event\n", i)
			if strings.Contains(got, text) != (i >= first) {
				t.Errorf("after %q, event %d: %q", lastID, i, got)
			}
		}
	}
}

func TestThePastIsBounded(t *testing.T) {
	h := newHub()
	for i := range 3 * maxEvents {
		h.event(event{Text: fmt.Sprint(i)})
		h.tell(&clusterPage{}, i)
	}
	if len(h.events) != maxEvents || len(h.samples) != maxSamples {
		t.Errorf("%d events and %d samples, want %d and %d", len(h.events), len(h.samples), maxEvents, maxSamples)
	}
	if h.events[0].seq != 2*maxEvents+1 || h.samples[0] != 3*maxEvents-maxSamples {
		t.Errorf("the oldest are %d and %v", h.events[0].seq, h.samples[0])
	}
}

// A reader who does not read is dropped when its queue is full; the others and
// the one who tells do not notice.
func TestSlowReaderIsDropped(t *testing.T) {
	h := newHub()
	slow, good := h.join(""), h.join("")
	for i := range maxQueued + 10 {
		h.event(event{Text: fmt.Sprint(i)})
		if got := told(good); !strings.Contains(got, fmt.Sprintf(`"text":"%d"`, i)) {
			t.Fatalf("the good reader was told %q", got)
		}
	}
	if got := told(slow); !strings.HasSuffix(got, "dropped") {
		t.Errorf("the slow reader was told %q", got)
	}
	h.leave(slow) // twice does no harm
	h.leave(good)
	if h.watched() {
		t.Error("somebody is left")
	}
}

func TestReadersAreBounded(t *testing.T) {
	p := start(t, options{})
	for range maxStreams {
		p.hub.join("")
	}
	p.run([]step{{request: "GET /events", code: 503, want: "~TOOMANY", answers: []string{"Retry-After: 1"}}})
}

// HEAD is answered with the headers alone, and takes no reader's place.
func TestHeadOfEvents(t *testing.T) {
	p := start(t, options{})
	for range maxStreams {
		p.hub.join("")
	}
	gone, cancel := context.WithCancel(t.Context()) // a stream would end at once
	cancel()
	r := httptest.NewRequestWithContext(gone, "HEAD", "/events", nil)
	r.Host = "127.0.0.1:7379"
	w := httptest.NewRecorder()
	p.http.Handler.ServeHTTP(w, r)
	if w.Code != 200 || w.Body.Len() > 0 || w.Header().Get("Content-Type") != "text/event-stream" {
		t.Errorf("%d %v %q", w.Code, w.Header(), w.Body)
	}
}

// Events arrive over a socket, longer than the server lets other answers take.
func TestEventsOverHTTP(t *testing.T) {
	p := start(t, options{config: func(c *Config) { c.Warnings = []string{"fsync is off"} }})
	p.http.WriteTimeout = 50 * time.Millisecond
	url := p.serve()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, _ := http.NewRequestWithContext(ctx, "GET", url+"/events", nil)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if ct := res.Header.Get("Content-Type"); ct != "text/event-stream" {
		t.Errorf("Content-Type %q", ct)
	}
	wanted := []string{
		"retry: 1000", "event: history", `"text":"n1 is up"`, `"text":"n1 leads in term 1"`, `"level":"warn","term":1,"leader":"n1","text":"fsync is off"`,
		"event: sample", "event: state", `"answers":"yes"`, "event: sample", `"ops":0`,
	}
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 1<<20)
	for len(wanted) > 0 && lines.Scan() {
		for len(wanted) > 0 && strings.Contains(lines.Text(), wanted[0]) {
			wanted = wanted[1:]
		}
	}
	if len(wanted) > 0 {
		t.Errorf("the stream ended (%v) before %q", lines.Err(), wanted)
	}
	cancel()
	p.await("the reader to be gone", func() bool { return !p.hub.watched() })
	http.DefaultClient.CloseIdleConnections()
}

// Somebody who asks for events and never reads them is gone when the kernel's
// buffers and the queue are full.
func TestStalledSocketIsDropped(t *testing.T) {
	p := start(t, options{})
	url := p.serve()
	nc, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	fmt.Fprintf(nc, "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
	p.await("the reader", p.hub.watched)
	long := strings.Repeat("x", 1<<20)
	p.await("the reader to be dropped", func() bool {
		p.hub.event(event{Text: long})
		return !p.hub.watched()
	})
}
