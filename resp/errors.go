package resp

import (
	"bytes"
	"fmt"
	"strings"
)

// The error replies. Each is the whole text behind the '-': code, space,
// message. The texts are those of Redis 7.0, to the letter, because clients
// match on them; those of redoubt alone are in the last group.
const (
	// Any command.
	ErrSyntax             = "ERR syntax error"
	ErrWrongType          = "WRONGTYPE Operation against a key holding the wrong kind of value"
	ErrNoSuchKey          = "ERR no such key"
	ErrNotInteger         = "ERR value is not an integer or out of range"
	ErrNotFloat           = "ERR value is not a valid float"
	ErrNotPositive        = "ERR value is out of range, must be positive"
	ErrOutOfRange         = "ERR value is out of range"
	ErrIndexOutOfRange    = "ERR index out of range"
	ErrTimeoutNegative    = "ERR timeout is negative"
	ErrTimeoutNotFloat    = "ERR timeout is not a float or out of range"
	ErrTimeoutNotInteger  = "ERR timeout is not an integer or out of range"
	ErrOOM                = "OOM command not allowed when used memory > 'maxmemory'."
	ErrReadOnly           = "READONLY You can't write against a read only replica."
	ErrLoading            = "LOADING Redis is loading the dataset in memory"
	ErrCrossSlot          = "CROSSSLOT Keys in request don't hash to the same slot"
	ErrNoScript           = "NOSCRIPT No matching script. Please use EVAL."
	ErrNotAllowedInMulti  = "ERR Command not allowed inside a transaction"
	ErrUnblocked          = "UNBLOCKED client unblocked via CLIENT UNBLOCK"
	ErrNumKeys            = "ERR numkeys should be greater than 0"
	ErrNumKeysTooMany     = "ERR Number of keys can't be greater than number of args"
	ErrCountNotPositive   = "ERR count should be greater than 0"
	ErrCountNegative      = "ERR COUNT can't be negative"
	ErrLimitNegative      = "ERR LIMIT can't be negative"
	ErrNoKeyArguments     = "ERR The command has no key arguments"
	ErrInvalidCommand     = "ERR Invalid command specified"
	ErrInvalidCommandArgs = "ERR Invalid number of arguments specified for command"
	ErrInvalidArguments   = "ERR Invalid arguments specified for command"

	// Connection.
	ErrNoAuth            = "NOAUTH Authentication required."
	ErrHelloNoAuth       = "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time"
	ErrWrongPass         = "WRONGPASS invalid username-password pair or user is disabled."
	ErrAuthNotConfigured = "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?"
	ErrNoProto           = "NOPROTO unsupported protocol version"
	ErrProtoNotInteger   = "ERR Protocol version is not an integer or out of range"
	ErrMaxClients        = "ERR max number of clients reached"
	ErrClientName        = "ERR Client names cannot contain spaces, newlines or special characters."
	ErrNoSuchClient      = "ERR No such client"
	ErrClientID          = "ERR Invalid client ID"
	ErrClientIDPositive  = "ERR client-id should be greater than 0"
	ErrUnblockReason     = "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR"
	ErrPauseMode         = "ERR CLIENT PAUSE mode must be WRITE or ALL"
	ErrResetRefused      = "ERR can only reset normal client connections"
	ErrDBIndex           = "ERR DB index is out of range"
	ErrNoPermKey         = "NOPERM this user has no permissions to access one of the keys used as arguments"
	ErrNoPermChannel     = "NOPERM this user has no permissions to access one of the channels used as arguments"

	// CLIENT TRACKING and CACHING.
	ErrRedirectTwice      = "ERR A client can only redirect to a single other client"
	ErrRedirectMissing    = "ERR The client ID you want redirect to does not exist"
	ErrPrefixNeedsBcast   = "ERR PREFIX option requires BCAST mode to be enabled"
	ErrBcastSwitch        = "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it with a different mode."
	ErrBcastWithOpt       = "ERR OPTIN and OPTOUT are not compatible with BCAST"
	ErrOptinAndOptout     = "ERR You can't specify both OPTIN mode and OPTOUT mode"
	ErrOptSwitch          = "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it with a different mode."
	ErrCachingNotTracking = "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled"
	ErrCachingYes         = "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode."
	ErrCachingNo          = "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode."

	// Transactions.
	ErrMultiNested         = "ERR MULTI calls can not be nested"
	ErrExecWithoutMulti    = "ERR EXEC without MULTI"
	ErrDiscardWithoutMulti = "ERR DISCARD without MULTI"
	ErrWatchInsideMulti    = "ERR WATCH inside MULTI is not allowed"
	ErrExecAbort           = "EXECABORT Transaction discarded because of previous errors."

	// Keys.
	ErrSameObject         = "ERR source and destination objects are the same"
	ErrInvalidCursor      = "ERR invalid cursor"
	ErrFirstDBIndex       = "ERR invalid first DB index"
	ErrSecondDBIndex      = "ERR invalid second DB index"
	ErrExpireNXWithOthers = "ERR NX and XX, GT or LT options at the same time are not compatible"
	ErrExpireGTWithLT     = "ERR GT and LT options at the same time are not compatible"
	ErrBusyKey            = "BUSYKEY Target key name already exists."
	ErrDumpPayload        = "ERR DUMP payload version or checksum are wrong"
	ErrBadDataFormat      = "ERR Bad data format"
	ErrRestoreTTL         = "ERR Invalid TTL value, must be >= 0"
	ErrRestoreIdleTime    = "ERR Invalid IDLETIME value, must be >= 0"
	ErrRestoreFreq        = "ERR Invalid FREQ value, must be >= 0 and <= 255"
	ErrNotLFU             = "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust."
	ErrIsLFU              = "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust."
	ErrSortNotFloat       = "ERR One or more scores can't be converted into double"

	// Strings and bits.
	ErrOverflow         = "ERR increment or decrement would overflow"
	ErrDecrOverflow     = "ERR decrement would overflow"
	ErrNaNOrInfinity    = "ERR increment would produce NaN or Infinity"
	ErrOffset           = "ERR offset is out of range"
	ErrStringTooLong    = "ERR string exceeds maximum allowed size (proto-max-bulk-len)"
	ErrLCSWrongType     = "ERR The specified keys must contain string values"
	ErrLCSLenAndIdx     = "ERR If you want both the length and indexes, please just use IDX."
	ErrLCSMemory        = "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len"
	ErrLCSTooLong       = "ERR String too long for LCS"
	ErrBitOffset        = "ERR bit offset is not an integer or out of range"
	ErrBitValue         = "ERR bit is not an integer or out of range"
	ErrBitArgument      = "ERR The bit argument must be 1 or 0."
	ErrBitopNot         = "ERR BITOP NOT must be called with a single source key."
	ErrBitfieldType     = "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is."
	ErrBitfieldOverflow = "ERR Invalid OVERFLOW type specified"
	ErrBitfieldReadOnly = "ERR BITFIELD_RO only supports the GET subcommand"

	// Hashes, lists and sorted sets.
	ErrHashNotInteger = "ERR hash value is not an integer"
	ErrHashNotFloat   = "ERR hash value is not a float"
	ErrValueNaN       = "ERR value is NaN or Infinity"
	ErrRankZero       = "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list"
	ErrMaxLenNegative = "ERR MAXLEN can't be negative"
	ErrMinMaxNotFloat = "ERR min or max is not a float"
	ErrMinMaxNotLex   = "ERR min or max not valid string range item"
	ErrWeightNotFloat = "ERR weight value is not a float"
	ErrScoreNaN       = "ERR resulting score is not a number (NaN)"
	ErrZaddNXWithXX   = "ERR XX and NX options at the same time are not compatible"
	ErrZaddGTLTNX     = "ERR GT, LT, and/or NX options at the same time are not compatible"
	ErrZaddIncr       = "ERR INCR option supports a single increment-element pair"
	ErrZrangeLimit    = "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX"
	ErrZrangeScores   = "ERR syntax error, WITHSCORES not supported in combination with BYLEX"

	// Server.
	ErrSlowlogCount = "ERR count should be greater than or equal to -1"
	ErrNoShutdown   = "ERR No shutdown in progress."

	// The protocol itself. The connection is closed after one of these.
	ErrInvalidMultibulkLength = "ERR Protocol error: invalid multibulk length"
	ErrInvalidBulkLength      = "ERR Protocol error: invalid bulk length"
	ErrUnauthMultibulkLength  = "ERR Protocol error: unauthenticated multibulk length"
	ErrUnauthBulkLength       = "ERR Protocol error: unauthenticated bulk length"
	ErrMultibulkLineTooLong   = "ERR Protocol error: too big mbulk count string"
	ErrBulkLineTooLong        = "ERR Protocol error: too big bulk count string"
	ErrInlineTooLong          = "ERR Protocol error: too big inline request"
	ErrUnbalancedQuotes       = "ERR Protocol error: unbalanced quotes in request"

	// Redoubt's own. CLUSTERDOWN, TRYAGAIN and MISCONF promise that nothing was
	// executed, and client libraries repeat such commands on their own;
	// UNCERTAIN promises nothing, and no library repeats it.
	ErrClusterDown    = "CLUSTERDOWN No leader with a majority can be reached; the command was not executed"
	ErrTryAgain       = "TRYAGAIN The leader is changing; the command was not executed"
	ErrUncertain      = "UNCERTAIN Leadership was lost before the outcome was known" + uncertainTail
	ErrEntryTooLarge  = "ERR The transaction is too large; the command was not executed"
	ErrMisconf        = "MISCONF The disk is almost full: writes are refused and reads go on until space is freed; the command was not executed"
	ErrProtectedMode  = "DENIED Redoubt is running in protected mode because protected mode is enabled and no password is set for the default user. In this mode connections are only accepted from the loopback interface. To accept others, set a password with --requirepass, or give up the protection with --protected-mode no."
	ErrCommandTooLong = "ERR Protocol error: command exceeds the query buffer limit"

	notExecutedTail = "; the command was not executed"
	uncertainTail   = "; the command may or may not have taken effect"
)

// quotedBytes is how much of a client's words Redis repeats in an error.
const quotedBytes = 128

// UnknownCommand is the reply to a command that does not exist; args is the
// whole command. Redis quotes the arguments until 128 bytes are filled.
func UnknownCommand(args [][]byte) string {
	var quoted strings.Builder
	for _, arg := range args[1:] {
		room := quotedBytes - quoted.Len()
		if room <= 0 {
			break
		}
		quoted.WriteByte('\'')
		quoted.WriteString(quote(arg, room))
		quoted.WriteString("' ")
	}
	return "ERR unknown command '" + quote(args[0], quotedBytes) + "', with args beginning with: " + quoted.String()
}

// UnknownSubcommand is the reply to CONTAINER SUBCOMMAND when the container
// exists and the subcommand does not.
func UnknownSubcommand(container string, subcommand []byte) string {
	return "ERR unknown subcommand '" + quote(subcommand, quotedBytes) + "'. Try " + strings.ToUpper(container) + " HELP."
}

// SubcommandSyntax is the reply of a container whose subcommand got the wrong
// number or kind of arguments, where Redis checks them after the lookup.
func SubcommandSyntax(container string, subcommand []byte) string {
	return "ERR unknown subcommand or wrong number of arguments for '" + quote(subcommand, quotedBytes) + "'. Try " + strings.ToUpper(container) + " HELP."
}

// WrongArity is the reply to the wrong number of arguments. name is the
// command's full name in lower case, "get" or "client|kill".
func WrongArity(name string) string {
	return "ERR wrong number of arguments for '" + name + "' command"
}

// InvalidExpire is the reply to an expiry that is not positive or overflows.
func InvalidExpire(name string) string {
	return "ERR invalid expire time in '" + name + "' command"
}

// OutOfRange is the reply to an integer outside [low, high].
func OutOfRange(low, high int64) string {
	return fmt.Sprintf("ERR value is out of range, value must between %d and %d", low, high)
}

// NoInputKeys is the reply of ZUNION and its relatives to numkeys < 1.
func NoInputKeys(name string) string {
	return "ERR at least 1 input key is needed for '" + name + "' command"
}

// UnsupportedOption is the reply of EXPIRE and its relatives.
func UnsupportedOption(option []byte) string {
	return "ERR Unsupported option " + cString(option)
}

// HelloSyntax is the reply of HELLO to an option that it does not know.
func HelloSyntax(option []byte) string {
	return "ERR Syntax error in HELLO option '" + cString(option) + "'"
}

// UnknownClientType is the reply of CLIENT LIST and KILL to a bad TYPE.
func UnknownClientType(kind []byte) string {
	return "ERR Unknown client type '" + cString(kind) + "'"
}

// NoSuchUser is the reply of CLIENT KILL to a bad USER.
func NoSuchUser(user []byte) string {
	return "ERR No such user '" + cString(user) + "'"
}

// NotInSubscribedState is the reply of a RESP2 connection that has
// subscriptions. name is the command's full name in lower case.
func NotInSubscribedState(name string) string {
	return "ERR Can't execute '" + name + "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context"
}

// NoPermCommand is the reply when the user may not run the command.
func NoPermCommand(name string) string {
	return "NOPERM this user has no permissions to run the '" + name + "' command"
}

// ExecAborted is the reply to an EXEC that was itself refused; reason is the
// error that refused it, such as ErrOOM.
func ExecAborted(reason string) string {
	return "EXECABORT Transaction discarded because of: " + reason
}

// ConfigUnknown is the reply of CONFIG SET to a parameter it does not know.
func ConfigUnknown(name []byte) string {
	return "ERR Unknown option or number of arguments for CONFIG SET - '" + cString(name) + "'"
}

// ConfigFailed is the reply of CONFIG SET to a value it refuses.
func ConfigFailed(name, why string) string {
	return "ERR CONFIG SET failed (possibly related to argument '" + name + "') - " + why
}

// Moved redirects a cluster client to the node that serves the slot.
func Moved(slot int, addr string) string {
	return fmt.Sprintf("MOVED %d %s", slot, addr)
}

// ClusterDown, TryAgain and Uncertain are ErrClusterDown, ErrTryAgain and
// ErrUncertain with another reason; their promises are the same.
func ClusterDown(why string) string { return "CLUSTERDOWN " + why + notExecutedTail }

// TryAgain says why a command was refused for now; see ClusterDown.
func TryAgain(why string) string { return "TRYAGAIN " + why + notExecutedTail }

// Uncertain says why the outcome of a command is unknown; see ClusterDown.
func Uncertain(why string) string { return "UNCERTAIN " + why + uncertainTail }

// ExpectedDollar is the protocol error for a request whose argument does not
// start with '$'.
func ExpectedDollar(got byte) string {
	return "ERR Protocol error: expected '$', got '" + string([]byte{got}) + "'"
}

// ProtocolError is returned for bytes that are no request. The connection
// answers -Text and closes: where the next request begins is not known. Closing
// a socket with unread bytes resets it, and the peer may lose the answer: close
// the writing half first and read on for a moment.
type ProtocolError struct {
	Text string // one of the Err texts above, whole
}

func (e *ProtocolError) Error() string { return e.Text }

// CrossProtocolError is returned for bytes that belong to another protocol,
// typically HTTP from a web page that was tricked into talking to this port.
// The connection closes at once and answers nothing.
type CrossProtocolError struct {
	Line string // the offending line's beginning, unquoted client bytes
}

func (e *CrossProtocolError) Error() string {
	return fmt.Sprintf("request of another protocol: %q", e.Line)
}

// quote cuts client bytes as C's "%.*s" does: at the limit or at a NUL.
func quote(b []byte, limit int) string {
	return cString(b[:min(len(b), limit)])
}

// cString cuts client bytes as C's "%s" does, at a NUL.
func cString(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}
