package resp

import "bytes"

// inline frames a command that a person typed: words between blanks, up to a
// line feed. size is the length of the line with its end, 0 while that has not
// arrived. A line without words adds no span.
func (g *Guard) inline(b []byte, spans []span) (_ []span, size int, err error) {
	if b[0] == tlsHandshake {
		return spans, 0, &CrossProtocolError{Line: "TLS handshake"}
	}
	end, err := g.lineEnd(b, '\n', ErrInlineTooLong)
	if end < 0 || err != nil {
		return spans, 0, err
	}
	line := bytes.TrimSuffix(b[:end], []byte("\r"))
	// Redis searches the line feed with strchr, and so never finds the end of a
	// line with a NUL in it until the line is too long. This says so at once.
	if bytes.IndexByte(line, 0) >= 0 {
		return spans, 0, &ProtocolError{Text: ErrInlineTooLong}
	}
	words, ok := splitWords(line, g.limits.MaxArgs+1)
	if !ok {
		return spans, 0, &ProtocolError{Text: ErrUnbalancedQuotes}
	}
	if isOtherProtocol(words) {
		return spans, 0, &CrossProtocolError{Line: string(line[:min(len(line), quotedBytes)])}
	}
	if err := g.checkCount(int64(len(words))); err != nil {
		return spans, 0, err
	}
	// Words are never longer than the line they came from, so they go back
	// into its place in the buffer.
	at := 0
	for _, word := range words {
		spans = append(spans, span{at, len(word)})
		at += copy(b[at:], word)
	}
	g.scanned = 0
	return spans, end + 1, nil
}

// tlsHandshake is the first byte of TLS; no line feed need ever follow it.
const tlsHandshake = 0x16

// isOtherProtocol knows the lines that open a conversation in HTTP, SMTP and
// the proxy protocol, and Host:, with which Redis catches the HTTP request
// whose first line slipped through as an unknown command.
func isOtherProtocol(words [][]byte) bool {
	if len(words) == 0 {
		return false
	}
	for _, name := range []string{"post", "host:", "ehlo", "helo", "proxy"} {
		if bytes.EqualFold(words[0], []byte(name)) {
			return true
		}
	}
	return len(words) == 3 && bytes.HasPrefix(words[1], []byte("/")) && bytes.HasPrefix(words[2], []byte("HTTP/"))
}

// splitWords cuts a line into at most limit words by the rules of redis-cli and
// of Redis's inline commands: blanks separate; "..." knows \n \r \t \b \a \xHH
// and a backslash before any other byte; '...' knows only \'; a closing quote
// must be followed by a blank or the end. ok is false when a quote is not.
func splitWords(line []byte, limit int) (words [][]byte, ok bool) {
	for rest := line; len(words) < limit; {
		rest = bytes.TrimLeft(rest, " \t\n\v\f\r")
		if len(rest) == 0 {
			break
		}
		// Most words need no change and stay where they are.
		end := bytes.IndexAny(rest, " \t\n\r\"'")
		if end < 0 {
			end = len(rest)
		}
		word := rest[:end:end]
		if end < len(rest) && (rest[end] == '"' || rest[end] == '\'') {
			// A word ends where its first quote closes.
			var n int
			if word, n, ok = appendQuoted(word, rest[end+1:], rest[end]); !ok {
				return nil, false
			}
			end += 1 + n
		}
		words = append(words, word)
		rest = rest[end:]
	}
	return words, true
}

// appendQuoted decodes b up to its closing quote and returns how many bytes
// that took, the quote included.
func appendQuoted(dst, b []byte, quote byte) (_ []byte, n int, ok bool) {
	for i := 0; i < len(b); i++ {
		c := b[i]
		switch {
		case c == quote:
			return dst, i + 1, i+1 == len(b) || isSpace(b[i+1])
		case c == '\\' && quote == '\'' && i+1 < len(b) && b[i+1] == '\'':
			c = '\''
			i++
		case c == '\\' && quote == '"' && i+3 < len(b) && b[i+1] == 'x' && isHex(b[i+2]) && isHex(b[i+3]):
			c = unhex(b[i+2])<<4 | unhex(b[i+3])
			i += 3
		case c == '\\' && quote == '"' && i+1 < len(b):
			c = unescape(b[i+1])
			i++
		}
		dst = append(dst, c)
	}
	return dst, 0, false
}

func unescape(c byte) byte {
	switch c {
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'b':
		return '\b'
	case 'a':
		return '\a'
	}
	return c
}

func isSpace(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c&^0x20 - 'A' + 10
}
