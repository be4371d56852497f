package bench

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// sample is a result with something in every field.
func sample() *Result {
	o := DefaultOptions()
	o.Password, o.Rate, o.Zipf, o.ValueBytes, o.Requests = "sesame", 1000, 1.1, Range{10, 100}, 2000
	r := &Result{
		Schema: resultSchema, Options: o, Began: time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC), Seconds: 2, Interrupted: true,
		Sent: 1990, OK: 1980, Misses: 7, Uncertain: 3, Errors: map[string]int64{"TRYAGAIN": 5, "no reply: timeout": 2},
		DialErrors: map[string]int64{"connection refused": 1234}, Unsent: 10, OKPerSecond: 990,
		Latency:      Latency{Count: 1980, Mean: 250, Min: 90, P50: 200, P90: 400, P99: 1500, P999: 25_000, Max: 2_500_000},
		Commands:     []CommandResult{{"get", Latency{Count: 1580, Mean: 210, Min: 90, P50: 190, P90: 380, P99: 1400, P999: 20_000, Max: 100_000}}, {"set", Latency{Count: 400, Mean: 400, Min: 150, P50: 350, P90: 500, P99: 2000, P999: 30_000, Max: 2_500_000}}},
		GeneratorLag: Latency{Count: 1900, Mean: 20, Min: 2, P50: 15, P90: 30, P99: 90, P999: 300, Max: 400},
		Distribution: []Bracket{{0, 90, 1}, {50, 200, 990}, {100, 2_500_000, 1980}},
	}
	for i := range 20 {
		part := float64(i+1) / 20
		r.Series = append(r.Series, Point{Seconds: 2 * part, OKPerSecond: 1000 * part, Errors: int64(i % 2), Uncertain: int64(i % 3), P50: 200, P99: 1500 / part, Max: 2000 / part})
	}
	return r
}

// The form of the JSON is a promise: whoever changes this file in another way
// than by adding to it raises resultSchema.
func TestJSON(t *testing.T) {
	var b bytes.Buffer
	if err := sample().WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "result.json", b.String())
	if strings.Contains(b.String(), "sesame") {
		t.Error("the password is in it")
	}
	d := json.NewDecoder(&b)
	d.DisallowUnknownFields()
	var again Result
	if err := d.Decode(&again); err != nil {
		t.Fatal(err)
	}
	want := sample()
	want.Options.Password = ""
	if !reflect.DeepEqual(&again, want) {
		t.Errorf("read again:\n%+v\nwant\n%+v", &again, want)
	}
}

// jsonPaths lists the fields of a JSON text, those of lists once.
func jsonPaths(t *testing.T, text []byte) map[string]bool {
	t.Helper()
	var top any
	if err := json.Unmarshal(text, &top); err != nil {
		t.Fatal(err)
	}
	paths := map[string]bool{}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for name, e := range v {
				if path != ".errors" && path != ".dial_errors" { // their names are what happened
					walk(path+"."+name, e)
				}
			}
			return
		case []any:
			for _, e := range v {
				walk(path+"[]", e)
			}
			return
		}
		paths[path] = true
	}
	walk("", top)
	return paths
}

// A real run has the fields of the sample, no more and no less.
func TestJSONOfARealRun(t *testing.T) {
	addrs := startNodes(t, 1)
	o := brief(addrs...)
	o.Rate = 2000
	r, err := Run(t.Context(), o, nil)
	if err != nil {
		t.Fatal(err)
	}
	var real, want bytes.Buffer
	if err := errors.Join(r.WriteJSON(&real), sample().WriteJSON(&want)); err != nil {
		t.Fatal(err)
	}
	if got, want := jsonPaths(t, real.Bytes()), jsonPaths(t, want.Bytes()); !reflect.DeepEqual(got, want) {
		t.Errorf("fields %v\nwant %v", got, want)
	}
}

func TestText(t *testing.T) {
	var b bytes.Buffer
	sample().WriteText(&b)
	golden(t, "result.txt", b.String())
}

func TestTextOfNothing(t *testing.T) {
	var b bytes.Buffer
	(&Result{Options: DefaultOptions(), Errors: map[string]int64{"NOAUTH": 1}, Sent: 1}).WriteText(&b)
	if text := b.String(); !strings.Contains(text, "failed      1: 1 NOAUTH") || strings.Contains(text, "NaN") {
		t.Error(text)
	}
}

func TestCSV(t *testing.T) {
	var b bytes.Buffer
	if err := sample().WriteCSV(&b); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil || len(rows) != 21 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	if got := strings.Join(rows[0], " ") + "\n" + strings.Join(rows[20], " "); got != "seconds ok_per_second errors uncertain p50_us p99_us max_us\n2.000 1000.000 1 1 200.000 1500.000 2000.000" {
		t.Error(got)
	}
}

// An interval without a reply is a gap: nothing took no time.
func TestSeriesWithGaps(t *testing.T) {
	at := func(seconds, p99 float64) Point {
		return Point{Seconds: seconds, OKPerSecond: 10, P50: p99 / 2, P99: p99, Max: p99}
	}
	r := &Result{Series: []Point{at(1, 100), at(2, 200), {Seconds: 3}, at(4, 300), {Seconds: 5}}}
	var csv, svg bytes.Buffer
	if err := errors.Join(r.WriteCSV(&csv), r.WriteSVG(&svg)); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(csv.String(), "\n3.000,0.000,0,0,,,\n") {
		t.Errorf("a latency of no reply:\n%s", csv.String())
	}
	var lengths []int
	for _, line := range strings.Split(svg.String(), "points=\"")[1:] {
		points, _, _ := strings.Cut(line, "\"")
		lengths = append(lengths, len(strings.Fields(points)))
	}
	// Throughput is one line; each latency is one of two points, and a dot.
	if want := []int{5, 2, 2, 2, 2, 2, 2}; !slices.Equal(lengths, want) {
		t.Errorf("lines of %v points, want %v:\n%s", lengths, want, svg.String())
	}
}

// When there are more points than columns, a pause is still as high as it was.
func TestChartsOfManyPoints(t *testing.T) {
	r := &Result{}
	for i := range 4 * chartWidth {
		p := Point{Seconds: float64(i), OKPerSecond: 100, P99: 1000}
		if i == 10 {
			p = Point{Seconds: 10, OKPerSecond: 100, P99: 1e6}
		}
		r.Series = append(r.Series, p)
	}
	if text := r.latencyChart(); !strings.Contains(text, "1.00 s") {
		t.Errorf("the pause is averaged away:\n%s", text)
	}
	if text := r.throughputChart(); !strings.Contains(text, " 100 ┤"+strings.Repeat("█", chartWidth)+"\n") {
		t.Errorf("the mean of many times 100 is not 100:\n%s", text)
	}
}

func TestSVG(t *testing.T) {
	for _, r := range []*Result{sample(), {}} {
		var b bytes.Buffer
		if err := r.WriteSVG(&b); err != nil {
			t.Fatal(err)
		}
		lines := 0
		for d := xml.NewDecoder(&b); ; {
			token, err := d.Token()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if e, ok := token.(xml.StartElement); ok && e.Name.Local == "polyline" {
				lines++
				if points := strings.Fields(e.Attr[len(e.Attr)-1].Value); len(points) != len(r.Series) {
					t.Errorf("%d points, want %d", len(points), len(r.Series))
				}
			}
		}
		if want := min(4, 4*len(r.Series)); lines != want {
			t.Errorf("%d lines, want %d", lines, want)
		}
	}
}

func TestNumbers(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000", -100: "-100"} {
		if got := number(n); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
	for v, want := range map[float64]string{0.5: "0.50 µs", 12.34: "12.3 µs", 999: "999 µs", 1500: "1.50 ms", 2.5e6: "2.50 s"} {
		if got := us(v); got != want {
			t.Errorf("%v: %s, want %s", v, got, want)
		}
	}
	for v, want := range map[float64]float64{0: 1, 0.7: 0.8, 1: 1, 1.2: 1.5, 26_000: 30_000, 99: 100} {
		if got := roundUp(v); got != want {
			t.Errorf("axis for %v: %v, want %v", v, got, want)
		}
	}
}
