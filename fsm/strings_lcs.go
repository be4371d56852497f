package fsm

import (
	"slices"

	"redoubt/resp"
)

// lcsOptions are the options of LCS.
type lcsOptions struct {
	length, idx, withMatchLen bool
	minMatchLen               int64
}

// lcs finds the longest common subsequence of two strings.
func lcs(c *call) {
	a, b := c.lookup(c.args[1]), c.lookup(c.args[2])
	if a != nil && a.kind != kindString || b != nil && b.kind != kindString {
		c.err(resp.ErrLCSWrongType)
		return
	}
	opts, errText := parseLCSOptions(c.args[3:])
	if errText != "" {
		c.err(errText)
		return
	}
	var as, bs []byte
	if a != nil {
		as = a.str
	}
	if b != nil {
		bs = b.str
	}
	// 4 bytes a cell, as Redis counts: the limit bounds time and memory.
	if int64(len(as)+1)*int64(len(bs)+1) > int64(c.store.config.MaxBulkBytes)/4 {
		c.err(resp.ErrLCSMemory)
		return
	}
	t := newLCSTable(as, bs)
	switch {
	case opts.idx:
		c.lcsIndexes(t, opts)
	case opts.length:
		c.int(int64(t.at(len(as), len(bs))))
	default:
		c.bulk(t.subsequence())
	}
}

func parseLCSOptions(args [][]byte) (o lcsOptions, errText string) {
	for i := 0; i < len(args); i++ {
		switch arg := args[i]; {
		case optionIs(arg, "IDX"):
			o.idx = true
		case optionIs(arg, "LEN"):
			o.length = true
		case optionIs(arg, "WITHMATCHLEN"):
			o.withMatchLen = true
		case optionIs(arg, "MINMATCHLEN") && i+1 < len(args):
			i++
			n, ok := parseInt(args[i])
			if !ok {
				return o, resp.ErrNotInteger
			}
			o.minMatchLen = n
		default:
			return o, resp.ErrSyntax
		}
	}
	if o.length && o.idx {
		return o, resp.ErrLCSLenAndIdx
	}
	return o, ""
}

// lcsTable holds for each pair of prefixes of a and b the length of their
// longest common subsequence.
type lcsTable struct {
	a, b  []byte
	cells []uint32 // row by row, (len(a)+1) × (len(b)+1)
}

func newLCSTable(a, b []byte) *lcsTable {
	width := len(b) + 1
	t := &lcsTable{a: a, b: b, cells: make([]uint32, (len(a)+1)*width)}
	for i := range a {
		above, row := t.cells[i*width:(i+1)*width], t.cells[(i+1)*width:(i+2)*width]
		for j := range b {
			if a[i] == b[j] {
				row[j+1] = above[j] + 1
			} else {
				row[j+1] = max(above[j+1], row[j])
			}
		}
	}
	return t
}

func (t *lcsTable) at(i, j int) uint32 { return t.cells[i*(len(t.b)+1)+j] }

// walk visits the pairs of positions that make up the subsequence, from the
// last to the first.
func (t *lcsTable) walk(match func(i, j int)) {
	i, j := len(t.a), len(t.b)
	for i > 0 && j > 0 {
		switch {
		case t.a[i-1] == t.b[j-1]:
			i, j = i-1, j-1
			match(i, j)
		case t.at(i-1, j) > t.at(i, j-1):
			i--
		default:
			j--
		}
	}
}

func (t *lcsTable) subsequence() []byte {
	s := make([]byte, 0, t.at(len(t.a), len(t.b)))
	t.walk(func(i, _ int) { s = append(s, t.a[i]) })
	slices.Reverse(s)
	return s
}

// lcsRun is a stretch of the subsequence that is contiguous in both strings.
type lcsRun struct{ a, b, length int }

// runs lists the stretches of at least minLength bytes, the last one first.
func (t *lcsTable) runs(minLength int64) []lcsRun {
	var runs []lcsRun
	t.walk(func(i, j int) {
		if n := len(runs); n > 0 && runs[n-1].a == i+1 && runs[n-1].b == j+1 {
			runs[n-1] = lcsRun{i, j, runs[n-1].length + 1}
		} else {
			runs = append(runs, lcsRun{i, j, 1})
		}
	})
	return slices.DeleteFunc(runs, func(r lcsRun) bool { return int64(r.length) < minLength })
}

func (c *call) lcsIndexes(t *lcsTable, opts lcsOptions) {
	runs := t.runs(opts.minMatchLen)
	c.mapHeader(2)
	c.bulkString("matches")
	c.array(len(runs))
	for _, r := range runs {
		if opts.withMatchLen {
			c.array(3)
		} else {
			c.array(2)
		}
		for _, start := range []int{r.a, r.b} {
			c.array(2)
			c.int(int64(start))
			c.int(int64(start + r.length - 1))
		}
		if opts.withMatchLen {
			c.int(int64(r.length))
		}
	}
	c.bulkString("len")
	c.int(int64(t.at(len(t.a), len(t.b))))
}
