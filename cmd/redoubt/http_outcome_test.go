package main

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestRESTOutcomesAreTrue has writers append words to one value, each by a PUT
// under the ETag that it has read, at any node, while leaders are killed. What was
// answered with 204 is in the value once, what was refused is not, and what is
// uncertain is there at most once.
func TestRESTOutcomesAreTrue(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	const writers, kills = 4, 4
	c := newCluster(t, 3, "--command-timeout", "700ms")
	c.startAll()
	c.nodes[0].want(t, 201, "", "PUT", "/v1/keys/words", "")

	var wg sync.WaitGroup
	stop := make(chan struct{})
	outcomes := make([]map[string]outcome, writers)
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	for i := range writers {
		outcomes[i] = map[string]outcome{}
		w := appender{name: fmt.Sprint("w", i), urls: []string{}, rng: rand.New(rand.NewPCG(uint64(seed), uint64(i)))}
		for _, n := range c.nodes {
			w.urls = append(w.urls, "http://"+n.web+"/v1/keys/words")
		}
		wg.Go(func() { w.run(stop, outcomes[i]) })
	}
	for range kills {
		before := countWords(t, c)
		c.await("twenty more words", func() bool { return countWords(t, c) >= before+20 })
		leader := c.leader()
		leader.signal(syscall.SIGKILL)
		c.leader()
		c.start(leader)
		c.awaitReady(leader)
	}
	close(stop)
	wg.Wait()

	_, value, _ := c.nodes[0].ask(t, "GET", "/v1/keys/words", "")
	found := map[string]int{}
	for _, word := range strings.Fields(value) {
		found[word]++
	}
	total := map[outcome]int{}
	for _, byWord := range outcomes {
		for word, o := range byWord {
			total[o]++
			n := found[word]
			delete(found, word)
			if o == written && n != 1 || o == refused && n != 0 || n > 1 {
				t.Errorf("%s was %s and is there %d times", word, o, n)
			}
		}
	}
	if len(found) > 0 {
		t.Errorf("words that nobody wrote: %v", found)
	}
	t.Logf("%v", total)
}

// countWords asks any node that can answer; 0 while none can.
func countWords(t *testing.T, c *cluster) int {
	for _, n := range c.nodes {
		if !n.running() {
			continue
		}
		if code, value, _ := n.ask(t, "GET", "/v1/keys/words", ""); code == http.StatusOK {
			return len(strings.Fields(value))
		}
	}
	return 0
}

type outcome string

const (
	written   outcome = "written"
	refused   outcome = "refused"
	uncertain outcome = "uncertain"
)

// appender is one client of the door.
type appender struct {
	name string
	urls []string
	rng  *rand.Rand
}

// run appends words until stop, and notes what became of each.
func (w *appender) run(stop <-chan struct{}, outcomes map[string]outcome) {
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for i := 0; ; i++ {
		select {
		case <-stop:
			return
		default:
		}
		res, err := client.Get(w.urls[w.rng.IntN(len(w.urls))])
		if err != nil {
			continue
		}
		value, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != http.StatusOK {
			continue
		}
		word := fmt.Sprintf("%s-%d", w.name, i)
		outcomes[word] = w.put(client, append(value, " "+word...), res.Header.Get("ETag"))
	}
}

func (w *appender) put(client *http.Client, value []byte, etag string) outcome {
	// Without GetBody net/http cannot repeat a request over another connection.
	r, err := http.NewRequest(http.MethodPut, w.urls[w.rng.IntN(len(w.urls))], io.NopCloser(bytes.NewReader(value)))
	if err != nil {
		panic(err)
	}
	r.ContentLength = int64(len(value))
	r.Header.Set("If-Match", etag)
	res, err := client.Do(r)
	if err != nil {
		return uncertain // the node was killed
	}
	defer res.Body.Close()
	switch res.StatusCode {
	case http.StatusNoContent:
		return written
	case http.StatusPreconditionFailed, http.StatusServiceUnavailable:
		return refused
	case http.StatusGatewayTimeout:
		return uncertain
	}
	panic(res.Status)
}
