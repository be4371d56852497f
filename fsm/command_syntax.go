package fsm

import (
	"slices"
	"strings"
)

// argument is a part of a command's syntax, as COMMAND DOCS describes it.
type argument struct {
	name, kind string
	token      string // the word that introduces it
	optional   bool
	multiple   bool
	parts      []argument // of a oneof or a block
}

// parseSyntax reads Spec.Syntax: words in capitals stand for themselves and
// introduce the words in small letters behind them, [ ] encloses what may be
// left out, < > groups, | separates alternatives, and ... allows repetition of
// what is before it, the word in capitals included. A word in small letters may
// name its type: "seconds:integer"; without one it is a string, or a key if its
// name is key.
func parseSyntax(s string) []argument {
	for _, mark := range []string{"[", "]", "<", ">"} {
		s = strings.ReplaceAll(s, mark, " "+mark+" ")
	}
	p := syntaxParser{words: strings.Fields(s)}
	alternatives := p.alternatives()
	if len(p.words) > 0 || len(alternatives) > 1 {
		panic("fsm: syntax " + s)
	}
	return alternatives[0]
}

type syntaxParser struct{ words []string }

func (p *syntaxParser) peek() string {
	if len(p.words) == 0 {
		return ""
	}
	return p.words[0]
}

func (p *syntaxParser) next() string {
	word := p.peek()
	if word == "" {
		panic("fsm: unexpected end of a syntax")
	}
	p.words = p.words[1:]
	return word
}

// alternatives reads sequences separated by | up to a closing mark or the end.
func (p *syntaxParser) alternatives() [][]argument {
	all := [][]argument{p.sequence()}
	for p.peek() == "|" {
		p.next()
		all = append(all, p.sequence())
	}
	return all
}

func (p *syntaxParser) sequence() []argument {
	var seq []argument
	for !endsSequence(p.peek()) {
		a := p.element()
		if p.peek() == "..." {
			p.next()
			a.multiple = true
		}
		seq = append(seq, a)
	}
	return seq
}

func (p *syntaxParser) element() argument {
	switch word := p.next(); {
	case word == "[":
		a := joinAlternatives(p.alternatives())
		p.next()
		a.optional = true
		return a
	case word == "<":
		a := joinAlternatives(p.alternatives())
		p.next()
		return a
	case isToken(word):
		return p.introduced(word)
	default:
		return plainArgument(word)
	}
}

// introduced reads what follows a word in capitals.
func (p *syntaxParser) introduced(token string) argument {
	var seq []argument
	if p.peek() == "<" {
		seq = append(seq, p.element())
	}
	for len(seq) == 0 || seq[0].parts == nil {
		if word := p.peek(); isToken(word) || isMark(word) {
			break
		}
		seq = append(seq, plainArgument(p.next()))
	}
	if len(seq) == 0 {
		return argument{name: strings.ToLower(token), kind: "pure-token", token: token}
	}
	a := block(seq)
	if a.multiple { // the word stands once before them all
		a = argument{name: a.name, kind: "block", parts: seq}
	}
	a.token = token
	return a
}

func isMark(word string) bool {
	return endsSequence(word) || word == "[" || word == "<" || word == "..."
}

func endsSequence(word string) bool {
	return word == "" || word == "|" || word == "]" || word == ">"
}

func isToken(word string) bool { return word != "" && 'A' <= word[0] && word[0] <= 'Z' }

var argumentKinds = []string{"integer", "double", "string", "key", "pattern", "unix-time"}

func plainArgument(word string) argument {
	name, kind := splitKind(word)
	if kind == "" {
		kind = "string"
		if name == "key" {
			kind = "key"
		}
	}
	return argument{name: name, kind: kind}
}

// splitKind cuts the type from a word of a syntax; not every colon starts one.
func splitKind(word string) (name, kind string) {
	if i := strings.LastIndexByte(word, ':'); i >= 0 && slices.Contains(argumentKinds, word[i+1:]) {
		return word[:i], word[i+1:]
	}
	return word, ""
}

func joinAlternatives(all [][]argument) argument {
	choices := make([]argument, len(all))
	for i, seq := range all {
		choices[i] = block(seq)
	}
	if len(choices) == 1 {
		return choices[0]
	}
	return argument{name: joinNames(choices), kind: "oneof", parts: choices}
}

func block(seq []argument) argument {
	if len(seq) == 1 {
		return seq[0]
	}
	return argument{name: joinNames(seq), kind: "block", parts: seq}
}

func joinNames(args []argument) string {
	names := make([]string, len(args))
	for i, a := range args {
		names[i] = a.name
	}
	return strings.Join(names, "_")
}

// Usage is the command as a person types it: its name and its syntax.
func (s *Spec) Usage() string {
	words := []string{strings.ToUpper(strings.ReplaceAll(s.Name, "|", " "))}
	for _, word := range strings.Fields(s.Syntax) {
		closing := len(word) - len(strings.TrimRight(word, "]>"))
		name, _ := splitKind(word[:len(word)-closing])
		words = append(words, name+word[len(word)-closing:])
	}
	return strings.Join(words, " ")
}
