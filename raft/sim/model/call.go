package model

import (
	"bytes"
	"strconv"
	"strings"
)

// call is one execution of a command, which appends exactly one reply.
type call struct {
	*Model
	db      int
	proto   int
	args    [][]byte // args[0] is the name
	watched *[]Watch
	out     []byte
}

// commands has every command of the model by its name in lower case.
var commands = map[string]func(*call){
	"get": get, "set": set, "setnx": setNX, "setex": setEX, "psetex": pSetEX, "getset": getSet,
	"getdel": getDel, "getex": getEX, "append": appendTo, "strlen": strLen, "getrange": getRange,
	"substr": getRange, "setrange": setRange, "mget": mGet, "mset": mSet, "msetnx": mSetNX,
	"incr": incr, "incrby": incrBy, "decr": decr, "decrby": decrBy, "incrbyfloat": incrByFloat,
	"setbit": setBit, "getbit": getBit, "bitcount": bitCount,
	"del": del, "unlink": del, "exists": exists, "touch": exists, "type": typeOf,
	"rename": rename, "renamenx": renameNX, "copy": copyKey, "move": move,
	"dbsize": dbSize, "flushdb": flushDB, "flushall": flushAll, "swapdb": swapDB,
	"expire": expire, "pexpire": pExpire, "expireat": expireAt, "pexpireat": pExpireAt,
	"ttl": ttl, "pttl": pTTL, "expiretime": expireTime, "pexpiretime": pExpireTime, "persist": persist,
	"watch": watch,
}

// failure ends a command as a panic: its text is the reply, in place of
// anything replied before. A command fails before it changes anything.
type failure string

const (
	syntaxError = failure("ERR syntax error")
	wrongType   = failure("WRONGTYPE Operation against a key holding the wrong kind of value")
	notInteger  = failure("ERR value is not an integer or out of range")
	noDatabase  = failure("ERR DB index is out of range")
	sameObject  = failure("ERR source and destination objects are the same")
	tooLong     = failure("ERR string exceeds maximum allowed size (proto-max-bulk-len)")
)

// run executes the command and returns all replies.
func (c *call) run(command func(*call)) (out []byte) {
	start := len(c.out)
	defer func() {
		if r := recover(); r != nil {
			text, isFailure := r.(failure)
			if !isFailure {
				panic(r)
			}
			out = append(append(append(c.out[:start], '-'), text...), "\r\n"...)
		}
	}()
	command(c)
	return c.out
}

func (c *call) name() string     { return strings.ToLower(string(c.args[0])) }
func (c *call) arg(i int) string { return string(c.args[i]) }

// is compares argument i with an option in any case.
func (c *call) is(i int, option string) bool { return strings.EqualFold(c.arg(i), option) }

// text is the string that v is, empty without v.
func text(v *value) string {
	if v == nil {
		return ""
	}
	s, ok := v.data.(string)
	if !ok {
		panic(wrongType)
	}
	return s
}

// integer parses as Redis does: only what it would print itself.
func integer(s string, otherwise failure) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != s {
		panic(otherwise)
	}
	return n
}

func (c *call) integer(i int) int64 { return integer(c.arg(i), notInteger) }

// The replies.

func (c *call) simple(s string) { c.out = append(append(append(c.out, '+'), s...), "\r\n"...) }
func (c *call) ok()             { c.simple("OK") }
func (c *call) int(n int64)     { c.out = appendHead(c.out, ':', n) }
func (c *call) bulk(s string) {
	c.out = append(append(appendHead(c.out, '$', int64(len(s))), s...), "\r\n"...)
}
func (c *call) null() { c.out = appendNull(c.out, c.proto, '$') }

func (c *call) bool(b bool) {
	if b {
		c.int(1)
	} else {
		c.int(0)
	}
}

// textOrNull replies the string that v is.
func (c *call) textOrNull(v *value) {
	if v == nil {
		c.null()
	} else {
		c.bulk(text(v))
	}
}

func appendHead(dst []byte, kind byte, n int64) []byte {
	return append(strconv.AppendInt(append(dst, kind), n, 10), "\r\n"...)
}

func appendNull(dst []byte, proto int, kind byte) []byte {
	if proto == 3 {
		return append(dst, "_\r\n"...)
	}
	return appendHead(dst, kind, -1)
}

func isNullArray(reply []byte) bool {
	return bytes.HasPrefix(reply, []byte("*-1\r\n")) || bytes.HasPrefix(reply, []byte("_\r\n"))
}
