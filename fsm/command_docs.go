package fsm

import (
	"strings"

	"redoubt/resp"
)

// appendDocs appends the map of COMMAND DOCS; names that are no command are
// left out, no names are all commands.
func appendDocs(dst []byte, proto int, names [][]byte) []byte {
	specs := table
	if len(names) > 0 {
		specs = nil
		for _, name := range names {
			if s := lookupFullName(name); s != nil {
				specs = append(specs, s)
			}
		}
	}
	dst = resp.AppendMap(dst, len(specs), proto)
	for _, s := range specs {
		dst = appendDoc(dst, proto, s)
	}
	return dst
}

// appendDoc appends a command's name and its description. redis-cli aborts on
// a description of another shape than Redis's.
func appendDoc(dst []byte, proto int, s *Spec) []byte {
	dst = resp.AppendBulkString(dst, s.Name)
	arguments := parseSyntax(s.Syntax)
	pairs := 4
	for _, present := range []bool{len(arguments) > 0, s.Container()} {
		if present {
			pairs++
		}
	}
	if s.DeprecatedSince != "" {
		pairs += 3
	}
	dst = resp.AppendMap(dst, pairs, proto)
	dst = appendNamed(dst, "summary", s.Summary)
	dst = appendNamed(dst, "since", s.Since)
	dst = appendNamed(dst, "group", s.Group)
	dst = appendNamed(dst, "complexity", s.Complexity)
	if s.DeprecatedSince != "" {
		dst = resp.AppendBulkString(dst, "doc_flags")
		dst = appendWords(dst, proto, "", []string{"deprecated"})
		dst = appendNamed(dst, "deprecated_since", s.DeprecatedSince)
		dst = appendNamed(dst, "replaced_by", s.ReplacedBy)
	}
	if len(arguments) > 0 {
		dst = resp.AppendBulkString(dst, "arguments")
		w := docWriter{proto: proto, keySpecs: len(s.KeySpecs)}
		dst = w.arguments(dst, arguments)
	}
	if s.Container() {
		dst = resp.AppendBulkString(dst, "subcommands")
		dst = resp.AppendMap(dst, len(s.Subcommands), proto)
		for _, sub := range s.Subcommands {
			dst = appendDoc(dst, proto, sub)
		}
	}
	return dst
}

func appendNamed(dst []byte, name, value string) []byte {
	dst = resp.AppendBulkString(dst, name)
	return resp.AppendBulkString(dst, value)
}

// docWriter counts the keys of a command's syntax while it is written: each
// refers to its key spec.
type docWriter struct {
	proto, keySpecs, keys int
}

func (w *docWriter) arguments(dst []byte, args []argument) []byte {
	dst = resp.AppendArray(dst, len(args))
	for i := range args {
		dst = w.argument(dst, &args[i])
	}
	return dst
}

func (w *docWriter) argument(dst []byte, a *argument) []byte {
	isKey := a.kind == "key"
	pairs := 2
	for _, present := range []bool{isKey, a.token != "", a.optional || a.multiple, a.parts != nil} {
		if present {
			pairs++
		}
	}
	dst = resp.AppendMap(dst, pairs, w.proto)
	dst = appendNamed(dst, "name", strings.ToLower(a.name))
	dst = appendNamed(dst, "type", a.kind)
	if isKey {
		dst = appendNamedInt(dst, "key_spec_index", min(w.keys, w.keySpecs-1))
		w.keys++
	}
	if a.token != "" {
		dst = appendNamed(dst, "token", a.token)
	}
	var flags []string
	if a.optional {
		flags = append(flags, "optional")
	}
	if a.multiple {
		flags = append(flags, "multiple")
	}
	if a.multiple && a.token != "" {
		flags = append(flags, "multiple_token")
	}
	if len(flags) > 0 {
		dst = resp.AppendBulkString(dst, "flags")
		dst = appendWords(dst, w.proto, "", flags)
	}
	if a.parts != nil {
		dst = resp.AppendBulkString(dst, "arguments")
		dst = w.arguments(dst, a.parts)
	}
	return dst
}
