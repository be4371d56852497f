package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"redoubt/monitor"
)

const (
	readTime = 4 * time.Second // for what is about to happen
	lookTime = 3 * time.Second // for what has happened

	textWidth = 78
)

// Play tells the story in lines of plain text, without keys. It fails when an act
// or the proof does, or when ctx ends before. speed divides the pauses.
func Play(ctx context.Context, config Config, speed float64, out io.Writer) (err error) {
	p := &player{out: out, speed: speed}
	p.printf("redoubt demo: starting %d nodes on this machine\n", config.Nodes)
	s, err := Open(ctx, config, p.event)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	story := s.Story()
	for i, step := range story {
		p.printf("\n── %d of %d: %s ──\n\n", i+1, len(story), step.Title)
		for _, act := range step.Acts {
			if err := p.act(ctx, s, act); err != nil {
				return err
			}
		}
		if step.After != "" {
			p.printf("%s\n\n", strings.Join(paragraphs(step.After, textWidth), "\n"))
		}
	}
	return nil
}

// player prints; events come from several goroutines.
type player struct {
	speed float64

	mu  sync.Mutex
	out io.Writer
}

func (p *player) printf(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.out, format, args...)
}

func (p *player) event(e monitor.Event) {
	sign := " "
	if e.Level != monitor.LevelInfo {
		sign = "!"
	}
	p.printf("    %s %s %s\n", e.At.Format("15:04:05.000"), sign, e.Text)
}

func (p *player) pause(ctx context.Context, d time.Duration) {
	sleep(ctx, time.Duration(float64(d)/p.speed))
}

func (p *player) act(ctx context.Context, s *Stage, act Act) error {
	p.printf("%s\n\n", strings.Join(paragraphs(act.Text, textWidth), "\n"))
	p.pause(ctx, readTime)
	acting, cancel := context.WithTimeoutCause(ctx, actTimeout, errGaveUp)
	defer cancel()
	result, err := act.do(s, acting)
	switch {
	case ctx.Err() != nil:
		return errors.New("interrupted before the proof")
	case err != nil:
		return fmt.Errorf("%s: %w", act.Button, err)
	}
	l := s.Look()
	p.printf("\n%s\n", l.text(80))
	p.printf("\n=> %s\n\n", strings.Join(paragraphs(result, textWidth-3), "\n   "))
	p.pause(ctx, lookTime)
	return nil
}

// text is the table of nodes and the figures of the clients, without colour.
func (l *Look) text(width int) string {
	lines := []string{header(width)}
	for i := range l.Nodes {
		lines = append(lines, " "+l.row(&l.Nodes[i], width, func(_, cell string) string { return cell }))
	}
	lines = append(lines, fmt.Sprintf("  writes: %s acknowledged, %s refused, %s of unknown outcome; longest gap %s",
		whole(uint64(l.Acknowledged)), whole(uint64(l.Refused)), whole(uint64(l.Unknown)), short(l.LongestGap)))
	return strings.Join(lines, "\n")
}
