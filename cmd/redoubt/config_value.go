package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// value reads and writes one field of a Config.
type value interface {
	set(s string) error
	text() string        // as one would type it
	placeholder() string // for help texts
}

type stringValue struct {
	p     *string
	shape string
}

func (v stringValue) set(s string) error  { *v.p = s; return nil }
func (v stringValue) text() string        { return *v.p }
func (v stringValue) placeholder() string { return v.shape }

// choiceValue is one word out of a few.
type choiceValue struct {
	p  *string
	of []string
}

func (v choiceValue) set(s string) error {
	if !slices.Contains(v.of, s) {
		return fmt.Errorf("%q is none of %s", s, strings.Join(v.of, ", "))
	}
	*v.p = s
	return nil
}
func (v choiceValue) text() string        { return *v.p }
func (v choiceValue) placeholder() string { return strings.Join(v.of, "|") }

// switchValue is yes or no; true and false are understood.
type switchValue struct{ p *bool }

func (v switchValue) set(s string) error {
	switch strings.ToLower(s) {
	case "yes", "true":
		*v.p = true
	case "no", "false":
		*v.p = false
	default:
		return fmt.Errorf("%q is neither yes nor no", s)
	}
	return nil
}

func (v switchValue) text() string {
	if *v.p {
		return "yes"
	}
	return "no"
}
func (v switchValue) placeholder() string { return "yes|no" }

// numberValue is a whole number within bounds.
type numberValue struct {
	p        *int
	min, max int
	shape    string
}

func (v numberValue) set(s string) error {
	n, err := strconv.Atoi(s)
	if err != nil {
		return fmt.Errorf("%q is not a whole number", s)
	}
	if n < v.min || n > v.max {
		return fmt.Errorf("%d is not between %d and %d", n, v.min, v.max)
	}
	*v.p = n
	return nil
}
func (v numberValue) text() string        { return strconv.Itoa(*v.p) }
func (v numberValue) placeholder() string { return v.shape }

// bytesValue is a size with Redis's units: k, m and g are powers of 1000; kb,
// mb and gb are powers of 1024.
type bytesValue struct {
	p        *int64
	min, max int64 // max 0 = none
}

func (v bytesValue) set(s string) error {
	n, err := parseBytes(s)
	if err != nil {
		return err
	}
	if n < v.min {
		return fmt.Errorf("%s is below the least size of %s", s, formatBytes(v.min))
	}
	if v.max > 0 && n > v.max {
		return fmt.Errorf("%s is above the limit of %s", s, formatBytes(v.max))
	}
	*v.p = n
	return nil
}
func (v bytesValue) text() string        { return formatBytes(*v.p) }
func (v bytesValue) placeholder() string { return "BYTES" }

func parseBytes(s string) (int64, error) {
	digits := strings.TrimRight(strings.ToLower(s), "kmgb")
	var unit int64
	switch strings.ToLower(s)[len(digits):] {
	case "", "b":
		unit = 1
	case "k":
		unit = 1000
	case "kb":
		unit = 1 << 10
	case "m":
		unit = 1000 * 1000
	case "mb":
		unit = 1 << 20
	case "g":
		unit = 1000 * 1000 * 1000
	case "gb":
		unit = 1 << 30
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || unit == 0 || n < 0 {
		return 0, fmt.Errorf("%q is not a size: write 1048576, 1024kb or 1mb", s)
	}
	if n > (1<<63-1)/unit {
		return 0, fmt.Errorf("%q is too large", s)
	}
	return n * unit, nil
}

func formatBytes(n int64) string {
	for _, u := range []struct {
		name string
		size int64
	}{{"gb", 1 << 30}, {"mb", 1 << 20}, {"kb", 1 << 10}} {
		if n != 0 && n%u.size == 0 {
			return strconv.FormatInt(n/u.size, 10) + u.name
		}
	}
	return strconv.FormatInt(n, 10)
}

// outputLimitValue is the hard limit of client-output-buffer-limit's class
// normal. It takes a size, or Redis's line of which the soft limit must be off.
type outputLimitValue struct{ bytesValue }

func (v outputLimitValue) set(s string) error {
	words := strings.Fields(s)
	if len(words) == 4 && words[0] == "normal" && words[2] == "0" && words[3] == "0" {
		return v.bytesValue.set(words[1])
	}
	if len(words) > 1 {
		return errors.New("only a hard limit for normal clients can be set: write 256mb, or normal 256mb 0 0")
	}
	return v.bytesValue.set(s)
}

// durationValue is a time with a unit: 30ms, 5s, 1h.
type durationValue struct {
	p        *time.Duration
	min, max time.Duration
}

func (v durationValue) set(s string) error {
	d, err := time.ParseDuration(s)
	if err != nil {
		return fmt.Errorf("%q is not a duration: write 30ms, 5s or 1h", s)
	}
	if d < v.min || d > v.max {
		return fmt.Errorf("%s is not between %s and %s", s, formatDuration(v.min), formatDuration(v.max))
	}
	*v.p = d
	return nil
}
func (v durationValue) text() string        { return formatDuration(*v.p) }
func (v durationValue) placeholder() string { return "DURATION" }

// formatDuration writes 1h, where time.Duration has 1h0m0s.
func formatDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
