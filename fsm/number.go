package fsm

import (
	"math/big"
	"strconv"
	"strings"
)

// parseInt reads an integer as strictly as Redis does: the one canonical
// spelling of each number, without plus, blanks or leading zeros.
func parseInt(b []byte) (int64, bool) {
	const maxDigits = 19
	digits := b
	negative := len(b) > 0 && b[0] == '-'
	if negative {
		digits = b[1:]
	}
	if len(digits) == 0 || len(digits) > maxDigits {
		return 0, false
	}
	if digits[0] == '0' {
		return 0, len(b) == 1
	}
	var n uint64
	for _, d := range digits {
		if d < '0' || d > '9' {
			return 0, false
		}
		n = n*10 + uint64(d-'0') // 19 digits fit
	}
	switch {
	case negative && n <= 1<<63:
		return -int64(n), true
	case !negative && n < 1<<63:
		return int64(n), true
	}
	return 0, false
}

// INCRBYFLOAT calculates with what C calls long double on x86-64: 64 bits of
// mantissa and exponents up to 2^16383. A big.Float of that precision rounds
// as the processor does; only the range has to be watched.
const (
	longDoublePrecision = 64
	longDoubleMaxExp    = 16384  // in big.Float's counting: mantissa in [0.5, 1)
	longDoubleMinExp    = -16444 // of the smallest denormal number
	longDoubleMaxText   = 5*1024 - 1
)

// parseLongDouble reads a floating-point number in all spellings of C's
// strtold but NaN: decimal, hexadecimal and infinity.
func parseLongDouble(b []byte) (*big.Float, bool) {
	if len(b) == 0 || len(b) > longDoubleMaxText {
		return nil, false
	}
	text, negative := string(b), false
	if text[0] == '+' || text[0] == '-' {
		text, negative = text[1:], text[0] == '-'
	}
	if strings.EqualFold(text, "inf") || strings.EqualFold(text, "infinity") {
		return newLongDouble().SetInf(negative), true
	}
	exact, ok := parseRational(text)
	if !ok {
		return nil, false
	}
	f := newLongDouble().SetRat(exact)
	if f.Sign() != 0 && (exceedsLongDouble(f) || vanishesAsLongDouble(f)) {
		return nil, false
	}
	if negative {
		f.Neg(f)
	}
	return f, true
}

// parseRational reads an unsigned number without rounding it.
func parseRational(text string) (*big.Rat, bool) {
	base, exponentBase, exponentMark := 10, int64(10), "eE"
	if len(text) > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X') {
		base, exponentBase, exponentMark = 16, 2, "pP"
		text = text[2:]
	}
	exponent := int64(0)
	if i := strings.IndexAny(text, exponentMark); i >= 0 {
		var ok bool
		if exponent, ok = parseExponent(text[i+1:]); !ok {
			return nil, false
		}
		text = text[:i]
	}
	whole, fraction, _ := strings.Cut(text, ".")
	digits := whole + fraction
	if digits == "" || strings.Trim(strings.ToLower(digits), "0123456789abcdef"[:base]) != "" {
		return nil, false
	}
	mantissa, ok := new(big.Int).SetString(digits, base)
	if !ok || mantissa.Sign() == 0 {
		return new(big.Rat), ok
	}
	if base == 16 {
		exponent -= 4 * int64(len(fraction))
	} else {
		exponent -= int64(len(fraction))
	}
	// Beyond this the number is out of range whatever its digits are.
	const limit = 8 * longDoubleMaxText
	exponent = max(-limit, min(limit, exponent))
	scale := new(big.Int).Exp(big.NewInt(exponentBase), big.NewInt(max(exponent, -exponent)), nil)
	if exponent < 0 {
		return new(big.Rat).SetFrac(mantissa, scale), true
	}
	return new(big.Rat).SetInt(mantissa.Mul(mantissa, scale)), true
}

func parseExponent(text string) (int64, bool) {
	const limit = 1 << 32
	digits := strings.TrimLeft(strings.TrimPrefix(text, "-"), "0")
	if !strings.HasPrefix(text, "-") {
		digits = strings.TrimLeft(strings.TrimPrefix(text, "+"), "0")
	}
	if text == "" || strings.Trim(digits, "0123456789") != "" || strings.IndexByte("0123456789", text[len(text)-1]) < 0 {
		return 0, false
	}
	n := int64(limit)
	if len(digits) == 0 {
		n = 0
	} else if v, err := strconv.ParseInt(digits, 10, 64); err == nil {
		n = min(v, limit)
	}
	if text[0] == '-' {
		n = -n
	}
	return n, true
}

func newLongDouble() *big.Float {
	return new(big.Float).SetPrec(longDoublePrecision).SetMode(big.ToNearestEven)
}

// exceedsLongDouble says whether f is infinite as a long double.
func exceedsLongDouble(f *big.Float) bool {
	return f.IsInf() || f.MantExp(nil) > longDoubleMaxExp
}

// vanishesAsLongDouble says whether f, not 0, is 0 as a long double: nearer to
// it than to the smallest denormal number, or in the middle.
func vanishesAsLongDouble(f *big.Float) bool {
	exp := f.MantExp(nil)
	return exp < longDoubleMinExp-1 ||
		exp == longDoubleMinExp-1 && f.MinPrec() == 1
}

// formatLongDouble prints f for humans, as Redis calls it: 17 decimals, less
// the zeros at their end.
func formatLongDouble(f *big.Float) []byte {
	text := f.Append(nil, 'f', 17)
	n := len(text)
	for text[n-1] == '0' {
		n--
	}
	if text[n-1] == '.' {
		n--
	}
	if text = text[:n]; string(text) == "-0" {
		return []byte("0")
	}
	return text
}
