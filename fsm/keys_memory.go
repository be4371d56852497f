package fsm

import "redoubt/resp"

// memoryUsage replies the estimate that Stats sums up. SAMPLES is checked and
// has no effect: nothing is sampled.
func memoryUsage(c *call) {
	for rest := c.args[3:]; len(rest) > 0; rest = rest[2:] {
		if !optionIs(rest[0], "SAMPLES") || len(rest) == 1 {
			c.err(resp.ErrSyntax)
			return
		}
		n, ok := parseInt(rest[1])
		switch {
		case !ok:
			c.err(resp.ErrNotInteger)
			return
		case n < 0:
			c.err(resp.ErrSyntax)
			return
		}
	}
	if o := c.lookup(c.args[2]); o != nil {
		c.int(int64(o.size()))
	} else {
		c.null()
	}
}
