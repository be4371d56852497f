package monitor

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
)

// TestKeys presses keys one after the other and looks at the screen.
func TestKeys(t *testing.T) {
	w := three()
	m := newModel(func() Snapshot { return w.snapshot() }, time.Second)
	screen := func() string { return m.View().Content }
	press := func(key string) tea.Cmd {
		_, cmd := m.Update(tea.KeyPressMsg{Code: rune(key[0]), Text: key})
		return cmd
	}
	if screen() != "" {
		t.Errorf("before the size is known the screen is %q", screen())
	}
	m.Update(tea.WindowSizeMsg{Width: 80, Height: 24})
	if !strings.Contains(screen(), "asking the members") {
		t.Errorf("before the first answer the screen is %q", screen())
	}
	m.Update(m.ask()())
	if !strings.Contains(screen(), "healthy") {
		t.Errorf("after it the screen is %q", screen())
	}
	press("?")
	if !strings.Contains(screen(), "what it means") {
		t.Errorf("? does not explain: %q", screen())
	}
	press("?")
	if !strings.Contains(screen(), "what happened") {
		t.Errorf("a second ? does not end it: %q", screen())
	}

	press("p")
	paused := screen()
	m.Update(clockMsg(start.Add(time.Hour)))
	w.dies(3)
	m.Update(roundMsg(start.Add(time.Hour)))
	if !strings.Contains(paused, "PAUSED") || screen() != paused {
		t.Errorf("p does not stop the screen: %q, then %q", paused, screen())
	}
	press("p")
	m.Update(m.ask()())
	if strings.Contains(screen(), "PAUSED") || !strings.Contains(screen(), "n3 does not answer") {
		t.Errorf("a second p does not go on: %q", screen())
	}
	if cmd := press("q"); cmd == nil || cmd() != tea.Quit() {
		t.Error("q does not quit")
	}
}

// TestWatchEnds: the end of the context ends the program and is no error.
func TestWatchEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	first := listen(t, func() string { cancel(); return pageOf(three().node(1)) })
	c := &Collector{Seeds: []string{first.addr()}, Timeout: time.Second}
	in, _ := io.Pipe()
	var out bytes.Buffer
	if err := Watch(ctx, c, 100*time.Millisecond, in, &out); err != nil {
		t.Error(err)
	}
}

func TestWriteJSONEndsWithItsReader(t *testing.T) {
	first := listen(t, func() string { return pageOf(three().node(1)) })
	c := &Collector{Seeds: []string{first.addr()}, Timeout: time.Second}
	out, in := io.Pipe()
	out.Close()
	if err := WriteJSON(context.Background(), c, time.Millisecond, in); err != io.ErrClosedPipe {
		t.Errorf("writing to nobody: %v", err)
	}
}
