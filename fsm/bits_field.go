package fsm

import (
	"math"

	"redoubt/resp"
)

type fieldAction uint8

const (
	fieldGet fieldAction = iota
	fieldSet
	fieldIncrBy
)

type overflowMode uint8

const (
	overflowWrap overflowMode = iota // keep the low bits
	overflowSat                      // stop at the largest or smallest value
	overflowFail                     // leave the field alone and reply null
)

// fieldOp is one operation of a BITFIELD.
type fieldOp struct {
	action   fieldAction
	overflow overflowMode
	signed   bool
	bits     int64
	offset   int64
	value    int64 // of SET and INCRBY
}

func bitField(c *call)         { c.bitField(false) }
func bitFieldReadOnly(c *call) { c.bitField(true) }

func (c *call) bitField(readOnly bool) {
	ops, ok := c.parseFieldOps(c.args[2:])
	if !ok {
		return
	}
	lastBit, writes := int64(0), false
	for _, op := range ops {
		if op.action != fieldGet {
			lastBit, writes = max(lastBit, op.offset+op.bits-1), true
		}
	}
	if writes && readOnly {
		c.err(resp.ErrBitfieldReadOnly)
		return
	}
	var o *object
	var changed bool
	if writes {
		o, changed, ok = c.growForBit(lastBit)
	} else {
		o, ok = c.lookupString(c.args[1])
	}
	if !ok {
		return
	}
	var str []byte
	if o != nil {
		str = o.str
	}
	c.array(len(ops))
	for i := range ops {
		if ops[i].run(c, str) {
			changed = true
		}
	}
	if changed {
		c.touch(c.args[1], o)
	}
}

// parseFieldOps reads the operations. When ok is false an error has been
// replied.
func (c *call) parseFieldOps(args [][]byte) (ops []fieldOp, ok bool) {
	overflow := overflowWrap
	for len(args) > 0 {
		op, n := fieldOp{overflow: overflow}, 4 // arguments of the operation
		switch word := args[0]; {
		case optionIs(word, "GET") && len(args) >= 3:
			n = 3
		case optionIs(word, "SET") && len(args) >= 4:
			op.action = fieldSet
		case optionIs(word, "INCRBY") && len(args) >= 4:
			op.action = fieldIncrBy
		case optionIs(word, "OVERFLOW") && len(args) >= 2:
			if overflow, ok = parseOverflow(args[1]); !ok {
				c.err(resp.ErrBitfieldOverflow)
				return nil, false
			}
			args = args[2:]
			continue
		default:
			c.err(resp.ErrSyntax)
			return nil, false
		}
		if op.signed, op.bits, ok = parseFieldType(args[1]); !ok {
			c.err(resp.ErrBitfieldType)
			return nil, false
		}
		if op.offset, ok = c.bitOffset(args[2], op.bits); !ok {
			return nil, false
		}
		if op.action != fieldGet {
			if op.value, ok = parseInt(args[3]); !ok {
				c.err(resp.ErrNotInteger)
				return nil, false
			}
		}
		ops, args = append(ops, op), args[n:]
	}
	return ops, true
}

func parseOverflow(arg []byte) (overflowMode, bool) {
	switch {
	case optionIs(arg, "WRAP"):
		return overflowWrap, true
	case optionIs(arg, "SAT"):
		return overflowSat, true
	case optionIs(arg, "FAIL"):
		return overflowFail, true
	}
	return 0, false
}

// parseFieldType reads i1 to i64 and u1 to u63.
func parseFieldType(arg []byte) (signed bool, bits int64, ok bool) {
	if len(arg) == 0 || arg[0] != 'i' && arg[0] != 'u' {
		return false, 0, false
	}
	signed = arg[0] == 'i'
	bits, ok = parseInt(arg[1:])
	if !ok || bits < 1 || bits > 64 || bits == 64 && !signed {
		return false, 0, false
	}
	return signed, bits, true
}

// run executes the operation on str, which is long enough if it writes, and
// replies. It says whether str has changed.
func (op *fieldOp) run(c *call, str []byte) bool {
	old := op.load(str)
	if op.action == fieldGet {
		c.int(old)
		return false
	}
	next, direction := op.value, 0
	if op.action == fieldIncrBy {
		next, direction = op.add(old)
	} else {
		direction = op.outside(next)
	}
	if direction != 0 {
		switch op.overflow {
		case overflowFail:
			c.null()
			return false
		case overflowSat:
			next = op.limit(direction)
		}
	}
	op.store(str, next) // the low bits: this is what WRAP means
	stored := op.load(str)
	if op.action == fieldIncrBy {
		c.int(stored)
	} else {
		c.int(old)
	}
	return stored != old
}

// add adds the increment to a value of the field. direction is that of an
// overflow, 0 if there is none; the low bits of the sum are right in any case.
func (op *fieldOp) add(old int64) (sum int64, direction int) {
	sum = old + op.value
	switch {
	case op.value > 0 && sum < old:
		return sum, 1
	case op.value < 0 && sum > old:
		return sum, -1
	case !op.signed && sum < 0:
		return sum, -1
	}
	return sum, op.outside(sum)
}

// outside says on which side of the field's range v is. To SET of an unsigned
// field a negative number is a large one.
func (op *fieldOp) outside(v int64) int {
	switch {
	case !op.signed && v < 0, v > op.limit(1):
		return 1
	case op.signed && v < op.limit(-1):
		return -1
	}
	return 0
}

// limit is the largest or the smallest value of the field.
func (op *fieldOp) limit(direction int) int64 {
	switch {
	case !op.signed && direction > 0:
		return math.MaxInt64 >> (63 - op.bits)
	case !op.signed:
		return 0
	case direction > 0:
		return math.MaxInt64 >> (64 - op.bits)
	}
	return math.MinInt64 >> (64 - op.bits)
}

// load reads the field; behind the end of str are zeros.
func (op *fieldOp) load(str []byte) int64 {
	var v uint64
	for i := op.offset; i < op.offset+op.bits; i++ {
		v <<= 1
		if at := i >> 3; at < int64(len(str)) {
			v |= uint64(str[at] >> (7 - i&7) & 1)
		}
	}
	if op.signed {
		unused := 64 - op.bits
		return int64(v<<unused) >> unused // extends the sign
	}
	return int64(v)
}

// store writes the low bits of v into the field.
func (op *fieldOp) store(str []byte, v int64) {
	for i := op.offset + op.bits - 1; i >= op.offset; i-- {
		shift := 7 - i&7
		str[i>>3] = str[i>>3]&^(1<<shift) | byte(v&1)<<shift
		v >>= 1
	}
}

// bitFieldKeyFlags is what BITFIELD does with its key, for COMMAND
// GETKEYSANDFLAGS: what cannot be read is taken for a write.
func bitFieldKeyFlags(args [][]byte) string {
	for rest := args[2:]; len(rest) > 0; {
		switch {
		case optionIs(rest[0], "GET") && len(rest) >= 3:
			rest = rest[3:]
		case optionIs(rest[0], "OVERFLOW") && len(rest) >= 2:
			rest = rest[2:]
		default:
			return "RW access update"
		}
	}
	return "RO access"
}
