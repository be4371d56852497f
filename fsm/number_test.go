package fsm

import (
	"math"
	"strconv"
	"testing"
)

func TestParseIntAcceptsOnlyTheCanonicalSpelling(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "1": 1, "-1": -1, "10": 10,
		"9223372036854775807": math.MaxInt64, "-9223372036854775808": math.MinInt64,
	} {
		if n, ok := parseInt([]byte(text)); !ok || n != want {
			t.Errorf("parseInt(%q) = %d, %v", text, n, ok)
		}
	}
	for _, text := range []string{
		"", "-", "+", "+1", "-0", "00", "01", "-01", " 1", "1 ", "1\x00", "1.0", "1e3", "0x1", "١",
		"9223372036854775808", "-9223372036854775809", "99999999999999999999", "18446744073709551616",
	} {
		if n, ok := parseInt([]byte(text)); ok {
			t.Errorf("parseInt(%q) = %d, want an error", text, n)
		}
	}
}

func FuzzParseInt(f *testing.F) {
	for _, seed := range []string{"0", "-0", "12", "9223372036854775807", "-9223372036854775808", "9223372036854775808", "1x"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, ok := parseInt(b)
		want, err := strconv.ParseInt(string(b), 10, 64)
		canonical := err == nil && strconv.FormatInt(want, 10) == string(b)
		if ok != canonical || ok && got != want {
			t.Fatalf("parseInt(%q) = %d, %v; strconv says %d, %v", b, got, ok, want, err)
		}
	})
}

func TestLongDouble(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"0", "0"}, {"-0", "0"}, {"3.0e3", "3000"}, {".5", "0.5"}, {"5.", "5"}, {"+1.25", "1.25"},
		{"0.1", "0.1"}, {"0x10", "16"}, {"0X.8p1", "1"}, {"0x1p-2", "0.25"}, {"1e-30", "0"}, {"-1e-30", "0"},
		{"18446744073709551616", "18446744073709551616"}, // 2^64
		{"18446744073709551617", "18446744073709551616"}, // needs 65 bits
		{"36893488147419103233", "36893488147419103232"}, // a tie goes to even
		{"1e4932", ""}, {"1e-4950", "0"},
	} {
		f, ok := parseLongDouble([]byte(test.in))
		if !ok {
			t.Errorf("parseLongDouble(%q) failed", test.in)
			continue
		}
		if got := string(formatLongDouble(f)); test.want != "" && got != test.want {
			t.Errorf("%q is printed %s, want %s", test.in, got, test.want)
		}
	}
	for _, in := range []string{
		"", "+", "-", ".", "e1", "1e", "1e+", "0x", "0x.", "0x1p", " 1", "1 ", "1\x00", "nan", "NaN", "-nan", "nan(1)",
		"1_0", "++1", "--1", "1e1.5", "1e--1", "1e+-1", "0b1", "0o7", "1p1", "infinit",
		"1e5000", "1e99999999999999999999", "1e-4951", "1e-5000", "1e-99999999999999999999", "0x1p16384",
	} {
		if f, ok := parseLongDouble([]byte(in)); ok {
			t.Errorf("parseLongDouble(%q) = %v, want an error", in, f)
		}
	}
	for _, in := range []string{"inf", "-INF", "+Infinity"} {
		if f, ok := parseLongDouble([]byte(in)); !ok || !f.IsInf() {
			t.Errorf("parseLongDouble(%q) is not infinite", in)
		}
	}
}

// FuzzParseLongDouble compares with strconv, whose float64 has fewer bits but
// the same grammar, for what strconv can represent.
func FuzzParseLongDouble(f *testing.F) {
	for _, seed := range []string{"1", "-1.5", "1e10", "0x1p3", "inf", "nan", "1e-400", "1e400", ".e1", "0x_1p0"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, ok := parseLongDouble(b)
		want, err := strconv.ParseFloat(string(b), 64)
		if err != nil || math.IsNaN(want) || math.IsInf(want, 0) || want == 0 {
			return
		}
		for _, c := range b {
			if c == '_' {
				return // Go's digit separator
			}
		}
		if !ok {
			t.Fatalf("%q is refused; strconv reads %g", b, want)
		}
		if near, _ := got.Float64(); math.Abs(near-want) > math.Abs(want)*1e-15 && math.Abs(want) > 1e-300 {
			t.Fatalf("%q is %v; strconv reads %g", b, got, want)
		}
		formatLongDouble(got)
	})
}
