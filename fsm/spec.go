package fsm

import "strings"

// Flags are Redis's command flags (https://redis.io/docs/latest/commands/command/),
// in the order in which COMMAND INFO names them.
type Flags uint32

const (
	FlagWrite Flags = 1 << iota
	FlagReadonly
	FlagDenyOOM
	FlagAdmin
	FlagPubSub
	FlagNoScript
	FlagBlocking
	FlagLoading
	FlagStale
	FlagSkipMonitor
	FlagSkipSlowlog
	FlagFast
	FlagNoAuth
	FlagNoMandatoryKeys
	FlagNoAsyncLoading
	FlagNoMulti
	FlagMovableKeys
	FlagAllowBusy
)

// Category is a set of Redis's ACL categories, in the order in which COMMAND
// INFO names them.
type Category uint32

const (
	CategoryKeyspace Category = 1 << iota
	CategoryRead
	CategoryWrite
	CategoryString
	CategoryBitmap
	CategoryPubSub
	CategoryAdmin
	CategoryFast
	CategorySlow
	CategoryBlocking
	CategoryDangerous
	CategoryConnection
	CategoryTransaction
)

// Spec is a row of the command table: everything that is known of a command,
// for executing it, for COMMAND and for the documentation.
type Spec struct {
	Name  string // lower case; subcommands as "container|sub"
	Arity int    // with the name; negative: at least
	Class Class  // derived: Session without run, Write with FlagWrite, else Read
	Flags Flags
	// KeySpecs say where the keys are among the arguments.
	KeySpecs []KeySpec
	// FirstKey, LastKey and Step are the older and rougher form of KeySpecs,
	// derived from it; LastKey may be negative, counted from the end. 0: no keys.
	FirstKey, LastKey, Step int

	Group           string // Redis's group: string, generic, connection, …
	Since           string // the Redis release that brought it
	DeprecatedSince string // the Redis release that discourages it, if any
	ReplacedBy      string
	Summary         string
	Complexity      string
	// Syntax describes the arguments after the name, see parseSyntax.
	Syntax string
	// Differences says in what redoubt's command is not Redis's.
	Differences string
	Categories  Category // those that the flags imply are added
	Tips        []string // for clients and proxies
	Subcommands []*Spec  // sorted by name

	// NeedsClock marks commands whose reply depends on the time itself (TTL).
	NeedsClock bool

	// run executes a Read or Write command. Arity has been checked.
	run func(*call)
	// keyFlags chooses the key's flags by the arguments where the KeySpec has
	// variable_flags.
	keyFlags func(args [][]byte) string
}

// KeySpec finds keys among the arguments: the first at Index, or right after
// Keyword, the others by a range or by a count.
type KeySpec struct {
	Flags string // Redis's key flags, blank separated: "RW access update"
	// Index is the position of the first key, the command's name being 0.
	// With Keyword it is where the search for that word starts, or, negative,
	// the position from the end from which it goes backwards.
	Index   int
	Keyword string
	// Last is the position of the last key, relative to the first, or, when
	// negative, from the end of the arguments. With Last -1, Limit 2 means
	// that only the first half of the remaining arguments are keys.
	Last, Step, Limit int
	// Counted means that the first position holds the number of keys that
	// follow it; Last is unused.
	Counted bool
}

// Container says whether the command only groups subcommands.
func (s *Spec) Container() bool { return len(s.Subcommands) > 0 }

var flagNames = [...]string{
	"write", "readonly", "denyoom", "admin", "pubsub", "noscript", "blocking",
	"loading", "stale", "skip_monitor", "skip_slowlog", "fast", "no_auth",
	"no_mandatory_keys", "no_async_loading", "no_multi", "movablekeys", "allow_busy",
}

// Names lists the flags as COMMAND INFO does.
func (f Flags) Names() []string { return bitNames(uint32(f), flagNames[:]) }

var categoryNames = [...]string{
	"keyspace", "read", "write", "string", "bitmap", "pubsub", "admin", "fast",
	"slow", "blocking", "dangerous", "connection", "transaction",
}

// Names lists the categories without their @.
func (c Category) Names() []string { return bitNames(uint32(c), categoryNames[:]) }

// categoryNamed finds a category by its name without the @, in any case.
func categoryNamed(name string) (Category, bool) {
	for i, n := range categoryNames {
		if strings.EqualFold(n, name) {
			return 1 << i, true
		}
	}
	return 0, false
}

func bitNames(set uint32, names []string) []string {
	var out []string
	for i, name := range names {
		if set&(1<<i) != 0 {
			out = append(out, name)
		}
	}
	return out
}
