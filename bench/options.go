package bench

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Options says what Run does. DefaultOptions has a value for everything.
type Options struct {
	Addrs    []string `json:"addrs"` // HOST:PORT; the connections take turns
	Password string   `json:"-"`
	DB       int      `json:"db"`

	Connections int     `json:"connections"`
	Pipeline    int     `json:"pipeline"`        // requests in a batch
	Rate        float64 `json:"rate_per_second"` // of all connections together; 0 = closed loop
	Compat      bool    `json:"compat"`          // through go-redis

	Commands   Mix     `json:"commands"`
	Keys       int     `json:"keys"`
	Zipf       float64 `json:"zipf"` // exponent, above 1; 0 = all keys alike
	ValueBytes Range   `json:"value_bytes"`
	Fill       bool    `json:"fill"` // store every key first if there are commands that read
	Seed       uint64  `json:"seed"`

	Duration time.Duration `json:"duration_ns"`
	Requests int64         `json:"requests"`  // 0 = for Duration; otherwise Duration is not looked at
	Warmup   time.Duration `json:"warmup_ns"` // before the measured part
	Timeout  time.Duration `json:"timeout_ns"`
	Interval time.Duration `json:"interval_ns"` // of Result.Series and of the progress; 0 = a fiftieth of Duration
}

// DefaultOptions is 50 connections for ten seconds against a node on its
// default address.
func DefaultOptions() Options {
	return Options{
		Addrs:       []string{"127.0.0.1:6379"},
		Connections: 50, Pipeline: 1,
		Commands: Mix{{"get", 4}, {"set", 1}}, Keys: 100_000, ValueBytes: Range{64, 64}, Fill: true, Seed: 1,
		Duration: 10 * time.Second, Warmup: time.Second, Timeout: 5 * time.Second,
	}
}

const (
	maxConnections = 100_000
	maxPipeline    = 100_000
	maxValueBytes  = 512 << 20
	maxWeight      = 1000
)

// Check reports everything that is wrong.
func (o *Options) Check() error {
	var errs []error
	refuse := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if len(o.Addrs) == 0 {
		refuse("no address to connect to")
	}
	if o.Connections < 1 || o.Connections > maxConnections {
		refuse("%d connections: not between 1 and %d", o.Connections, maxConnections)
	}
	if o.Pipeline < 1 || o.Pipeline > maxPipeline {
		refuse("pipeline %d: not between 1 and %d", o.Pipeline, maxPipeline)
	}
	if o.Rate < 0 {
		refuse("rate %v is negative", o.Rate)
	}
	if len(o.Commands) == 0 {
		refuse("no commands")
	}
	if o.Keys < 1 || o.Keys > maxKeys {
		refuse("%d keys: not between 1 and %d", o.Keys, int64(maxKeys))
	}
	if o.Zipf != 0 && o.Zipf <= 1 {
		refuse("zipf %v: the exponent is above 1, or 0 for none", o.Zipf)
	}
	if o.ValueBytes.Min < 0 || o.ValueBytes.Min > o.ValueBytes.Max || o.ValueBytes.Max > maxValueBytes {
		refuse("values of %v bytes: not between 0 and %d, or the wrong way round", o.ValueBytes, maxValueBytes)
	}
	if o.Requests < 0 || o.Requests == 0 && o.Duration <= 0 {
		refuse("needs a duration or a number of requests")
	}
	if o.Warmup < 0 || o.Timeout <= 0 || o.Interval < 0 {
		refuse("warm-up, timeout and interval are times, and there is no waiting without a timeout")
	}
	return errors.Join(errs...)
}

// interval is the time between two points of the series: short enough for a
// chart, long enough for a percentile.
func (o *Options) interval() time.Duration {
	if o.Interval > 0 {
		return o.Interval
	}
	if o.Requests > 0 {
		return 200 * time.Millisecond
	}
	return min(max(o.Duration/50, 50*time.Millisecond), time.Second)
}

// Range is a number between Min and Max, both included; its text is "64" or
// "64-1024".
type Range struct{ Min, Max int }

func (r Range) String() string {
	if r.Min == r.Max {
		return strconv.Itoa(r.Min)
	}
	return fmt.Sprintf("%d-%d", r.Min, r.Max)
}

// MarshalText returns the text of r.
func (r Range) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads what MarshalText returns.
func (r *Range) UnmarshalText(text []byte) error {
	from, to, isRange := strings.Cut(string(text), "-")
	if !isRange {
		to = from
	}
	var err, err2 error
	r.Min, err = strconv.Atoi(from)
	r.Max, err2 = strconv.Atoi(to)
	if err != nil || err2 != nil {
		return fmt.Errorf("%q is neither a number nor a range such as 64-1024", text)
	}
	return nil
}

// Mix is how often each command is sent, relative to the others; its text is
// "get=4,set=1". A weight that is left out is 1.
type Mix []Share

// Share is one command of a Mix.
type Share struct {
	Command string
	Weight  int
}

func (m Mix) String() string {
	parts := make([]string, len(m))
	for i, s := range m {
		parts[i] = s.Command
		if len(m) > 1 {
			parts[i] += "=" + strconv.Itoa(s.Weight)
		}
	}
	return strings.Join(parts, ",")
}

// MarshalText returns the text of m.
func (m Mix) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads what MarshalText returns, and "mixed" for four reads to
// a write.
func (m *Mix) UnmarshalText(text []byte) error {
	*m = nil
	if string(text) == "mixed" {
		text = []byte("get=4,set=1")
	}
	for part := range strings.SplitSeq(string(text), ",") {
		name, number, hasWeight := strings.Cut(strings.TrimSpace(part), "=")
		s := Share{Command: strings.ToLower(name), Weight: 1}
		if _, ok := lookupCommand(s.Command); !ok {
			return fmt.Errorf("no command %q here; there are %s", name, strings.Join(CommandNames(), ", "))
		}
		if hasWeight {
			n, err := strconv.Atoi(number)
			if err != nil || n < 1 || n > maxWeight {
				return fmt.Errorf("%s: %q is not a weight between 1 and %d", name, number, maxWeight)
			}
			s.Weight = n
		}
		*m = append(*m, s)
	}
	return nil
}
