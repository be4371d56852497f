package resp

import (
	"math"
	"strconv"
	"strings"

	"github.com/tidwall/redcon"
)

// Every Append function writes one piece of a reply behind dst and returns the
// longer slice, like append. A reply is built in one []byte and written to the
// socket once; there is no writer type to flush or to forget to flush.
//
// proto is the protocol version of the connection, 2 or 3. A type that RESP2
// lacks is written as the RESP2 type that Redis 7.0 falls back to.

// AppendSimple appends a simple string; CR and LF in s become spaces.
func AppendSimple(dst []byte, s string) []byte { return redcon.AppendString(dst, s) }

// AppendOK appends +OK.
func AppendOK(dst []byte) []byte { return redcon.AppendOK(dst) }

// AppendError appends an error. s starts with its code ("ERR ..."). Line ends
// at the end of s are cut, those inside become spaces: client bytes quoted in
// an error must not be able to end the line.
func AppendError(dst []byte, s string) []byte {
	return redcon.AppendError(dst, strings.TrimRight(s, "\r\n"))
}

// AppendInt appends an integer.
func AppendInt(dst []byte, n int64) []byte { return redcon.AppendInt(dst, n) }

// AppendBulk appends a bulk string; b may be empty or nil (never a null).
func AppendBulk(dst, b []byte) []byte { return redcon.AppendBulk(dst, b) }

// AppendBulkString appends a bulk string.
func AppendBulkString(dst []byte, s string) []byte { return redcon.AppendBulkString(dst, s) }

// AppendNull appends the null that stands for a missing value.
func AppendNull(dst []byte, proto int) []byte {
	if proto == 2 {
		return redcon.AppendNull(dst)
	}
	return append(dst, "_\r\n"...)
}

// AppendNullArray appends the null that stands for a missing array, as EXEC
// and the blocking commands reply.
func AppendNullArray(dst []byte, proto int) []byte {
	if proto == 2 {
		return append(dst, "*-1\r\n"...)
	}
	return append(dst, "_\r\n"...)
}

// AppendArray appends the head of an array; n values must follow.
func AppendArray(dst []byte, n int) []byte { return redcon.AppendArray(dst, n) }

// AppendMap appends the head of a map; n pairs, that is 2n values, must follow.
func AppendMap(dst []byte, n, proto int) []byte {
	if proto == 2 {
		return redcon.AppendArray(dst, 2*n)
	}
	return appendHead(dst, '%', n)
}

// AppendSet appends the head of a set; n values must follow.
func AppendSet(dst []byte, n, proto int) []byte { return appendAggregate(dst, '~', n, proto) }

// AppendPush appends the head of a push message; n values must follow.
func AppendPush(dst []byte, n, proto int) []byte { return appendAggregate(dst, '>', n, proto) }

// AppendAttribute appends the head of an attribute; n pairs and then the value
// that they describe must follow. RESP2 has nothing like it: the caller leaves
// the whole attribute out.
func AppendAttribute(dst []byte, n int) []byte { return appendHead(dst, '|', n) }

// AppendDouble appends a floating point number with 17 significant digits,
// which is how Redis 7.0 prints one (0.1 reads 0.10000000000000001).
func AppendDouble(dst []byte, f float64, proto int) []byte {
	var number [32]byte
	text := appendG17(number[:0], f)
	if proto == 2 {
		return redcon.AppendBulk(dst, text)
	}
	dst = append(dst, ',')
	dst = append(dst, text...)
	return append(dst, '\r', '\n')
}

// AppendBool appends a truth value.
func AppendBool(dst []byte, b bool, proto int) []byte {
	switch {
	case proto == 2 && b:
		return append(dst, ":1\r\n"...)
	case proto == 2:
		return append(dst, ":0\r\n"...)
	case b:
		return append(dst, "#t\r\n"...)
	}
	return append(dst, "#f\r\n"...)
}

// AppendVerbatim appends text with its format, three letters such as "txt".
func AppendVerbatim(dst []byte, format, s string, proto int) []byte {
	if proto == 2 {
		return redcon.AppendBulkString(dst, s)
	}
	if len(format) != 3 {
		panic("resp: a verbatim string's format has three letters, not " + strconv.Quote(format))
	}
	dst = appendHead(dst, '=', len(s)+len("txt:"))
	dst = append(dst, format...)
	dst = append(dst, ':')
	dst = append(dst, s...)
	return append(dst, '\r', '\n')
}

// AppendBigNumber appends an integer of any size, given as its decimal digits.
func AppendBigNumber(dst []byte, digits string, proto int) []byte {
	if proto == 2 {
		return redcon.AppendBulkString(dst, digits)
	}
	dst = append(dst, '(')
	dst = append(dst, digits...)
	return append(dst, '\r', '\n')
}

// AppendCommand appends a request: an array of bulk strings.
func AppendCommand[T string | []byte](dst []byte, args ...T) []byte {
	dst = redcon.AppendArray(dst, len(args))
	for _, arg := range args {
		dst = appendHead(dst, '$', len(arg))
		dst = append(dst, arg...)
		dst = append(dst, '\r', '\n')
	}
	return dst
}

func appendAggregate(dst []byte, kind byte, n, proto int) []byte {
	if proto == 2 {
		return redcon.AppendArray(dst, n)
	}
	return appendHead(dst, kind, n)
}

func appendHead(dst []byte, kind byte, n int) []byte {
	dst = append(dst, kind)
	dst = strconv.AppendInt(dst, int64(n), 10)
	return append(dst, '\r', '\n')
}

// appendG17 prints as C's "%.17g" does, with Redis's names for what is not a
// number. strconv's 'g' agrees with C in digits, exponent and trailing zeros.
func appendG17(dst []byte, f float64) []byte {
	switch {
	case math.IsInf(f, 1):
		return append(dst, "inf"...)
	case math.IsInf(f, -1):
		return append(dst, "-inf"...)
	case math.IsNaN(f):
		return append(dst, "nan"...)
	}
	return strconv.AppendFloat(dst, f, 'g', 17, 64)
}
