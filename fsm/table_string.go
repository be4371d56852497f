package fsm

import "slices"

const (
	fastWrite   = FlagWrite | FlagDenyOOM | FlagFast
	fastRead    = FlagReadonly | FlagFast
	expiryWords = "EX seconds:integer | PX milliseconds:integer | EXAT unix-time-seconds:unix-time | PXAT unix-time-milliseconds:unix-time"
)

// ofAnyLength: all nodes have to agree about it, and settings are each node's own.
const ofAnyLength = "A string may have 512 MB, whatever proto-max-bulk-len says."

func stringCommands() []*Spec {
	rows := slices.Concat(stringReads(), stringWrites(), counterCommands())
	for _, s := range rows {
		s.Categories |= CategoryString
	}
	return rows
}

func stringReads() []*Spec {
	return []*Spec{
		{
			Name: "get", Arity: 2, Flags: fastRead, KeySpecs: oneKey("RO access"), run: get,
			Since: "1.0.0", Complexity: "O(1)", Syntax: "key",
			Summary: "Returns the string at a key.",
		},
		{
			Name: "getrange", Arity: 4, Flags: FlagReadonly, KeySpecs: oneKey("RO access"), run: getRange,
			Since: "2.4.0", Complexity: "O(N), N being the length of the returned part", Syntax: "key start:integer end:integer",
			Summary: "Returns a part of the string at a key.",
		},
		{
			Name: "substr", Arity: 4, Flags: FlagReadonly, KeySpecs: oneKey("RO access"), run: getRange,
			Since: "1.0.0", Complexity: "O(N), N being the length of the returned part", Syntax: "key start:integer end:integer",
			DeprecatedSince: "2.0.0", ReplacedBy: "`GETRANGE`",
			Summary: "Returns a part of the string at a key; the older name of GETRANGE.",
		},
		{
			Name: "lcs", Arity: -3, Flags: FlagReadonly, KeySpecs: []KeySpec{{Flags: "RO access", Index: 1, Last: 1, Step: 1}}, run: lcs,
			Since: "7.0.0", Complexity: "O(N*M), N and M being the lengths of the strings",
			Syntax:      "key1:key key2:key [LEN] [IDX] [MINMATCHLEN len:integer] [WITHMATCHLEN]",
			Summary:     "Finds the longest common subsequence of two strings.",
			Differences: "The table that it fills may have 512 MB, whatever proto-max-bulk-len says.",
		},
		{
			Name: "mget", Arity: -2, Flags: fastRead, KeySpecs: keysEvery(1, "RO access"), run: mget,
			Since: "1.0.0", Complexity: "O(N), N being the number of keys", Syntax: "key ...",
			Tips:    []string{"request_policy:multi_shard"},
			Summary: "Returns the strings at several keys.",
		},
		{
			Name: "strlen", Arity: 2, Flags: fastRead, KeySpecs: oneKey("RO"), run: strLen,
			Since: "2.2.0", Complexity: "O(1)", Syntax: "key",
			Summary: "Returns the length of the string at a key.",
		},
	}
}

func stringWrites() []*Spec {
	return []*Spec{
		{
			Name: "append", Arity: 3, Flags: fastWrite, KeySpecs: oneKey("RW insert"), run: appendValue,
			Since: "2.0.0", Complexity: "O(1) amortized, for short appended values", Syntax: "key value",
			Summary:     "Appends to the string at a key, creating it when missing.",
			Differences: ofAnyLength,
		},
		{
			Name: "getdel", Arity: 2, Flags: FlagWrite | FlagFast, KeySpecs: oneKey("RW access delete"), run: getDel,
			Since: "6.2.0", Complexity: "O(1)", Syntax: "key",
			Summary: "Returns the string at a key and deletes the key.",
		},
		{
			Name: "getex", Arity: -2, Flags: FlagWrite | FlagFast, KeySpecs: oneKey("RW access update"), run: getEx,
			Since: "6.2.0", Complexity: "O(1)", Syntax: "key [" + expiryWords + " | PERSIST]",
			Summary: "Returns the string at a key and sets or removes its expiration.",
		},
		{
			Name: "getset", Arity: 3, Flags: fastWrite, KeySpecs: oneKey("RW access update"), run: getSet,
			Since: "1.0.0", Complexity: "O(1)", Syntax: "key value",
			DeprecatedSince: "6.2.0", ReplacedBy: "`SET` with the `!GET` argument",
			Summary: "Sets the string at a key and returns the one it had.",
		},
		{
			Name: "mset", Arity: -3, Flags: FlagWrite | FlagDenyOOM, KeySpecs: keysEvery(2, "OW update"), run: mset,
			Since: "1.0.1", Complexity: "O(N), N being the number of keys", Syntax: "<key value> ...",
			Tips:    []string{"request_policy:multi_shard", "response_policy:all_succeeded"},
			Summary: "Sets the strings at several keys at once.",
		},
		{
			Name: "msetnx", Arity: -3, Flags: FlagWrite | FlagDenyOOM, KeySpecs: keysEvery(2, "OW insert"), run: msetNX,
			Since: "1.0.1", Complexity: "O(N), N being the number of keys", Syntax: "<key value> ...",
			Tips:    []string{"request_policy:multi_shard", "response_policy:agg_min"},
			Summary: "Sets the strings at several keys, or none of them when one of the keys exists.",
		},
		{
			Name: "psetex", Arity: 4, Flags: FlagWrite | FlagDenyOOM, KeySpecs: oneKey("OW update"), run: psetEx,
			Since: "2.6.0", Complexity: "O(1)", Syntax: "key milliseconds:integer value",
			Summary: "Sets the string at a key and its time to live in milliseconds.",
		},
		{
			Name: "set", Arity: -3, Flags: FlagWrite | FlagDenyOOM, KeySpecs: oneKey("RW access update variable_flags"), run: set, keyFlags: setKeyFlags,
			Since: "1.0.0", Complexity: "O(1)", Syntax: "key value [NX | XX] [GET] [" + expiryWords + " | KEEPTTL]",
			Summary: "Sets the string at a key, whatever it held before.",
		},
		{
			Name: "setex", Arity: 4, Flags: FlagWrite | FlagDenyOOM, KeySpecs: oneKey("OW update"), run: setEx,
			Since: "2.0.0", Complexity: "O(1)", Syntax: "key seconds:integer value",
			Summary: "Sets the string at a key and its time to live in seconds.",
		},
		{
			Name: "setnx", Arity: 3, Flags: fastWrite, KeySpecs: oneKey("OW insert"), run: setNX,
			Since: "1.0.0", Complexity: "O(1)", Syntax: "key value",
			Summary: "Sets the string at a key that does not exist.",
		},
		{
			Name: "setrange", Arity: 4, Flags: FlagWrite | FlagDenyOOM, KeySpecs: oneKey("RW update"), run: setRange,
			Since: "2.2.0", Complexity: "O(M), M being the length of the value and of the padding before it", Syntax: "key offset:integer value",
			Summary:     "Overwrites the string at a key from an offset on, padding with zero bytes.",
			Differences: ofAnyLength,
		},
	}
}

func counterCommands() []*Spec {
	return []*Spec{
		{
			Name: "decr", Arity: 2, Flags: fastWrite, KeySpecs: oneKey("RW access update"), run: decr,
			Since: "1.0.0", Complexity: "O(1)", Syntax: "key",
			Summary: "Subtracts one from the integer at a key; a missing key counts as 0.",
		},
		{
			Name: "decrby", Arity: 3, Flags: fastWrite, KeySpecs: oneKey("RW access update"), run: decrBy,
			Since: "1.0.0", Complexity: "O(1)", Syntax: "key decrement:integer",
			Summary: "Subtracts from the integer at a key; a missing key counts as 0.",
		},
		{
			Name: "incr", Arity: 2, Flags: fastWrite, KeySpecs: oneKey("RW access update"), run: incr,
			Since: "1.0.0", Complexity: "O(1)", Syntax: "key",
			Summary: "Adds one to the integer at a key; a missing key counts as 0.",
		},
		{
			Name: "incrby", Arity: 3, Flags: fastWrite, KeySpecs: oneKey("RW access update"), run: incrBy,
			Since: "1.0.0", Complexity: "O(1)", Syntax: "key increment:integer",
			Summary: "Adds to the integer at a key; a missing key counts as 0.",
		},
		{
			Name: "incrbyfloat", Arity: 3, Flags: fastWrite, KeySpecs: oneKey("RW access update"), run: incrByFloat,
			Since: "2.6.0", Complexity: "O(1)", Syntax: "key increment:double",
			Summary: "Adds to the floating-point number at a key; a missing key counts as 0.",
		},
	}
}
