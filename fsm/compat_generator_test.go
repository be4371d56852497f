package fsm

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// generator makes random commands that are near enough to valid ones to reach
// deep, over few keys, so that commands meet each other's leavings.
type generator struct {
	*rand.Rand
	// pastExpiry allows SET with an expiry in the past. Redis counts such keys
	// in DBSIZE until it comes across them, so DBSIZE is left out then.
	pastExpiry bool
	inMulti    bool
	ttls       int // made so far
}

func newGenerator(seed uint64) *generator {
	r := rand.New(rand.NewPCG(seed, 0))
	return &generator{Rand: r, pastExpiry: r.IntN(2) == 0}
}

func (g *generator) pipeline() [][][]byte {
	var commands [][][]byte
	for range 1 + g.IntN(60) {
		command := g.command()
		commands = append(commands, command)
		if !g.inMulti && mayGrowUnseen(command) {
			commands = append(commands, words("UNWATCH"))
		}
	}
	if g.inMulti {
		g.inMulti = false
		commands = append(commands, words("EXEC"))
	}
	return commands
}

// mayGrowUnseen: a BITFIELD that makes a string longer, and whose operations then
// all fail, aborts a transaction that watches the key. In Redis it does not, though
// STRLEN tells that the value is another one (testdata/engine/watch.txt).
func mayGrowUnseen(command [][]byte) bool {
	return strings.EqualFold(string(command[0]), "bitfield") &&
		slices.ContainsFunc(command, func(arg []byte) bool { return strings.EqualFold(string(arg), "fail") })
}

// forms are the commands and what their arguments look like: small letters
// stand for what (*generator).argument makes, capitals for themselves, and in
// brackets are options, of which any number is taken in any order.
var forms = strings.Split(strings.TrimSpace(`
get key
getrange key index index
substr key index index
lcs key key [LEN] [IDX] [MINMATCHLEN int] [WITHMATCHLEN]
mget key key key
strlen key
append key value
append key short
getdel key
getex key [EX ttl] [PX ttlms] [EXAT at] [PXAT atms] [PERSIST]
getset key value
mset key value key value
mset key value key
msetnx key value key value
msetnx key value key
psetex key ttlms value
set key value
set key number
set key value [NX] [XX] [GET] [EX ttl] [PX ttlms] [EXAT at] [PXAT atms] [KEEPTTL]
set key number [GET] [KEEPTTL] [EX ttl]
setex key ttl value
setnx key value
setrange key offset value
setbit key bitoffset bit
getbit key bitoffset
bitcount key
bitcount key index index
bitcount key index index unit
bitpos key bit
bitpos key bit index
bitpos key bit index index
bitpos key bit index index unit
bitop op key key key
bitop op key key
bitfield key [GET fieldtype fieldoffset] [SET fieldtype fieldoffset fieldvalue] [INCRBY fieldtype fieldoffset int] [OVERFLOW overflow]
bitfield key [SET fieldtype fieldoffset fieldvalue] [INCRBY fieldtype fieldoffset int] [OVERFLOW overflow]
bitfield_ro key [GET fieldtype fieldoffset] [GET fieldtype fieldoffset] [SET fieldtype fieldoffset fieldvalue]
decr key
decrby key int
incr key
incrby key int
incrbyfloat key float
set key float
copy key key [DB db] [REPLACE]
del key
del key key key
exists key key
move key db
rename key key
renamenx key key
touch key key
type key
unlink key key
keys pattern
randomkey
scan 0 COUNT 1000 [MATCH pattern] [TYPE type]
scan cursor
expire key ttl [NX] [XX] [GT] [LT]
pexpire key ttlms [NX] [XX] [GT] [LT]
expireat key at [NX] [XX] [GT] [LT]
pexpireat key atms [NX] [XX] [GT] [LT]
persist key
expiretime key
pexpiretime key
ttl key
pttl key
object encoding key
object freq key
object idletime key
object refcount key
memory usage key [SAMPLES int]
dbsize
flushdb [ASYNC] [SYNC]
flushall
swapdb db db
select db
multi
exec
discard
watch key key
unwatch
command getkeys set key value [GET]
command getkeysandflags mset key value key value
object nosuch key
nosuch key
`), "\n")

// rare are forms that wipe out what others have built.
var rare = []string{"flushdb", "flushall", "swapdb", "select", "multi", "discard", "nosuch", "object nosuch"}

func (g *generator) command() [][]byte {
	for {
		form := forms[g.IntN(len(forms))]
		isRare := slices.ContainsFunc(rare, func(r string) bool { return strings.HasPrefix(form, r) })
		if isRare && g.IntN(6) > 0 || form == "dbsize" && g.pastExpiry {
			continue
		}
		switch form {
		case "multi":
			g.inMulti = true
		case "exec", "discard":
			g.inMulti = false
		}
		return g.mangle(g.fill(form))
	}
}

// fill makes a command from a form.
func (g *generator) fill(form string) [][]byte {
	plain, options, _ := strings.Cut(form, "[")
	var args [][]byte
	for i, word := range strings.Fields(plain) {
		if i == 0 || strings.HasPrefix(form, "object") && i == 1 || strings.HasPrefix(form, "command") && i < 3 {
			args = append(args, g.anyCase(word))
		} else {
			args = append(args, g.argument(word))
		}
	}
	if options == "" {
		return args
	}
	list := strings.Split(strings.TrimSuffix(options, "]"), "] [")
	for n := g.IntN(4); n > 0; n-- {
		for _, word := range strings.Fields(list[g.IntN(len(list))]) {
			args = append(args, g.argument(word))
		}
	}
	return args
}

// mangle now and then takes an argument away, repeats one or adds one.
func (g *generator) mangle(args [][]byte) [][]byte {
	if g.IntN(25) > 0 || len(args) < 2 || g.inMulti {
		return args
	}
	switch i := 1 + g.IntN(len(args)-1); g.IntN(4) {
	case 0:
		return slices.Delete(args, i, i+1)
	case 1:
		return slices.Insert(args, i, args[i])
	case 2:
		return append(args, g.argument("value"))
	default:
		return append(args, g.anyCase(pick(g, "NX", "XX", "GET", "EX", "PERSIST", "KEEPTTL", "LEN", "DB", "GT", "nonsense")))
	}
}

func (g *generator) anyCase(word string) []byte {
	switch g.IntN(4) {
	case 0:
		return []byte(strings.ToUpper(word))
	case 1:
		return []byte(strings.ToUpper(word[:1]) + strings.ToLower(word[1:]))
	}
	return []byte(strings.ToLower(word))
}

func pick[T any](g *generator, choices ...T) T { return choices[g.IntN(len(choices))] }

var (
	extremeInts = []string{
		"0", "-0", "1", "-1", "2", "5", "-5", "9223372036854775807", "-9223372036854775808", "9223372036854775806",
		"9223372036854775808", "-9223372036854775809", "4294967296", "-2147483649", "99999999999999999999",
		"01", "+1", " 1", "1 ", "", "abc", "1.5", "1e3", "0x10", "9223372036854775807000",
	}
	floats = []string{
		"0", "-0", "0.1", "-0.1", "3", "1.5", "1e10", "-2.5e-3", "1e17", "123456789.123456789", "0.3333333333333333333",
		"1e308", "1e4931", "1.1e4932", "1e4933", "1e-4940", "1e-5000", "inf", "-inf", "+Infinity", "nan", "-nan", "0x1p4", "0x.1", "1e",
		".5", "5.", "1e400", "1.7976931348623157e308", "18446744073709551617", "9223372036854775807", "1_0", " 1", "1 ", "", "abc", "1e-17", "5e-18",
		"0.00000000000000000049", "99999999999999999.99999999999999999",
	}
	oddTTLs = []string{
		"9223372036854775", "9223372036854776", "9223372036854775807", "-1", "0",
		"-9223372036854775808", "9223370000000000", "abc", "", "1.5", "99999999999999999999",
	}
	farSeconds = []string{"4102444800", "4102444801", "9223372036854775", "9223372036854776", "0", "-1", "abc", "9223372036854775807"}
	farMillis  = []string{"4102444800000", "4102444800001", "9223372036854775807", "0", "-1", "abc", "4102444800999"}
)

// argument makes what a word of a form stands for.
func (g *generator) argument(word string) []byte {
	var s string
	switch word {
	case "key":
		s = pick(g, "a", "b", "c", "d", "e", "f{z}", "", "\x00\xff") // of different slots: WATCH of a missing key looks at its slot
	case "value":
		return g.value()
	case "short":
		s = pick(g, "", "1", "x", "0", "-", ".5")
	case "number", "int":
		s = pick(g, extremeInts...)
		if g.IntN(2) == 0 {
			s = strconv.Itoa(g.IntN(200) - 100)
		}
	case "index":
		s = pick(g, extremeInts...)
		if g.IntN(3) > 0 {
			s = strconv.Itoa(g.IntN(40) - 20)
		}
	case "offset":
		s = pick(g, "0", "1", "5", "40", "-1", "536870912", "536870911000", "9223372036854775807", "abc", "600")
	case "bit":
		s = pick(g, "0", "1", "0", "1", "0", "1", "2", "-1", "", "abc")
	case "bitoffset":
		s = pick(g, "-1", "abc", "4294967296", "9223372036854775807", "5000", "#1")
		if g.IntN(3) > 0 {
			s = strconv.Itoa(g.IntN(300))
		}
	case "unit":
		s = pick(g, "BYTE", "BIT", "bit", "bits", "")
	case "op":
		s = pick(g, "AND", "or", "Xor", "NOT", "nand")
	case "overflow":
		s = pick(g, "WRAP", "sat", "Fail", "nonsense")
	case "fieldtype":
		s = pick(g, "u8", "i8", "u1", "i1", "u63", "i64", "u7", "i5", "u64", "i65", "u0", "i", "x8", "U8", "u08", "u-1")
		if g.IntN(3) > 0 {
			s = pick(g, "u", "i") + strconv.Itoa(1+g.IntN(63))
		}
	case "fieldvalue": // none so low that Redis saturates it the wrong way
		if s = string(g.argument("int")); s == "-9223372036854775808" {
			s = "-4611686018427387904"
		}
	case "fieldoffset":
		s = pick(g, "#0", "#1", "#2", "#", "#-1", "#9223372036854775807", "#1152921504606846976", "-1", "abc", "4294967296")
		if g.IntN(3) > 0 {
			s = strconv.Itoa(g.IntN(130))
		}
	case "float":
		s = pick(g, floats...)
	case "ttl":
		s = g.relative("")
	case "ttlms":
		s = g.relative("000")
	case "at":
		s = g.absolute(farSeconds, "1000000000")
	case "atms":
		s = g.absolute(farMillis, "1000000000000")
	case "db":
		s = pick(g, "0", "1", "0", "1", "2", "15", "16", "-1", "abc", "99999999999999999999")
	case "cursor":
		s = pick(g, "abc", "-1", "", "99999999999999999999999", "1 ")
	case "pattern":
		s = pick(g, "*", "?", "[a-c]", "[^a]", "f*", "*a*", "", "\\a", "[a", "**", "a?", "[c-a]", "\\", "[]", "*}")
	case "type":
		s = pick(g, "string", "STRING", "list", "nosuch")
	default:
		return g.anyCase(word)
	}
	return []byte(s)
}

// relative makes a time to live that no command has had before, apart enough
// that it does not matter at which millisecond each server runs a command.
func (g *generator) relative(unit string) string {
	if g.IntN(3) == 0 {
		return pick(g, oddTTLs...)
	}
	g.ttls++
	return strconv.Itoa(1000+100*g.ttls) + unit
}

func (g *generator) absolute(far []string, past string) string {
	if g.pastExpiry && g.IntN(3) == 0 {
		return past
	}
	return pick(g, far...)
}

func (g *generator) value() []byte {
	switch g.IntN(6) {
	case 0:
		return g.argument("number")
	case 1:
		return g.argument("float")
	case 2:
		b := make([]byte, g.IntN(100))
		for i := range b {
			b[i] = byte(g.Uint32())
		}
		return b
	case 3:
		b := make([]byte, g.IntN(60))
		for i := range b {
			b[i] = "abc"[g.IntN(3)]
		}
		return b
	}
	return []byte(pick(g, "", "v", "hello", "10", "abcabc", strings.Repeat("x", 44), strings.Repeat("x", 45)))
}
