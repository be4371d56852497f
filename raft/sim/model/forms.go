package model

// form is a pattern of a command: words in capitals stand for themselves, those
// in small letters for what Generator.argument makes. One of the words after a ?
// is taken, or none.
type form struct {
	words  []string
	weight int
}

// A run leaves some families out and is full of others.
var families = []struct {
	weight int
	forms  string
}{
	{6, `GET key
GET key
SET key value
SET key value
SET key value ?NX|XX ?GET
SETNX key value
GETSET key value
GETDEL key
DEL key`},
	{6, `APPEND list token
APPEND list token
GET list
STRLEN list`},
	{6, `INCR counter
INCR counter
INCRBY counter small
DECR counter
DECRBY counter small
INCRBYFLOAT counter float
SET counter small ?NX|XX
GET counter`},
	{4, `MGET any any any
MSET key value key value
MSETNX key value key value
EXISTS any any
TOUCH any any
UNLINK any any
DEL any any any`},
	{3, `SET key value PX ms ?GET
SET key value EX seconds ?NX|XX
SET key value PXAT atms ?GET
SET key value EXAT at
SET key value KEEPTTL ?XX
SETEX key seconds value
PSETEX key ms value
GETEX key
GETEX key PX ms
GETEX key EX seconds
GETEX key PXAT atms
GETEX key EXAT at
GETEX key PERSIST
EXPIRE any seconds ?NX|XX|GT|LT
PEXPIRE any ms ?NX|XX|GT|LT
EXPIREAT any at ?NX|XX|GT|LT
PEXPIREAT any atms ?NX|XX|GT|LT
EXPIRE any past
PERSIST any
TTL any
PTTL any
EXPIRETIME any
PEXPIRETIME any`},
	{2, `GETRANGE key index index
SUBSTR list index index
SETRANGE key offset value
SETRANGE key offset token
SETBIT key offset bit
GETBIT key offset
BITCOUNT any
BITCOUNT key index index ?BYTE|BIT
STRLEN any`},
	{3, `RENAME any any
RENAMENX any any
COPY any any ?REPLACE
COPY any any DB db ?REPLACE
MOVE any db
TYPE any
DBSIZE`},
	{1, `FLUSHDB ?ASYNC|SYNC
SWAPDB db db
FLUSHALL`},
	{1, `PING
SET key value NX XX
SET key value EX oddtime
SET key value PX oddtime
SET key value PX oddtime KEEPTTL
SET key value EX
SETEX key oddtime value
GETEX key PXAT oddtime
GETEX key EX oddtime
SET counter odd
INCRBY counter odd
DECRBY counter odd
INCR any
INCRBYFLOAT counter odd
INCRBYFLOAT any float
EXPIRE key oddtime ?NX|XX
PEXPIRE key oddtime
PEXPIREAT key oddtimetime ?GT|LT
EXPIRE key small NX GT
EXPIRE key small LT GT
EXPIRE key small WHEN
EXPIREAT key oddtime
GETRANGE key odd odd
SETRANGE key odd token
SETRANGE key 536870912 token
SETRANGE key offset small
SETBIT key odd bit
SETBIT key offset odd
GETBIT key odd
BITCOUNT key odd odd ?BIT|BYTE|WORD
BITCOUNT key odd
MSET key value any
MSETNX key value any
COPY any any DB odd
COPY any any REPLACE DB
MOVE any odd
SWAPDB odd db
SWAPDB db odd
FLUSHDB LATER`},
}

// oddNumbers are at the edges or none. There is none that SETBIT would take and
// make a string of hundreds of megabytes.
var oddNumbers = []string{
	"0", "1", "-1", "-0", "+1", "01", " 1", "", "x", "1.5", "1e3", "0x10", "16", "4294967296", "-2147483649",
	"9223372036854775807", "-9223372036854775808", "9223372036854775808", "-9223372036854775809",
	"9223372036854775", "9223372036854776", "4611686018427387904", "99999999999999999999", "0.1", "1e5000", "1e-5000",
	"inf", "-inf", "nan", "1e4932", "0x1p4", ".5", "5.", "1_0", "1p5", "0b1", "infinit", "--1",
}

// oddTimes are at the edges or none, and never soon.
var oddTimes = []string{
	"0", "-1", "-0", "+1", "", "x", "1.5", "9223372036854775807", "-9223372036854775808", "9223372036854775808",
	"9223372036854775", "9223372036854776", "-9223372036854775", "-9223372036854776", "4611686018427387904",
	"9223370000000000",
}
