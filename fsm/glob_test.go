package fsm

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"h?llo", "hello", true},
		{"h?llo", "hllo", false},
		{"h*llo", "hllo", true},
		{"h*llo", "heeello", true},
		{"*", "x", true},
		{"*", "", false}, // an oddity of Redis: KEYS * does not ask match
		{"", "", true},
		{"", "x", false},
		{"**a**", "xay", true},
		{"a*", "a", true},
		{"a**", "a", true},
		{"*a", "ba", true},
		{"*ab*cd", "abcabcd", true},
		{"h[ae]llo", "hallo", true},
		{"h[ae]llo", "hillo", false},
		{"h[^e]llo", "hallo", true},
		{"h[^e]llo", "hello", false},
		{"h[a-b]llo", "hbllo", true},
		{"h[b-a]llo", "hallo", true},
		{"h[b-a]llo", "hcllo", false},
		{`h\*llo`, "h*llo", true},
		{`h\*llo`, "hello", false},
		{`\`, `\`, true},
		{`a\`, `a\`, true},
		{`[\]]`, "]", true},
		{`[\-a]`, "-", true},
		{"[]", "]", false},
		{"[]a", "a", false},
		{"[^]", "x", true},
		{"[abc", "b", true}, // not closed: ends with the pattern
		{"[abc", "bx", false},
		{"[", "x", false},
		{"[a-", "-", true},
		{"[a-]", "a", true},
		{"[a-]", "]", true},      // a range from a to ], and not closed
		{"[a-\xff]", "b", false}, // bytes compare as signed: from \xff to a
		{"[a-\xff]", "A", true},
		{"?", "\xff", true},
	} {
		if got := match([]byte(c.pattern), []byte(c.text)); got != c.want {
			t.Errorf("match(%q, %q) = %v", c.pattern, c.text, got)
		}
	}
}

// TestMatchTriesEverything compares with the definition: a * is any string.
func TestMatchTriesEverything(t *testing.T) {
	pattern := rapid.StringOfN(rapid.SampledFrom([]rune(`ab-]*?[^\`)), 0, 8, -1)
	text := rapid.StringOfN(rapid.SampledFrom([]rune(`ab-]\`)), 0, 8, -1)
	rapid.Check(t, func(t *rapid.T) {
		p, s := []byte(pattern.Draw(t, "pattern")), []byte(text.Draw(t, "text"))
		want := len(s) > 0 && matchByDefinition(p, s) || len(p)+len(s) == 0
		if match(p, s) != want {
			t.Fatalf("match(%q, %q) = %v", p, s, !want)
		}
	})
}

func matchByDefinition(pattern, s []byte) bool {
	switch {
	case len(pattern) == 0:
		return len(s) == 0
	case pattern[0] == '*':
		for i := 0; i <= len(s); i++ {
			if matchByDefinition(pattern[1:], s[i:]) {
				return true
			}
		}
		return false
	case len(s) == 0:
		return false
	}
	n, ok := matchOne(pattern, s[0])
	return ok && matchByDefinition(pattern[n:], s[1:])
}

// TestMatchTakesItsTime would not end if every * were tried with every other.
func TestMatchTakesItsTime(t *testing.T) {
	text := []byte(strings.Repeat("a", 2000))
	for _, pattern := range []string{
		strings.Repeat("*a", 500) + "*b",
		strings.Repeat("a*", 500) + "b",
		strings.Repeat("*?", 900) + "b",
		strings.Repeat("*[a-b]", 300) + "*c",
	} {
		if match([]byte(pattern), text) {
			t.Errorf("%.20s… matches", pattern)
		}
	}
}
