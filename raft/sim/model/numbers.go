package model

import (
	"math"
	"math/big"
	"math/bits"
	"strings"
)

func incr(c *call)   { c.add(1) }
func decr(c *call)   { c.add(-1) }
func incrBy(c *call) { c.add(c.integer(2)) }

func decrBy(c *call) {
	n := c.integer(2)
	if n == math.MinInt64 {
		panic(failure("ERR decrement would overflow"))
	}
	c.add(-n)
}

func (c *call) add(n int64) {
	v := c.forWrite(c.db, c.arg(1))
	old := int64(0)
	if v != nil {
		old = integer(text(v), notInteger)
	}
	sum := new(big.Int).Add(big.NewInt(old), big.NewInt(n))
	if !sum.IsInt64() {
		panic(failure("ERR increment or decrement would overflow"))
	}
	c.change(c.arg(1), sum.String(), v)
	c.int(sum.Int64())
}

func incrByFloat(c *call) {
	const infinite = failure("ERR increment would produce NaN or Infinity")
	v := c.forWrite(c.db, c.arg(1))
	old := new(big.Float)
	if v != nil {
		old = longDouble(text(v))
	}
	n := longDouble(c.arg(2))
	if old.IsInf() || n.IsInf() {
		panic(infinite)
	}
	sum := new(big.Float).SetPrec(longDoubleBits).Add(old, n)
	if sum.MantExp(nil) > maxExponent {
		panic(infinite)
	}
	s := strings.TrimSuffix(strings.TrimRight(sum.Text('f', 17), "0"), ".")
	if s == "-0" {
		s = "0"
	}
	c.change(c.arg(1), s, v)
	c.bulk(s)
}

// The long double of x86-64, which Redis computes with.
const (
	longDoubleBits = 64
	maxExponent    = 16384
	minExponent    = -16445 // a number below is rounded to zero
)

// longDouble parses what C's strtold takes whole, apart from nan.
func longDouble(s string) *big.Float {
	const notFloat = failure("ERR value is not a valid float")
	digits, base := strings.ToLower(strings.TrimLeft(s, "+-")), 10
	switch {
	case len(s)-len(digits) > 1:
		panic(notFloat)
	case digits == "inf" || digits == "infinity":
		return new(big.Float).SetInf(s[0] == '-')
	case strings.HasPrefix(digits, "0x"):
		base = 0
	case strings.Contains(digits, "p"):
		panic(notFloat)
	}
	x, _, err := big.ParseFloat(s, base, longDoubleBits, big.ToNearestEven)
	if err != nil || strings.ContainsAny(digits, "_in") { // Go's own notations
		panic(notFloat)
	}
	if e := x.MantExp(nil); x.Sign() != 0 && (e > maxExponent || e < minExponent) {
		panic(notFloat)
	}
	return x
}

// bitOffset is argument 2.
func (c *call) bitOffset() int64 {
	const invalid = failure("ERR bit offset is not an integer or out of range")
	offset := integer(c.arg(2), invalid)
	if offset < 0 || offset/8 >= maxStringBytes {
		panic(invalid)
	}
	return offset
}

// bitAt counts bits from the highest of the first byte.
func bitAt(s string, offset int64) int64 {
	if offset/8 >= int64(len(s)) {
		return 0
	}
	return int64(s[offset/8] >> (7 - offset%8) & 1)
}

func getBit(c *call) {
	offset := c.bitOffset()
	c.int(bitAt(text(c.live(c.db, c.arg(1))), offset))
}

func setBit(c *call) {
	const invalid = failure("ERR bit is not an integer or out of range")
	offset, bit := c.bitOffset(), integer(c.arg(3), invalid)
	if bit != 0 && bit != 1 {
		panic(invalid)
	}
	v := c.forWrite(c.db, c.arg(1))
	s := text(v)
	old := bitAt(s, offset)
	b := padded(s, int(offset/8+1))
	b[offset/8] += byte(bit-old) << (7 - offset%8)
	if string(b) != s { // otherwise no change to WATCH either
		c.change(c.arg(1), string(b), v)
	}
	c.int(old)
}

func bitCount(c *call) {
	v := c.live(c.db, c.arg(1))
	s := text(v)
	length := int64(len(s))
	switch {
	case v == nil: // Redis 7.0 does not look at the range then
		c.int(0)
		return
	case len(c.args) == 2:
		c.int(countBits(s, 0, length*8-1))
		return
	case len(c.args) == 3 || len(c.args) > 5:
		panic(syntaxError)
	}
	start, end := c.integer(2), c.integer(3)
	switch {
	case start < 0 && end < 0 && start > end: // nor at the unit then
		c.int(0)
	case len(c.args) == 4 || c.is(4, "BYTE"):
		start, end = bounds(start, end, length)
		c.int(countBits(s, start*8, end*8+7))
	case c.is(4, "BIT"):
		start, end = bounds(start, end, length*8)
		c.int(countBits(s, start, end))
	default:
		panic(syntaxError)
	}
}

// countBits counts those set from start to end, both included.
func countBits(s string, start, end int64) (n int64) {
	for i := start; i <= end; {
		if i%8 == 0 && i+7 <= end {
			n += int64(bits.OnesCount8(s[i/8]))
			i += 8
		} else {
			n += bitAt(s, i)
			i++
		}
	}
	return n
}
