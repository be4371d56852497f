package resp

// Reader groups the commands that a Guard frames into batches.
type Reader struct {
	guard *Guard

	// The batch under way. spans holds the arguments of all commands, one
	// after the other, and then those known of a command not yet whole.
	spans    []span
	commands []frame
}

// frame is one whole command: where it begins in the buffer, and the end of
// its arguments in spans.
type frame struct{ start, spansEnd int }

// maxIdleSpans is the largest spans slice kept between batches.
const maxIdleSpans = 4 << 10

// NewReader returns a Reader that owns g's reading side.
func NewReader(g *Guard) *Reader { return &Reader{guard: g} }

// ReadPipeline waits for a whole command and returns it with those whole
// behind it in the buffer, at most maxCommands, and none begun after maxBytes.
// The slices are the caller's to keep, but those of one call share a block of
// memory: a caller that keeps one argument for long should clone it.
//
// A *ProtocolError or *CrossProtocolError ends the connection; the commands
// before the bad bytes have been returned by then. Any other error is that of
// the connection, io.ErrUnexpectedEOF when it ended inside a command; after a
// deadline's error reading may go on.
func (r *Reader) ReadPipeline(maxCommands, maxBytes int) ([][][]byte, error) {
	for {
		err := r.collect(maxCommands, maxBytes)
		if len(r.commands) > 0 {
			return r.take(), nil
		}
		if err != nil {
			return nil, err
		}
		if err := r.guard.fill(); err != nil {
			return nil, err
		}
	}
}

// collect frames what is whole in the buffer, within the limits of the batch.
func (r *Reader) collect(maxCommands, maxBytes int) error {
	for len(r.commands) == 0 || len(r.commands) < maxCommands && r.guard.start-r.commands[0].start < maxBytes {
		spans, start, err := r.guard.next(r.spans)
		r.spans = spans
		if start < 0 || err != nil {
			return err
		}
		r.commands = append(r.commands, frame{start, len(spans)})
	}
	return nil
}

// take turns the batch into slices: three allocations, whatever its size.
func (r *Reader) take() [][][]byte {
	// What is known of a command behind the batch is dropped with the spans:
	// it is framed anew by the next call, and never more than once.
	r.guard.rewind()
	first, last := r.commands[0], r.commands[len(r.commands)-1]
	block := r.guard.take(first.start)
	args := make([][]byte, last.spansEnd)
	commands := make([][][]byte, len(r.commands))
	i := 0
	for c, f := range r.commands {
		from, base := i, f.start-first.start
		for ; i < f.spansEnd; i++ {
			at, end := base+r.spans[i].offset, base+r.spans[i].offset+r.spans[i].length
			args[i] = block[at:end:end]
		}
		commands[c] = args[from:i:i]
	}
	r.commands = r.commands[:0]
	r.spans = r.spans[:0]
	if cap(r.spans) > maxIdleSpans {
		r.spans, r.commands = nil, nil
	}
	return commands
}
