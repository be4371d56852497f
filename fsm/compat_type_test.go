package fsm

import (
	"bytes"
	"testing"
)

// TestCompatWrongType meets a key that holds no string, of a type that only
// Redis has, with every command on strings.
func TestCompatWrongType(t *testing.T) {
	const foreign kind = 200
	redis, ours := startRedis(t)(2), newSession(2, wallClock)
	for _, command := range parseTranscript(t, `
GET list
GETRANGE list 0 -1
GETRANGE list x 0
SUBSTR list 0 -1
LCS list s
LCS s list LEN
LCS list s nonsense
MGET list s
STRLEN list
APPEND list x
GETDEL list
GETEX list
GETEX list EX x
GETEX list nonsense
GETSET list x
SETRANGE list 0 x
SETRANGE list 0 ""
SETRANGE list -1 x
SETRANGE list 999999999999 x
SETNX list x
MSETNX s2 x list x
SET list x NX
SET list x NX GET
SET list x XX GET
SET list x GET
SET list x GET EX x
INCR list
DECR list
INCRBY list x
INCRBY list 1
DECRBY list -9223372036854775808
INCRBYFLOAT list 1
INCRBYFLOAT list x
GETBIT list 0
GETBIT list x
SETBIT list 0 1
SETBIT list 0 2
BITCOUNT list
BITCOUNT list 0 x
BITPOS list 1
BITPOS list 2
BITPOS list 1 x
BITOP AND d s list
BITOP NOT d list
BITOP NOT d list s
BITFIELD list
BITFIELD list GET u8 0
BITFIELD list SET u8 0 1
BITFIELD list SET u8 0 x
BITFIELD_RO list GET u8 0
BITFIELD_RO list SET u8 0 1
EXISTS list
EXISTS d s2
SET list x XX
SETEX list 100 x
PSETEX list 100000 x
MSET list x
BITOP OR list s s
`) {
		redis.pipeline(t, [][][]byte{words("DEL", "list"), words("RPUSH", "list", "x"), words("SET", "s", "text")})
		ours.run(t, [][][]byte{words("SET", "list", "x"), words("SET", "s", "text")})
		for _, store := range []*Store{ours.origin, ours.replica} {
			key := []byte("list")
			store.databases[0].find(store.place(key), key).kind = foreign
		}
		theirs := redis.pipeline(t, [][][]byte{command})[0]
		if reply := ours.run(t, [][][]byte{command})[0]; !bytes.Equal(reply, theirs) {
			t.Errorf("%s\nredis   %s\nredoubt %s", quoteCommand(command), showReply(theirs), showReply(reply))
		}
	}
}
