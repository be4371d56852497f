package fsm

import (
	"cmp"
	"slices"
	"strings"
)

// table holds every command, sorted by name; tableByName finds them. Both are
// built once and never changed.
var (
	table       = buildTable()
	tableByName = indexByName(table)
)

// Table lists the commands, sorted by name, subcommands within their
// containers. The caller must not change it.
func Table() []*Spec { return table }

func buildTable() []*Spec {
	rows := slices.Concat(
		family("connection", connectionCommands()),
		family("string", stringCommands()),
		family("bitmap", bitmapCommands()),
		family("generic", genericCommands()),
		family("transactions", transactionCommands()),
		family("server", serverCommands()),
		family("server", introspectionCommands()),
		family("cluster", clusterCommands()),
	)
	sortByName(rows)
	return rows
}

// family completes the rows of one group with what follows from the rest.
func family(group string, rows []*Spec) []*Spec {
	for _, s := range rows {
		s.complete(group)
		for _, sub := range s.Subcommands {
			sub.Name = s.Name + "|" + sub.Name
			sub.complete(group)
		}
		sortByName(s.Subcommands)
	}
	return rows
}

func sortByName(rows []*Spec) {
	slices.SortFunc(rows, func(a, b *Spec) int { return cmp.Compare(a.Name, b.Name) })
}

func indexByName(rows []*Spec) map[string]*Spec {
	m := make(map[string]*Spec, len(rows))
	for _, s := range rows {
		if m[s.Name] != nil {
			panic("fsm: two rows for command " + s.Name)
		}
		m[s.Name] = s
	}
	return m
}

func (s *Spec) complete(group string) {
	s.Group = group
	switch {
	case s.run == nil:
		s.Class = Session
	case s.Flags&FlagWrite != 0:
		s.Class = Write
	default:
		s.Class = Read
	}
	s.Categories |= impliedCategories(s.Flags)
	s.FirstKey, s.LastKey, s.Step = legacyRange(s.KeySpecs)
	for _, k := range s.KeySpecs {
		if k.Keyword != "" || k.Counted || strings.Contains(k.Flags, "incomplete") {
			s.Flags |= FlagMovableKeys
		}
	}
}

// impliedCategories are the categories that Redis derives from flags.
func impliedCategories(f Flags) Category {
	var c Category
	for _, rule := range []struct {
		flag Flags
		then Category
	}{
		{FlagWrite, CategoryWrite},
		{FlagReadonly, CategoryRead},
		{FlagAdmin, CategoryAdmin | CategoryDangerous},
		{FlagPubSub, CategoryPubSub},
		{FlagBlocking, CategoryBlocking},
		{FlagFast, CategoryFast},
	} {
		if f&rule.flag != 0 {
			c |= rule.then
		}
	}
	if f&FlagFast == 0 {
		c |= CategorySlow
	}
	return c
}

// legacyRange merges key specs into the one range that clients older than key
// specs understand. Only ranges at fixed positions can be merged.
func legacyRange(specs []KeySpec) (first, last, step int) {
	for _, k := range specs {
		if k.Keyword != "" || k.Counted {
			continue
		}
		end := k.Last
		if end >= 0 {
			end += k.Index
		}
		if first == 0 {
			first, last, step = k.Index, end, k.Step
			continue
		}
		step = 1
		if last >= 0 && (end < 0 || end > last) {
			last = end
		}
	}
	return first, last, step
}

// oneKey describes a key right after the command's name.
func oneKey(flags string) []KeySpec { return keyAt(1, flags) }

func keyAt(index int, flags string) []KeySpec {
	return []KeySpec{{Flags: flags, Index: index, Step: 1}}
}

// keysEvery describes keys from the first argument to the last, step apart.
func keysEvery(step int, flags string) []KeySpec {
	return []KeySpec{{Flags: flags, Index: 1, Last: -1, Step: step}}
}
