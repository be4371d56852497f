package fsm

func bitmapCommands() []*Spec {
	const unit = "[BYTE | BIT]"
	rows := []*Spec{
		{
			Name: "bitcount", Arity: -2, Flags: FlagReadonly, KeySpecs: oneKey("RO access"), run: bitCount,
			Since: "2.6.0", Complexity: "O(N), N being the length of the range", Syntax: "key [start:integer end:integer " + unit + "]",
			Summary: "Counts the bits that are set in a string or a part of it.",
		},
		{
			Name: "bitfield", Arity: -2, Flags: FlagWrite | FlagDenyOOM, KeySpecs: oneKey("RW access update variable_flags"), run: bitField, keyFlags: bitFieldKeyFlags,
			Since: "3.2.0", Complexity: "O(1) for each operation",
			Syntax:  "key [<GET encoding offset:integer | <[OVERFLOW <WRAP | SAT | FAIL>] <SET encoding offset:integer value:integer | INCRBY encoding offset:integer increment:integer>>> ...]",
			Summary: "Reads, sets and increments integers of any width within a string.",
			Differences: "OVERFLOW SAT takes a SET of the least 64-bit integers to the smallest value; Redis overflows and takes it to the largest. " +
				"A string that became longer has changed for WATCH, also when OVERFLOW FAIL then let nothing be written; in Redis it has not. " +
				ofAnyLength,
		},
		{
			Name: "bitfield_ro", Arity: -2, Flags: fastRead, KeySpecs: oneKey("RO access"), run: bitFieldReadOnly,
			Since: "6.0.0", Complexity: "O(1) for each operation", Syntax: "key [GET encoding offset:integer ...]",
			Summary: "Reads integers of any width within a string.",
		},
		{
			Name: "bitop", Arity: -4, Flags: FlagWrite | FlagDenyOOM, run: bitOp,
			KeySpecs: []KeySpec{{Flags: "OW update", Index: 2, Step: 1}, {Flags: "RO access", Index: 3, Last: -1, Step: 1}},
			Since:    "2.6.0", Complexity: "O(N), N being the length of the longest string", Syntax: "operation destkey:key key ...",
			Summary: "Stores the bitwise AND, OR, XOR or NOT of strings.",
		},
		{
			Name: "bitpos", Arity: -3, Flags: FlagReadonly, KeySpecs: oneKey("RO access"), run: bitPos,
			Since: "2.8.7", Complexity: "O(N), N being the length of the range", Syntax: "key bit:integer [start:integer [end:integer " + unit + "]]",
			Summary: "Finds the first bit that is set, or clear, in a string or a part of it.",
		},
		{
			Name: "getbit", Arity: 3, Flags: fastRead, KeySpecs: oneKey("RO access"), run: getBit,
			Since: "2.2.0", Complexity: "O(1)", Syntax: "key offset:integer",
			Summary: "Returns a bit of a string.",
		},
		{
			Name: "setbit", Arity: 4, Flags: FlagWrite | FlagDenyOOM, KeySpecs: oneKey("RW access update"), run: setBit,
			Since: "2.2.0", Complexity: "O(1)", Syntax: "key offset:integer value:integer",
			Summary:     "Sets or clears a bit of a string, padding with zero bytes, and returns what it was.",
			Differences: ofAnyLength,
		},
	}
	for _, s := range rows {
		s.Categories |= CategoryBitmap
	}
	return rows
}
