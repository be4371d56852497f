package fsm

import (
	"bytes"
	"strings"

	"redoubt/resp"
)

// maxNameBytes is longer than every command's name.
const maxNameBytes = 32

// Lookup finds a command by its name in any case; containers, not their
// subcommands. nil: there is none.
func Lookup(name []byte) *Spec {
	if len(name) > maxNameBytes {
		return nil
	}
	var lower [maxNameBytes]byte
	return tableByName[string(lowerASCII(lower[:0], name))] // no allocation
}

// Subcommand finds a subcommand by its own name, in any case.
func (s *Spec) Subcommand(name []byte) *Spec {
	if len(name) > maxNameBytes {
		return nil
	}
	var lower [maxNameBytes]byte
	want := lowerASCII(lower[:0], name)
	for _, sub := range s.Subcommands {
		if sub.Name[len(s.Name)+len("|"):] == string(want) {
			return sub
		}
	}
	return nil
}

// lookupFullName finds a command or, as "container|sub", a subcommand.
func lookupFullName(name []byte) *Spec {
	container, sub, isSub := bytes.Cut(name, []byte("|"))
	s := Lookup(container)
	if s == nil || !isSub {
		return s
	}
	return s.Subcommand(sub)
}

// lookupArgs finds the command, or the subcommand of a container, that args
// call, whatever their number.
func lookupArgs(args [][]byte) *Spec {
	s := Lookup(args[0])
	if s != nil && s.Container() && len(args) > 1 {
		return s.Subcommand(args[1])
	}
	return s
}

// Resolve finds the row for a whole command and checks the number of its
// arguments. When it returns nil, errText is the error to reply.
func Resolve(args [][]byte) (s *Spec, errText string) {
	s = lookupArgs(args)
	switch {
	case s != nil && s.arityFits(len(args)):
		return s, ""
	case s != nil:
		return nil, resp.WrongArity(s.Name)
	case Lookup(args[0]) != nil:
		return nil, resp.UnknownSubcommand(string(args[0]), args[1])
	}
	return nil, resp.UnknownCommand(args)
}

func (s *Spec) arityFits(n int) bool {
	return n == s.Arity || s.Arity < 0 && n >= -s.Arity
}

// optionIs compares an argument with an option's name, in any case.
func optionIs(arg []byte, name string) bool {
	return len(arg) == len(name) && strings.EqualFold(string(arg), name)
}

// lowerASCII appends name to dst in lower case.
func lowerASCII(dst, name []byte) []byte {
	for _, b := range name {
		if 'A' <= b && b <= 'Z' {
			b += 'a' - 'A'
		}
		dst = append(dst, b)
	}
	return dst
}
