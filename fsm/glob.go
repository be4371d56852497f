package fsm

// match reports whether s matches the glob-style pattern of KEYS and SCAN, as
// Redis matches it: * ? [a-c] [^x] and \ before a character that stands for
// itself. Oddities included: a class that is not closed ends with the pattern,
// ranges compare bytes as signed, and the empty string matches the empty
// pattern alone.
//
// Every part of a pattern but * takes exactly one byte, so when a match fails
// it is enough to let the last * take one byte more, and never an earlier one:
// len(pattern)×len(s) steps at most, where trying all of them is exponential.
func match(pattern, s []byte) bool {
	if len(s) == 0 {
		return len(pattern) == 0
	}
	p, i := 0, 0
	star, retry := -1, 0 // behind the last *, and where in s to try next
	for i < len(s) {
		if p < len(pattern) && pattern[p] == '*' {
			p++
			star, retry = p, i
			continue
		}
		if p < len(pattern) {
			if n, ok := matchOne(pattern[p:], s[i]); ok {
				p, i = p+n, i+1
				continue
			}
		}
		if star < 0 {
			return false
		}
		if star == len(pattern) {
			return true
		}
		retry++
		p, i = star, retry
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// matchOne matches c with the first part of a pattern, which is not a *, and
// returns the length of that part.
func matchOne(pattern []byte, c byte) (n int, ok bool) {
	switch pattern[0] {
	case '?':
		return 1, true
	case '[':
		return matchClass(pattern, c)
	case '\\':
		if len(pattern) > 1 {
			return 2, pattern[1] == c
		}
	}
	return 1, pattern[0] == c
}

// matchClass is matchOne for a pattern that begins with [.
func matchClass(pattern []byte, c byte) (n int, ok bool) {
	n = 1
	not := n < len(pattern) && pattern[n] == '^'
	if not {
		n++
	}
	for {
		rest := pattern[n:]
		switch {
		case len(rest) == 0:
			return n, ok != not
		case rest[0] == '\\' && len(rest) > 1:
			ok = ok || rest[1] == c
			n += 2
		case rest[0] == ']':
			return n + 1, ok != not
		case len(rest) > 2 && rest[1] == '-':
			low, high := int8(rest[0]), int8(rest[2])
			ok = ok || min(low, high) <= int8(c) && int8(c) <= max(low, high)
			n += 3
		default:
			ok = ok || rest[0] == c
			n++
		}
	}
}
