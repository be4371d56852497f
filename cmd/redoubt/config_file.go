package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// parseFile reads a configuration file in the manner of redis.conf: one
// "name value" a line, # at the start of a line for a comment, quotes around
// values with spaces.
func parseFile(path, text string) ([]assignment, error) {
	var out []assignment
	seen := map[string]int{}
	for i, line := range strings.Split(text, "\n") {
		where := fmt.Sprintf("%s:%d", path, i+1)
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		words, err := splitWords(line)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", where, err)
		}
		name := strings.ToLower(words[0])
		switch _, ok := lookupSetting(name); {
		case !ok:
			return nil, fmt.Errorf("%s: %s: no such setting%s", where, words[0], suggestion(name))
		case name == "config":
			return nil, fmt.Errorf("%s: a file cannot name another one", where)
		case len(words) != 2:
			return nil, fmt.Errorf("%s: %s takes one value, %d given (values with spaces need quotes, comments a line of their own)", where, name, len(words)-1)
		case seen[name] != 0:
			return nil, fmt.Errorf("%s: %s was set in line %d already", where, name, seen[name])
		}
		seen[name] = i + 1
		out = append(out, assignment{name: name, value: words[1], origin: "file " + where, label: where + ": " + name})
	}
	return out, nil
}

// splitWords splits a line at white space. "…" understands \n, \r, \t, \\, \"
// and \xHH; '…' understands \' only.
func splitWords(line string) ([]string, error) {
	var words []string
	for {
		line = strings.TrimLeft(line, " \t\r")
		if line == "" {
			return words, nil
		}
		if line[0] != '"' && line[0] != '\'' {
			end := strings.IndexAny(line, " \t\r")
			if end < 0 {
				end = len(line)
			}
			words = append(words, line[:end])
			line = line[end:]
			continue
		}
		word, rest, err := quoted(line)
		if err != nil {
			return nil, err
		}
		words = append(words, word)
		line = rest
	}
}

// quoted reads the quoted word at the start of s. Its errors do not show it: it may be
// a password.
func quoted(s string) (word, rest string, err error) {
	quote := s[0]
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == quote:
			rest = s[i+1:]
			if rest != "" && !strings.ContainsRune(" \t\r", rune(rest[0])) {
				return "", "", errors.New("something follows the closing quote")
			}
			return b.String(), rest, nil
		case s[i] == '\\' && i+1 < len(s) && quote == '\'' && s[i+1] == '\'':
			i++
			b.WriteByte('\'')
		case s[i] == '\\' && i+1 < len(s) && quote == '"':
			c, used := escaped(s[i+1:])
			i += used
			b.WriteByte(c)
		default:
			b.WriteByte(s[i])
		}
	}
	return "", "", errors.New("no closing quote")
}

// escaped reads what follows a backslash, and how many bytes that took.
func escaped(s string) (c byte, used int) {
	switch s[0] {
	case 'n':
		return '\n', 1
	case 'r':
		return '\r', 1
	case 't':
		return '\t', 1
	case 'x':
		if len(s) >= 3 {
			if n, err := strconv.ParseUint(s[1:3], 16, 8); err == nil {
				return byte(n), 3
			}
		}
	}
	return s[0], 1
}
