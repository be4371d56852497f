package fsm

import (
	"strings"

	"redoubt/resp"
)

// The replies of COMMAND and of HELP subcommands: functions of the table.

// AppendCommandReply appends the reply to COMMAND or one of its subcommands.
// args is the whole command, which Resolve has accepted.
func AppendCommandReply(dst []byte, proto int, args [][]byte) []byte {
	if len(args) == 1 {
		return appendInfoOfAll(dst, proto)
	}
	sub, rest := string(lowerASCII(nil, args[1])), args[2:]
	switch sub {
	case "count":
		return resp.AppendInt(dst, int64(len(table)))
	case "docs":
		return appendDocs(dst, proto, rest)
	case "getkeys":
		return appendKeys(dst, proto, rest, false)
	case "getkeysandflags":
		return appendKeys(dst, proto, rest, true)
	case "help":
		return AppendHelp(dst, Lookup(args[0]))
	case "info":
		if len(rest) == 0 {
			return appendInfoOfAll(dst, proto)
		}
		dst = resp.AppendArray(dst, len(rest))
		for _, name := range rest {
			dst = appendInfo(dst, proto, lookupFullName(name))
		}
		return dst
	case "list":
		return appendList(dst, rest)
	}
	return resp.AppendError(dst, resp.UnknownSubcommand(string(args[0]), args[1]))
}

// AppendHelp appends the reply to a container's HELP.
func AppendHelp(dst []byte, container *Spec) []byte {
	lines := []string{strings.ToUpper(container.Name) + " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"}
	for _, sub := range container.Subcommands {
		_, usage, _ := strings.Cut(sub.Usage(), " ")
		lines = append(lines, usage, "    "+sub.Summary)
	}
	dst = resp.AppendArray(dst, len(lines))
	for _, line := range lines {
		dst = resp.AppendSimple(dst, line)
	}
	return dst
}

func appendInfoOfAll(dst []byte, proto int) []byte {
	dst = resp.AppendArray(dst, len(table))
	for _, s := range table {
		dst = appendInfo(dst, proto, s)
	}
	return dst
}

// appendInfo appends the ten elements that describe a command; nil: null.
func appendInfo(dst []byte, proto int, s *Spec) []byte {
	if s == nil {
		return resp.AppendNull(dst, proto)
	}
	dst = resp.AppendArray(dst, 10)
	dst = resp.AppendBulkString(dst, s.Name)
	dst = resp.AppendInt(dst, int64(s.Arity))
	dst = appendWords(dst, proto, "", s.Flags.Names())
	dst = resp.AppendInt(dst, int64(s.FirstKey))
	dst = resp.AppendInt(dst, int64(s.LastKey))
	dst = resp.AppendInt(dst, int64(s.Step))
	dst = appendWords(dst, proto, "@", s.Categories.Names())
	dst = resp.AppendSet(dst, len(s.Tips), proto)
	for _, tip := range s.Tips {
		dst = resp.AppendBulkString(dst, tip)
	}
	dst = resp.AppendSet(dst, len(s.KeySpecs), proto)
	for i := range s.KeySpecs {
		dst = appendKeySpec(dst, proto, &s.KeySpecs[i])
	}
	if !s.Container() {
		return resp.AppendSet(dst, 0, proto) // Redis says set here and array otherwise
	}
	dst = resp.AppendArray(dst, len(s.Subcommands))
	for _, sub := range s.Subcommands {
		dst = appendInfo(dst, proto, sub)
	}
	return dst
}

func appendWords(dst []byte, proto int, prefix string, words []string) []byte {
	dst = resp.AppendSet(dst, len(words), proto)
	for _, word := range words {
		dst = resp.AppendSimple(dst, prefix+word)
	}
	return dst
}

func appendKeySpec(dst []byte, proto int, k *KeySpec) []byte {
	dst = resp.AppendMap(dst, 3, proto)
	dst = resp.AppendBulkString(dst, "flags")
	dst = appendWords(dst, proto, "", strings.Fields(k.Flags))

	dst = resp.AppendBulkString(dst, "begin_search")
	if k.Keyword == "" {
		dst = appendKeySpecPart(dst, proto, "index", 1)
		dst = appendNamedInt(dst, "index", k.Index)
	} else {
		dst = appendKeySpecPart(dst, proto, "keyword", 2)
		dst = appendNamed(dst, "keyword", k.Keyword)
		dst = appendNamedInt(dst, "startfrom", k.Index)
	}

	dst = resp.AppendBulkString(dst, "find_keys")
	if k.Counted {
		dst = appendKeySpecPart(dst, proto, "keynum", 3)
		dst = appendNamedInt(dst, "keynumidx", 0)
		dst = appendNamedInt(dst, "firstkey", 1)
		return appendNamedInt(dst, "keystep", k.Step)
	}
	dst = appendKeySpecPart(dst, proto, "range", 3)
	dst = appendNamedInt(dst, "lastkey", k.Last)
	dst = appendNamedInt(dst, "keystep", k.Step)
	return appendNamedInt(dst, "limit", k.Limit)
}

// appendKeySpecPart appends the head of a begin_search or find_keys; pairs
// pairs must follow.
func appendKeySpecPart(dst []byte, proto int, kind string, pairs int) []byte {
	dst = resp.AppendMap(dst, 2, proto)
	dst = resp.AppendBulkString(dst, "type")
	dst = resp.AppendBulkString(dst, kind)
	dst = resp.AppendBulkString(dst, "spec")
	return resp.AppendMap(dst, pairs, proto)
}

func appendNamedInt(dst []byte, name string, n int) []byte {
	dst = resp.AppendBulkString(dst, name)
	return resp.AppendInt(dst, int64(n))
}

// appendList appends the names that COMMAND LIST asks for, subcommands too.
func appendList(dst []byte, args [][]byte) []byte {
	wanted := func(*Spec) bool { return true }
	switch {
	case len(args) == 0:
	case len(args) != 3 || !optionIs(args[0], "FILTERBY"):
		return resp.AppendError(dst, resp.ErrSyntax)
	case optionIs(args[1], "MODULE"):
		wanted = func(*Spec) bool { return false } // there are no modules
	case optionIs(args[1], "ACLCAT"):
		c, _ := categoryNamed(string(args[2]))
		wanted = func(s *Spec) bool { return s.Categories&c != 0 }
	case optionIs(args[1], "PATTERN"):
		pattern := lowerASCII(nil, args[2])
		wanted = func(s *Spec) bool { return match(pattern, []byte(s.Name)) }
	default:
		return resp.AppendError(dst, resp.ErrSyntax)
	}
	var names []string
	eachSpec(func(s *Spec) {
		if wanted(s) {
			names = append(names, s.Name)
		}
	})
	dst = resp.AppendArray(dst, len(names))
	for _, name := range names {
		dst = resp.AppendBulkString(dst, name)
	}
	return dst
}

// eachSpec visits all commands, each container before its subcommands.
func eachSpec(visit func(*Spec)) {
	for _, s := range table {
		visit(s)
		for _, sub := range s.Subcommands {
			visit(sub)
		}
	}
}

func appendKeys(dst []byte, proto int, command [][]byte, withFlags bool) []byte {
	s := lookupArgs(command)
	switch {
	case s == nil:
		return resp.AppendError(dst, resp.ErrInvalidCommand)
	case len(s.KeySpecs) == 0:
		return resp.AppendError(dst, resp.ErrNoKeyArguments)
	case !s.arityFits(len(command)):
		return resp.AppendError(dst, resp.ErrInvalidCommandArgs)
	}
	found, err := s.findKeys(command)
	if err != nil {
		return resp.AppendError(dst, err.Error())
	}
	dst = resp.AppendArray(dst, len(found))
	for _, f := range found {
		if withFlags {
			dst = resp.AppendArray(dst, 2)
		}
		dst = resp.AppendBulk(dst, f.key)
		if withFlags {
			dst = appendWords(dst, proto, "", strings.Fields(f.flags))
		}
	}
	return dst
}
