package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"redoubt/bench"
)

const benchUsage = `Measure a server that speaks RESP: redoubt or Redis.

Usage: redoubt bench [--addr LIST] [--name value]…
       redoubt bench suite [--name value]…   (redoubt bench suite --help)

Writes and reads keys that begin with bench: and the like; point it at a server
whose data does not matter. Errors are counted by kind and never as successes.
Ctrl-C ends it early and prints what there is.

Load
  --addr LIST         HOST:PORT,…; the connections take turns
                      [127.0.0.1:6379]
  --connections N     [50]
  --pipeline N        requests that a connection sends together [1]
  --rate N            open loop: so many requests per second of all connections
                      together; latency counts from when a request was due.
                      0 is a closed loop [0]
  --duration TIME     [10s]
  --requests N        stop after so many instead [0]
  --warmup TIME       not measured, before the rest [1s]
  --timeout TIME      longest wait for a reply [5s]
  --compat            send through go-redis instead of raw connections

Requests
  --commands LIST     with weights, as get=4,set=1, which "mixed" stands for
                      [get=4,set=1]. There are:
                      COMMANDS
  --keys N            [100000]
  --zipf S            some keys more often, by Zipf's law with this exponent
                      above 1; 0 is all keys alike [0]
  --value-bytes N     or a range, 64-1024 [64]
  --fill yes|no       store all keys first if one of the commands reads [yes]
  --seed N            the same seed gives each connection the same requests [1]

Access
  --password TEXT     or REDOUBT_PASSWORD of the environment, which nobody else
                      on the machine can see
  --db N              [0]

Results
  --json FILE         everything; "-" is standard output, without the text
  --csv FILE          a line for each interval; "-" likewise
  --svg FILE          throughput and latency over time
  --interval TIME     between two points of them [a fiftieth of the duration]
`

type benchOutputs struct{ json, csv, svg string }

func runBench(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] == "suite" {
		return runBenchSuite(ctx, args[1:], stdout, stderr)
	}
	o := bench.DefaultOptions()
	o.Password = os.Getenv(envPassword)
	var out benchOutputs
	f := benchFlags(&o, &out)
	switch err := f.Parse(args); {
	case err == flag.ErrHelp:
		io.WriteString(stdout, benchHelp())
		return exitOK
	case err != nil:
		return usageError(stderr, err, "redoubt help bench")
	case f.NArg() > 0:
		return usageError(stderr, fmt.Sprintf("bench takes no argument %q", f.Arg(0)), "redoubt help bench")
	}
	if err := o.Check(); err != nil {
		return usageError(stderr, err, "redoubt help bench")
	}
	p := newBenchProgress(stderr, &o)
	res, err := bench.Run(ctx, o, p.show)
	p.end()
	if err != nil {
		fmt.Fprintf(stderr, "redoubt: %v\n", err)
		return exitError
	}
	if err := out.write(res, stdout); err != nil {
		fmt.Fprintf(stderr, "redoubt: %v\n", err)
		return exitError
	}
	if res.OK == 0 {
		fmt.Fprintln(stderr, "redoubt: no request succeeded")
		return exitError
	}
	return exitOK
}

func benchHelp() string {
	list := wrap(strings.Join(bench.CommandNames(), ", "), 55)
	return strings.Replace(benchUsage, "COMMANDS", strings.Join(list, "\n                      "), 1)
}

func benchFlags(o *bench.Options, out *benchOutputs) *flag.FlagSet {
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.Func("addr", "", func(s string) error { o.Addrs = strings.Split(s, ","); return nil })
	f.IntVar(&o.Connections, "connections", o.Connections, "")
	f.IntVar(&o.Pipeline, "pipeline", o.Pipeline, "")
	f.Float64Var(&o.Rate, "rate", o.Rate, "")
	f.DurationVar(&o.Duration, "duration", o.Duration, "")
	f.Int64Var(&o.Requests, "requests", o.Requests, "")
	f.DurationVar(&o.Warmup, "warmup", o.Warmup, "")
	f.DurationVar(&o.Timeout, "timeout", o.Timeout, "")
	f.BoolVar(&o.Compat, "compat", o.Compat, "")
	f.TextVar(&o.Commands, "commands", o.Commands, "")
	f.IntVar(&o.Keys, "keys", o.Keys, "")
	f.Float64Var(&o.Zipf, "zipf", o.Zipf, "")
	f.TextVar(&o.ValueBytes, "value-bytes", o.ValueBytes, "")
	f.Func("fill", "", func(s string) error { return switchValue{&o.Fill}.set(s) })
	f.Uint64Var(&o.Seed, "seed", o.Seed, "")
	f.StringVar(&o.Password, "password", o.Password, "")
	f.IntVar(&o.DB, "db", o.DB, "")
	f.StringVar(&out.json, "json", "", "")
	f.StringVar(&out.csv, "csv", "", "")
	f.StringVar(&out.svg, "svg", "", "")
	f.DurationVar(&o.Interval, "interval", o.Interval, "")
	return f
}

// write writes the files that were asked for, and the text to standard output
// unless one of them goes there.
func (out *benchOutputs) write(res *bench.Result, stdout io.Writer) error {
	taken := false
	for _, form := range []struct {
		file  string
		write func(io.Writer) error
	}{{out.json, res.WriteJSON}, {out.csv, res.WriteCSV}, {out.svg, res.WriteSVG}} {
		switch form.file {
		case "":
		case "-":
			taken = true
			if err := form.write(stdout); err != nil {
				return err
			}
		default:
			if err := writeTo(form.file, form.write); err != nil {
				return err
			}
		}
	}
	if !taken {
		res.WriteText(stdout)
	}
	return nil
}

func writeTo(path string, write func(io.Writer) error) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := write(file); err != nil {
		file.Close()
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return file.Close()
}
