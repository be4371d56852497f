package fsm

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestCompatTable compares the facts of every row with what Redis says of the
// command: arity, flags, categories, tips, keys, group, release and arguments.
func TestCompatTable(t *testing.T) {
	// Redis describes these arguments with a group around one argument, or not
	// at all.
	otherwise := []string{"config|get", "command|getkeys", "command|getkeysandflags"}
	redis := startRedis(t)(2)
	eachSpec(func(s *Spec) {
		if s.Since > "7.0.9" {
			return // younger than the Redis we compare with
		}
		for _, about := range []string{"INFO", "DOCS"} {
			command := words("COMMAND", about, s.Name)
			theirs := decodeReply(redis.pipeline(t, [][][]byte{command})[0])
			ours := decodeReply(AppendCommandReply(nil, 2, command))
			describe := describeInfo
			if about == "DOCS" {
				describe = describeDocs
			}
			if r, o := describe(theirs), describe(ours); r != o && !(about == "DOCS" && slices.Contains(otherwise, s.Name)) {
				t.Errorf("COMMAND %s %s\nredis   %s\nredoubt %s", about, s.Name, r, o)
			}
		}
	})
}

// decodeReply turns a RESP2 reply into string, int64, nil and []any.
func decodeReply(raw []byte) any {
	v, _ := decodeOne(raw)
	return v
}

func decodeOne(raw []byte) (v any, rest []byte) {
	end := bytes.Index(raw, []byte("\r\n"))
	line, rest := string(raw[1:end]), raw[end+2:]
	n, _ := strconv.Atoi(line)
	switch raw[0] {
	case ':':
		return int64(n), rest
	case '$':
		if n < 0 {
			return nil, rest
		}
		return string(rest[:n]), rest[n+2:]
	case '*':
		list := make([]any, max(n, 0))
		for i := range list {
			list[i], rest = decodeOne(rest)
		}
		return list, rest
	}
	return line, rest
}

// pairs reads a map that RESP2 has flattened.
func pairs(v any) map[string]any {
	list, _ := v.([]any)
	m := map[string]any{}
	for i := 0; i+1 < len(list); i += 2 {
		m[list[i].(string)] = list[i+1]
	}
	return m
}

// describeInfo leaves out the subcommands, which have rows of their own, and
// the notes of key specs, and sorts what has no order.
func describeInfo(reply any) string {
	entry := reply.([]any)[0].([]any)
	for _, i := range []int{2, 6, 7} {
		slices.SortFunc(entry[i].([]any), func(a, b any) int { return strings.Compare(a.(string), b.(string)) })
	}
	var keys []any
	for _, k := range entry[8].([]any) {
		m := pairs(k)
		keys = append(keys, m["flags"], m["begin_search"], m["find_keys"])
	}
	return fmt.Sprint(entry[:8], keys, len(entry))
}

func describeDocs(reply any) string {
	m := pairs(reply.([]any)[1])
	for _, text := range []string{"summary", "complexity"} {
		if m[text] == "" || m[text] == nil {
			return "no " + text
		}
	}
	return fmt.Sprint(m["since"], m["group"], m["doc_flags"], m["deprecated_since"], m["replaced_by"], describeArguments(m["arguments"]))
}

// describeArguments leaves out the names that Redis invents for groups.
func describeArguments(v any) string {
	list, _ := v.([]any)
	var all []string
	for _, a := range list {
		m := pairs(a)
		kind := m["type"].(string)
		text := fmt.Sprint(m["name"], ":", kind, m["key_spec_index"], m["token"])
		if inner := m["arguments"]; inner != nil {
			text = fmt.Sprint(kind, m["token"], "(", describeArguments(inner), ")")
		}
		if flags, _ := m["flags"].([]any); flags != nil {
			text += fmt.Sprint(flags)
		}
		all = append(all, text)
	}
	return strings.Join(all, " ")
}

// TestCompatKeySpecs describes to COMMAND INFO keys of shapes that no row has.
func TestCompatKeySpecs(t *testing.T) {
	redis := startRedis(t)(2)
	for _, s := range []*Spec{
		{Name: "xread", KeySpecs: []KeySpec{{Flags: "RO access", Index: 1, Keyword: "STREAMS", Last: -1, Step: 1, Limit: 2}}},
		{Name: "zunion", KeySpecs: []KeySpec{{Flags: "RO access", Index: 1, Counted: true, Step: 1}}},
		{Name: "zunionstore", KeySpecs: []KeySpec{{Flags: "OW update", Index: 1, Step: 1}, {Flags: "RO access", Index: 2, Counted: true, Step: 1}}},
		{Name: "sintercard", KeySpecs: []KeySpec{{Flags: "RO access", Index: 1, Counted: true, Step: 1}}},
		{Name: "blpop", KeySpecs: []KeySpec{{Flags: "RW access delete", Index: 1, Last: -2, Step: 1}}},
		{Name: "smove", KeySpecs: []KeySpec{{Flags: "RW access delete", Index: 1, Step: 1}, {Flags: "RW insert", Index: 2, Step: 1}}},
		{Name: "pfmerge", KeySpecs: []KeySpec{{Flags: "RW access insert", Index: 1, Step: 1}, {Flags: "RO access", Index: 2, Last: -1, Step: 1}}},
	} {
		s.complete("made up")
		reply := redis.pipeline(t, [][][]byte{words("COMMAND", "INFO", s.Name)})[0]
		theirs := decodeReply(reply).([]any)[0].([]any)
		ours := decodeReply(appendInfo(nil, 2, s)).([]any)
		movable := func(flags any) bool { return slices.Contains(flags.([]any), any("movablekeys")) }
		r := fmt.Sprint(theirs[3:6], theirs[8], movable(theirs[2]))
		o := fmt.Sprint(ours[3:6], ours[8], movable(ours[2]))
		if r != o {
			t.Errorf("%s\nredis   %s\nredoubt %s", s.Name, r, o)
		}
	}
}
