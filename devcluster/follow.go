package devcluster

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"
)

// Record is one line of a node's log.
type Record struct {
	Node    string
	Time    time.Time
	Level   slog.Level
	Message string
	Event   string            // the kind, such as "leader"; see the key event of the logs
	Rest    map[string]string // what else the line has
}

// String renders the message and the rest, sorted by key.
func (r Record) String() string {
	parts := []string{r.Message}
	for k, v := range r.Rest {
		parts = append(parts, k+"="+v)
	}
	slices.Sort(parts[1:])
	return strings.Join(parts, " ")
}

// Follow calls f with every record that the nodes write from now on, until ctx
// ends, from one goroutine.
func (c *Cluster) Follow(ctx context.Context, f func(Record)) {
	offsets := map[*Node]int64{}
	for _, n := range c.Nodes {
		if info, err := os.Stat(n.LogFile); err == nil {
			offsets[n] = info.Size()
		}
	}
	go func() {
		poll := time.NewTicker(50 * time.Millisecond)
		defer poll.Stop()
		for {
			c.mu.Lock()
			nodes := c.Nodes
			c.mu.Unlock()
			for _, n := range nodes {
				offsets[n] = follow(n, offsets[n], f)
			}
			select {
			case <-ctx.Done():
				return
			case <-poll.C:
			}
		}
	}()
}

// follow reads the whole lines behind the offset and returns where they end.
func follow(n *Node, offset int64, f func(Record)) int64 {
	file, err := os.Open(n.LogFile)
	if err != nil {
		return offset // not there yet
	}
	defer file.Close()
	text, err := io.ReadAll(io.NewSectionReader(file, offset, 1<<20))
	if err != nil {
		return offset
	}
	for {
		line, rest, whole := bytes.Cut(text, []byte("\n"))
		if !whole {
			return offset
		}
		if r, ok := parseRecord(n.ID, line); ok {
			f(r)
		}
		offset += int64(len(line)) + 1
		text = rest
	}
}

// parseRecord reads a line of the log; false for what else a node prints.
func parseRecord(node string, line []byte) (Record, bool) {
	fields := map[string]any{}
	if json.Unmarshal(line, &fields) != nil {
		return Record{}, false
	}
	r := Record{Node: node, Rest: map[string]string{}}
	for k, v := range fields {
		text := fmt.Sprint(v)
		if n, ok := v.(float64); ok {
			text = fmt.Sprintf("%.0f", n)
		}
		switch k {
		case "time":
			at, err := time.Parse(time.RFC3339Nano, text)
			if err != nil {
				return Record{}, false
			}
			r.Time = at
		case "level":
			if r.Level.UnmarshalText([]byte(text)) != nil {
				return Record{}, false
			}
		case "msg":
			r.Message = text
		case "event":
			r.Event = text
		case "node":
		default:
			r.Rest[k] = text
		}
	}
	return r, !r.Time.IsZero()
}
