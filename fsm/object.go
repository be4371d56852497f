package fsm

// kind is the type of a value.
type kind uint8

const (
	kindString kind = iota + 1
)

// String is the name that TYPE replies.
func (k kind) String() string {
	switch k {
	case kindString:
		return "string"
	}
	return "none"
}

// encoding refines what OBJECT ENCODING says of a string. Redis keeps strings
// in different layouts depending on how they came about; here the layout is one
// and only the history is remembered.
type encoding uint8

const (
	// encodingAuto is int, embstr or raw, by the content: SET, INCR, …
	encodingAuto encoding = iota
	// encodingText is embstr or raw, never int: INCRBYFLOAT.
	encodingText
	// encodingRaw is raw at any length: APPEND, SETRANGE, SETBIT.
	encodingRaw
)

// object is a key with its value. It is laid out to fill an allocation of 64
// bytes: there is one per key.
type object struct {
	key       string
	str       []byte // owned by the object: commands copy what they keep
	expireAt  int64  // ms of log time after which the key is gone; 0: never
	version   uint64 // of the last change, see Store.version
	heapIndex uint32 // place in the expiry index, when expireAt is set
	kind      kind
	encoding  encoding
}

// expired follows Redis: a key lives through the millisecond of its expiry.
func (o *object) expired(now int64) bool {
	return o.expireAt != 0 && now > o.expireAt
}

const (
	objectBytes = 64 // the struct
	cellBytes   = 18 // its cell in a table, at the usual load
	expiryBytes = 20 // its cell in the expiry index, likewise
)

// size estimates the memory of the key in bytes. MEMORY USAGE replies it, so it
// goes by the length of the value: the capacity is not the same on every node.
func (o *object) size() int {
	n := objectBytes + cellBytes + allocBytes(len(o.key)) + allocBytes(len(o.str))
	if o.expireAt != 0 {
		n += expiryBytes
	}
	return n
}

// allocBytes is about what the allocator takes for n bytes.
func allocBytes(n int) int {
	switch {
	case n <= 16:
		return (n + 7) &^ 7
	case n <= 128:
		return (n + 15) &^ 15
	}
	return n + n/16
}
