package resp

// Limits bound what one request may cost before it is complete. A connection
// starts with UnauthenticatedLimits when a password is set and gets
// DefaultLimits after AUTH.
type Limits struct {
	MaxBulkBytes    int // one argument
	MaxArgs         int // arguments of one command, its name included
	MaxInlineBytes  int // one line: an inline command, or the head of an array or bulk string
	MaxCommandBytes int // one command on the wire

	// Unauthenticated only chooses the error text: too many and too long are
	// then answered as Redis answers them before AUTH.
	Unauthenticated bool
}

const (
	maxInlineBytes  = 64 << 10  // PROTO_INLINE_MAX_SIZE
	maxBulkBytes    = 512 << 20 // default of proto-max-bulk-len
	maxCommandBytes = 1 << 30   // default of client-query-buffer-limit
	maxArgs         = 1 << 20   // Redis before 7.0; 7.0 takes any int

	maxUnauthArgs      = 10
	maxUnauthBulkBytes = 16 << 10
	// Redis allows 1 MiB here. An AUTH or HELLO is never longer than this.
	maxUnauthCommandBytes = 64 << 10
)

// DefaultLimits are the limits of a client that may run commands.
func DefaultLimits() Limits {
	return Limits{
		MaxBulkBytes:    maxBulkBytes,
		MaxArgs:         maxArgs,
		MaxInlineBytes:  maxInlineBytes,
		MaxCommandBytes: maxCommandBytes,
	}
}

// UnauthenticatedLimits are the limits of a client that still owes a password.
func UnauthenticatedLimits() Limits {
	return Limits{
		MaxBulkBytes:    maxUnauthBulkBytes,
		MaxArgs:         maxUnauthArgs,
		MaxInlineBytes:  maxInlineBytes,
		MaxCommandBytes: maxUnauthCommandBytes,
		Unauthenticated: true,
	}
}
