package fsm

// Class says who executes a command.
type Class uint8

const (
	// Session commands are answered by the connection's node alone.
	Session Class = iota + 1
	// Read commands look at the keyspace and change nothing.
	Read
	// Write commands go through the log.
	Write
)

// String is the class in the words of docs/COMMANDS.md.
func (c Class) String() string {
	return [...]string{"none", "session", "read", "write"}[c]
}

// Command is one command as a connection hands it over. Exactly one of Args
// with Spec, Exec and Literal says what it is.
type Command struct {
	DB    int
	Proto int // RESP version of the reply, 2 or 3
	Spec  *Spec
	Args  [][]byte
	// Exec holds the queued commands of an EXEC.
	Exec *Exec
	// Literal is a reply that is known already and only keeps its place among
	// the replies of its batch.
	Literal []byte
	// Watched receives the versions of the keys of a WATCH.
	Watched *[]Watch
}

// Exec is a transaction: all of its commands or, when a watched key has
// changed, none.
type Exec struct {
	Watches  []Watch
	Commands []Command // never nested
}

// Watch is a key and the version it had when WATCH looked at it.
type Watch struct {
	DB      int
	Key     []byte
	Version uint64
}

// Class is Write when any part of the command has to go through the log. A
// Literal is a Session command.
func (c *Command) Class() Class {
	switch {
	case c.Exec != nil:
		for i := range c.Exec.Commands {
			if c.Exec.Commands[i].Class() == Write {
				return Write
			}
		}
		return Read
	case c.Literal != nil:
		return Session
	}
	return c.Spec.Class
}

// NeedsClock says whether the reply depends on the time itself and not only on
// which keys have expired.
func (c *Command) NeedsClock() bool {
	if c.Exec != nil {
		for i := range c.Exec.Commands {
			if c.Exec.Commands[i].NeedsClock() {
				return true
			}
		}
		return false
	}
	return c.Literal == nil && c.Spec.NeedsClock
}
