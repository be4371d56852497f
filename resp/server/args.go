package server

import (
	"strconv"
	"strings"
	"time"

	"redoubt/resp"
)

// isWord compares an argument with a word in lower case.
func isWord(arg []byte, word string) bool {
	return len(arg) == len(word) && strings.EqualFold(string(arg), word)
}

// parseInt reads an integer as Redis does: no plus, no leading zero.
func parseInt(arg []byte) (int64, bool) {
	n, err := strconv.ParseInt(string(arg), 10, 64)
	return n, err == nil && strconv.FormatInt(n, 10) == string(arg)
}

// maxTimeoutMs keeps times within what time.Duration can hold: a century.
const maxTimeoutMs = int64(100 * 365 * 24 * time.Hour / time.Millisecond)

func parseTimeoutMs(arg []byte) (ms int64, errText string) {
	n, ok := parseInt(arg)
	switch {
	case !ok:
		return 0, resp.ErrTimeoutNotInteger
	case n < 0:
		return 0, resp.ErrTimeoutNegative
	}
	return min(n, maxTimeoutMs), ""
}

// parseOnOff reads ON or OFF.
func parseOnOff(arg []byte) (on, ok bool) {
	return isWord(arg, "on"), isWord(arg, "on") || isWord(arg, "off")
}
