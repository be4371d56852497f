package fsm

import (
	"errors"
	"strings"

	"redoubt/resp"
)

// foundKey is a key among the arguments of a command.
type foundKey struct {
	key   []byte
	flags string // of the KeySpec that found it
}

// Keys returns the keys among args, a whole command, in order. They are parts
// of args. The error's text is a reply to a client.
func (s *Spec) Keys(args [][]byte) ([][]byte, error) {
	found, err := s.findKeys(args)
	if err != nil {
		return nil, err
	}
	keys := make([][]byte, len(found))
	for i, f := range found {
		keys[i] = f.key
	}
	return keys, nil
}

func (s *Spec) findKeys(args [][]byte) ([]foundKey, error) {
	var found []foundKey
	for i := range s.KeySpecs {
		k := &s.KeySpecs[i]
		first, ok := k.begin(args)
		if !ok {
			continue // a keyword that may be left out
		}
		last, ok := k.end(args, &first)
		if !ok {
			return nil, errors.New(resp.ErrInvalidArguments)
		}
		for at := first; at <= last; at += k.Step {
			found = append(found, foundKey{args[at], s.flagsOf(k, args)})
		}
	}
	return found, nil
}

func (s *Spec) flagsOf(k *KeySpec, args [][]byte) string {
	if s.keyFlags != nil && strings.Contains(k.Flags, "variable_flags") {
		return s.keyFlags(args)
	}
	return k.Flags
}

// begin finds the position at which the keys, or their number, start.
func (k *KeySpec) begin(args [][]byte) (int, bool) {
	switch {
	case k.Keyword == "":
		return k.Index, true
	case k.Index >= 0:
		for i := k.Index; i < len(args); i++ {
			if optionIs(args[i], k.Keyword) {
				return i + 1, true
			}
		}
	default:
		for i := len(args) + k.Index; i > 0; i-- {
			if optionIs(args[i], k.Keyword) {
				return i + 1, true
			}
		}
	}
	return 0, false
}

// end finds the last position of a key. A counted spec moves first behind the
// number.
func (k *KeySpec) end(args [][]byte, first *int) (int, bool) {
	last := *first + k.Last
	switch {
	case k.Counted:
		if *first >= len(args) {
			return 0, false
		}
		n, ok := parseInt(args[*first])
		if !ok || n < 0 || n > int64(len(args)) {
			return 0, false
		}
		*first++
		last = *first + (int(n)-1)*k.Step
	case k.Last < 0 && k.Limit > 1:
		last = *first + (len(args)-*first)/k.Limit - 1
	case k.Last < 0:
		last = len(args) + k.Last
	}
	return last, last < len(args)
}
