package fsm

import (
	"encoding/binary"
	"math/bits"

	"redoubt/resp"
)

// The bitmap family: strings seen as arrays of bits. Bit 0 is the highest of
// the first byte; behind its end a string is all zeros.

// bitOffset reads the position of a bit. With unitBits, "#n" stands for n times
// as many bits. When ok is false an error has been replied.
func (c *call) bitOffset(arg []byte, unitBits int64) (offset int64, ok bool) {
	unit := int64(1)
	if unitBits > 0 && len(arg) > 0 && arg[0] == '#' {
		arg, unit = arg[1:], unitBits
	}
	offset, ok = parseInt(arg)
	offset *= unit // may wrap, as it does in Redis
	if !ok || offset < 0 || offset>>3 >= int64(c.store.config.MaxBulkBytes) {
		c.err(resp.ErrBitOffset)
		return 0, false
	}
	return offset, true
}

func getBit(c *call) {
	offset, ok := c.bitOffset(c.args[2], 0)
	if !ok {
		return
	}
	o, ok := c.lookupString(c.args[1])
	switch {
	case !ok:
	case o == nil || offset>>3 >= int64(len(o.str)):
		c.int(0)
	default:
		c.int(int64(o.str[offset>>3] >> (7 - offset&7) & 1))
	}
}

func setBit(c *call) {
	offset, ok := c.bitOffset(c.args[2], 0)
	if !ok {
		return
	}
	on, ok := parseInt(c.args[3])
	if !ok || on != 0 && on != 1 {
		c.err(resp.ErrBitValue)
		return
	}
	o, grown, ok := c.growForBit(offset)
	if !ok {
		return
	}
	at, shift := &o.str[offset>>3], 7-offset&7
	old := int64(*at >> shift & 1)
	*at = *at&^(1<<shift) | byte(on)<<shift
	if grown || old != on {
		c.touch(c.args[1], o)
	}
	c.int(old)
}

// growForBit prepares the first key to be changed in place up to the bit at
// offset, creating it when missing. When ok is false it holds no string and
// that has been replied.
func (c *call) growForBit(offset int64) (o *object, grown, ok bool) {
	key, need := c.args[1], int(offset>>3)+1
	o, ok = c.writableString(key)
	if !ok {
		return nil, false, false
	}
	if o == nil {
		c.set(key, &object{kind: kindString, str: make([]byte, need), encoding: encodingRaw})
		o, grown = c.writable(key), true
	}
	c.prepare(key)
	o.encoding = encodingRaw
	grown = grown || need > len(o.str)
	o.str = growZero(o.str, need)
	return o, grown, true
}

// bitUnit reads BYTE or BIT and returns how many bits one is.
func (c *call) bitUnit(arg []byte) (unitBits int64, ok bool) {
	switch {
	case optionIs(arg, "BIT"):
		return 1, true
	case optionIs(arg, "BYTE"):
		return 8, true
	}
	c.err(resp.ErrSyntax)
	return 0, false
}

func bitCount(c *call) {
	o, ok := c.lookupString(c.args[1])
	if !ok {
		return
	}
	if o == nil {
		c.int(0)
		return
	}
	switch len(c.args) {
	case 2:
		c.int(countBits(o.str, 0, int64(len(o.str))*8))
		return
	case 4, 5:
	default:
		c.err(resp.ErrSyntax)
		return
	}
	start, ok1 := parseInt(c.args[2])
	end, ok2 := parseInt(c.args[3])
	if !ok1 || !ok2 {
		c.err(resp.ErrNotInteger)
		return
	}
	if reversedFromEnd(start, end) { // Redis looks at the unit only later
		c.int(0)
		return
	}
	unit := int64(8)
	if len(c.args) == 5 {
		if unit, ok = c.bitUnit(c.args[4]); !ok {
			return
		}
	}
	from, to := clampRange(start, end, int64(len(o.str))*8/unit)
	c.int(countBits(o.str, from*unit, to*unit))
}

// countBits counts the bits that are set at positions from ≤ i < to.
func countBits(b []byte, from, to int64) int64 {
	n := 0
	for ; from < to && from&7 != 0; from++ {
		n += int(b[from>>3] >> (7 - from&7) & 1)
	}
	for ; to > from && to&7 != 0; to-- {
		n += int(b[(to-1)>>3] >> (7 - (to-1)&7) & 1)
	}
	b = b[from>>3 : max(from, to)>>3]
	for ; len(b) >= 8; b = b[8:] {
		n += bits.OnesCount64(binary.LittleEndian.Uint64(b))
	}
	for _, x := range b {
		n += bits.OnesCount8(x)
	}
	return int64(n)
}

func bitPos(c *call) {
	bit, ok := parseInt(c.args[2])
	switch {
	case !ok:
		c.err(resp.ErrNotInteger)
		return
	case bit != 0 && bit != 1:
		c.err(resp.ErrBitArgument)
		return
	}
	o, ok := c.lookupString(c.args[1])
	switch {
	case !ok:
		return
	case o == nil: // zeros without end
		c.int(-bit)
		return
	}
	from, to, ok := c.bitPosRange(int64(len(o.str)))
	if !ok {
		return
	}
	pos := findBit(o.str, byte(bit), from, to)
	if pos < 0 && from < to && bit == 0 && len(c.args) < 5 {
		pos = to // without an end the zeros behind the string count
	}
	c.int(pos)
}

// bitPosRange reads the range of BITPOS in bits. When ok is false an error has
// been replied.
func (c *call) bitPosRange(length int64) (from, to int64, ok bool) {
	if len(c.args) > 6 {
		c.err(resp.ErrSyntax)
		return 0, 0, false
	}
	start, end, unit := int64(0), int64(-1), int64(8)
	if len(c.args) > 3 {
		if start, ok = parseInt(c.args[3]); !ok {
			c.err(resp.ErrNotInteger)
			return 0, 0, false
		}
	}
	if len(c.args) > 5 {
		if unit, ok = c.bitUnit(c.args[5]); !ok {
			return 0, 0, false
		}
	}
	if len(c.args) > 4 {
		if end, ok = parseInt(c.args[4]); !ok {
			c.err(resp.ErrNotInteger)
			return 0, 0, false
		}
	}
	from, to = clampRange(start, end, length*8/unit)
	return from * unit, to * unit, true
}

// findBit returns the first position from ≤ i < to at which bit is, or -1.
func findBit(b []byte, bit byte, from, to int64) int64 {
	none := -bit ^ 0xff // a byte without it
	for from < to {
		x := b[from>>3]
		if from&7 == 0 && to-from >= 8 && x == none {
			from += 8
			continue
		}
		if x>>(7-from&7)&1 == bit {
			return from
		}
		from++
	}
	return -1
}

func bitOp(c *call) {
	var op func(a, b byte) byte
	not := false
	switch name := c.args[1]; {
	case optionIs(name, "AND"):
		op = func(a, b byte) byte { return a & b }
	case optionIs(name, "OR"):
		op = func(a, b byte) byte { return a | b }
	case optionIs(name, "XOR"):
		op = func(a, b byte) byte { return a ^ b }
	case optionIs(name, "NOT"):
		not = true
	default:
		c.err(resp.ErrSyntax)
		return
	}
	destination, sources := c.args[2], c.args[3:]
	if not && len(sources) > 1 {
		c.err(resp.ErrBitopNot)
		return
	}
	strs := make([][]byte, len(sources))
	longest := 0
	for i, key := range sources {
		o, ok := c.lookupString(key)
		if !ok {
			return
		}
		if o != nil {
			strs[i] = o.str
			longest = max(longest, len(o.str))
		}
	}
	if longest == 0 {
		c.delete(destination)
		c.int(0)
		return
	}
	result := make([]byte, longest)
	copy(result, strs[0])
	if not {
		for i := range result {
			result[i] = ^result[i]
		}
	}
	for _, s := range strs[1:] {
		for i := range result {
			if i < len(s) {
				result[i] = op(result[i], s[i])
			} else {
				result[i] = op(result[i], 0)
			}
		}
	}
	c.set(destination, &object{kind: kindString, str: result, encoding: encodingRaw})
	c.int(int64(longest))
}
