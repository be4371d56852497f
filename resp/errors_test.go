package resp

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

func TestErrorTexts(t *testing.T) {
	words := func(args ...string) (out [][]byte) {
		for _, arg := range args {
			out = append(out, []byte(arg))
		}
		return out
	}
	long := strings.Repeat("x", 200)
	tests := []struct{ got, want string }{
		{UnknownCommand(words("foo")), "ERR unknown command 'foo', with args beginning with: "},
		{UnknownCommand(words("foo", "a", "b")), "ERR unknown command 'foo', with args beginning with: 'a' 'b' "},
		{UnknownCommand(words(long, long, "b")), "ERR unknown command '" + long[:128] + "', with args beginning with: '" + long[:128] + "' "},
		{UnknownCommand(words("foo", long[:120], "abcdefgh", "i")), "ERR unknown command 'foo', with args beginning with: '" + long[:120] + "' 'abcde' "},
		{UnknownCommand(words("fo\x00o", "a\x00b", "")), "ERR unknown command 'fo', with args beginning with: 'a' '' "},
		{UnknownSubcommand("client", []byte("foo")), "ERR unknown subcommand 'foo'. Try CLIENT HELP."},
		{UnknownSubcommand("client", []byte(long)), "ERR unknown subcommand '" + long[:128] + "'. Try CLIENT HELP."},
		{SubcommandSyntax("client", []byte("foo")), "ERR unknown subcommand or wrong number of arguments for 'foo'. Try CLIENT HELP."},
		{WrongArity("client|kill"), "ERR wrong number of arguments for 'client|kill' command"},
		{OutOfRange(0, 10), "ERR value is out of range, value must between 0 and 10"},
		{Moved(3999, "127.0.0.1:6381"), "MOVED 3999 127.0.0.1:6381"},
		{ClusterDown("why"), "CLUSTERDOWN why; the command was not executed"},
		{TryAgain("why"), "TRYAGAIN why; the command was not executed"},
		{Uncertain("why"), "UNCERTAIN why; the command may or may not have taken effect"},
		{ExpectedDollar(0xff), "ERR Protocol error: expected '$', got '\xff'"},
	}
	for _, test := range tests {
		if test.got != test.want {
			t.Errorf("got  %q\nwant %q", test.got, test.want)
		}
	}
}

// Every reply that provokes an error from Redis is compared with the text here.
func TestErrorTextsAreThoseOfRedis(t *testing.T) {
	long := strings.Repeat("x", 200)
	unknown := func(args ...string) string {
		var words [][]byte
		for _, arg := range args {
			words = append(words, []byte(arg))
		}
		return UnknownCommand(words)
	}
	subscriber := "SUBSCRIBE c; "
	setup := "DEL h l z n big; SET s abc; HSET h f abc; RPUSH l a; ZADD z inf m; SET n 1; SET max 9223372036854775807; SET float 1e308; "
	tests := []struct {
		commands string // all but the last only set the stage
		want     string
	}{
		{"foo", unknown("foo")},
		{"foo a b " + long, unknown("foo", "a", "b", long)},
		{long + " " + long + " " + long, unknown(long, long, long)},
		{"CLIENT foo", UnknownSubcommand("client", []byte("foo"))},
		{"CLIENT " + long, UnknownSubcommand("client", []byte(long))},
		{"OBJECT foo bar", UnknownSubcommand("object", []byte("foo"))},
		{"GET", WrongArity("get")},
		{"CLIENT KILL", WrongArity("client|kill")},
		{"CLIENT", WrongArity("client")},
		{"DEBUG foo", SubcommandSyntax("debug", []byte("foo"))},
		{"SET k v EX 0", InvalidExpire("set")},
		{"SETEX k -1 v", InvalidExpire("setex")},
		{"PSETEX k 0 v", InvalidExpire("psetex")},
		{"SET s v; GETEX s EX 0", InvalidExpire("getex")},
		{"SET s v; EXPIRE s 9223372036854775807", InvalidExpire("expire")},
		{"SET k v EX abc", ErrNotInteger},
		{"SET k v FOO", ErrSyntax},
		{"SET k v NX XX", ErrSyntax},
		{"EXPIRE s 1 FOO", UnsupportedOption([]byte("FOO"))},
		{"EXPIRE s 1 NX XX", ErrExpireNXWithOthers},
		{"EXPIRE s 1 GT LT", ErrExpireGTWithLT},
		{"LPUSH s a", ErrWrongType},
		{"RENAME none x", ErrNoSuchKey},
		{"INCR s", ErrNotInteger},
		{"INCR max", ErrOverflow},
		{"DECRBY n -9223372036854775808", ErrDecrOverflow},
		{"INCRBYFLOAT s 1", ErrNotFloat},
		{"INCRBYFLOAT n inf", ErrNaNOrInfinity},
		{"SETRANGE s -1 a", ErrOffset},
		{"SETRANGE s 600000000 a", ErrStringTooLong},
		{"SETBIT s -1 1", ErrBitOffset},
		{"SETBIT s 0 2", ErrBitValue},
		{"BITPOS s 2", ErrBitArgument},
		{"BITOP NOT d a b", ErrBitopNot},
		{"BITFIELD s GET u64 0", ErrBitfieldType},
		{"BITFIELD s OVERFLOW foo", ErrBitfieldOverflow},
		{"BITFIELD_RO s SET u8 0 1", ErrBitfieldReadOnly},
		{"LCS s l", ErrLCSWrongType},
		{"LCS s s LEN IDX", ErrLCSLenAndIdx},
		{"SELECT 99", ErrDBIndex},
		{"SELECT a", ErrNotInteger},
		{"SWAPDB a 0", ErrFirstDBIndex},
		{"SWAPDB 0 a", ErrSecondDBIndex},
		{"SCAN a", ErrInvalidCursor},
		{"MOVE s 0", ErrSameObject},
		{"RESTORE s 0 x", ErrBusyKey},
		{"RESTORE new 0 x", ErrDumpPayload},
		{"RESTORE new -1 x", ErrRestoreTTL},
		{"RESTORE new 0 x IDLETIME -1", ErrRestoreIdleTime},
		{"RESTORE new 0 x FREQ 256", ErrRestoreFreq},
		{"OBJECT FREQ s", ErrNotLFU},
		{"SORT l", ErrSortNotFloat},
		{"LSET l 5 x", ErrIndexOutOfRange},
		{"LPOP l -1", ErrNotPositive},
		{"LPOS l a RANK 0", ErrRankZero},
		{"LPOS l a COUNT -1", ErrCountNegative},
		{"LPOS l a MAXLEN -1", ErrMaxLenNegative},
		{"BLPOP l x", ErrTimeoutNotFloat},
		{"BLPOP l -1", ErrTimeoutNegative},
		{"LMPOP 0 l LEFT", ErrNumKeys},
		{"SINTERCARD 5 a", ErrNumKeysTooMany},
		{"SINTERCARD 1 a LIMIT -1", ErrLimitNegative},
		{"LMPOP 1 l LEFT COUNT 0", ErrCountNotPositive},
		{"HINCRBY h f 1", ErrHashNotInteger},
		{"HINCRBYFLOAT h f 1", ErrHashNotFloat},
		{"HINCRBYFLOAT h g inf", ErrValueNaN},
		{"ZRANGEBYSCORE z a b", ErrMinMaxNotFloat},
		{"ZRANGEBYLEX z a b", ErrMinMaxNotLex},
		{"ZUNION 1 z WEIGHTS a", ErrWeightNotFloat},
		{"ZUNION 0 z", NoInputKeys("zunion")},
		{"ZINCRBY z -inf m", ErrScoreNaN},
		{"ZADD z NX XX 1 m", ErrZaddNXWithXX},
		{"ZADD z GT LT 1 m", ErrZaddGTLTNX},
		{"ZADD z INCR 1 m 2 n", ErrZaddIncr},
		{"ZRANGE z 0 1 LIMIT 0 1", ErrZrangeLimit},
		{"ZRANGE z a b BYLEX WITHSCORES", ErrZrangeScores},
		{"SRANDMEMBER x -9223372036854775808", OutOfRange(-9223372036854775807, 9223372036854775807)},

		{"HELLO 9", ErrNoProto},
		{"HELLO x", ErrProtoNotInteger},
		{"HELLO 3 FOO", HelloSyntax([]byte("FOO"))},
		{"AUTH x", ErrAuthNotConfigured},
		{"AUTH x y", ErrWrongPass},
		{"CLIENT SETNAME a\xff", ErrClientName},
		{"CLIENT KILL 1.2.3.4:5", ErrNoSuchClient},
		{"CLIENT KILL ID 0", ErrClientIDPositive},
		{"CLIENT LIST ID x", ErrClientID},
		{"CLIENT LIST TYPE x", UnknownClientType([]byte("x"))},
		{"CLIENT KILL USER x", NoSuchUser([]byte("x"))},
		{"CLIENT UNBLOCK 1 x", ErrUnblockReason},
		{"CLIENT PAUSE 1 x", ErrPauseMode},
		{"CLIENT PAUSE x", ErrTimeoutNotInteger},
		{"CLIENT TRACKING ON REDIRECT {id} REDIRECT {id}", ErrRedirectTwice},
		{"CLIENT TRACKING ON REDIRECT 999999", ErrRedirectMissing},
		{"CLIENT TRACKING ON PREFIX a", ErrPrefixNeedsBcast},
		{"HELLO 3; CLIENT TRACKING ON; CLIENT TRACKING ON BCAST", ErrBcastSwitch},
		{"HELLO 3; CLIENT TRACKING ON BCAST OPTIN", ErrBcastWithOpt},
		{"HELLO 3; CLIENT TRACKING ON OPTIN OPTOUT", ErrOptinAndOptout},
		{"HELLO 3; CLIENT TRACKING ON OPTIN; CLIENT TRACKING ON OPTOUT", ErrOptSwitch},
		{"CLIENT CACHING YES", ErrCachingNotTracking},
		{"HELLO 3; CLIENT TRACKING ON OPTOUT; CLIENT CACHING YES", ErrCachingYes},
		{"HELLO 3; CLIENT TRACKING ON OPTIN; CLIENT CACHING NO", ErrCachingNo},
		{subscriber + "GET a", NotInSubscribedState("get")},
		{subscriber + "CLIENT ID", NotInSubscribedState("client|id")},

		{"MULTI; MULTI", ErrMultiNested},
		{"EXEC", ErrExecWithoutMulti},
		{"DISCARD", ErrDiscardWithoutMulti},
		{"MULTI; WATCH a", ErrWatchInsideMulti},
		{"MULTI; foo; EXEC", ErrExecAbort},
		{"MULTI; EXEC a", ExecAborted("wrong number of arguments for 'exec' command")},
		{"MULTI; SAVE", ErrNotAllowedInMulti},

		{"CONFIG SET foo 1", ConfigUnknown([]byte("foo"))},
		{"CONFIG SET maxclients x", ConfigFailed("maxclients", "argument couldn't be parsed into an integer")},
		{"SLOWLOG GET -2", ErrSlowlogCount},
		{"SHUTDOWN ABORT", ErrNoShutdown},
		{"COMMAND GETKEYS foo a", ErrInvalidCommand},
		{"COMMAND GETKEYS get a b", ErrInvalidCommandArgs},
		{"COMMAND GETKEYS ping a", ErrNoKeyArguments},
		{"COMMAND GETKEYS lmpop 9 a left", ErrInvalidArguments},
		{"EVALSHA 0123456789012345678901234567890123456789 0", ErrNoScript},
		{"CONFIG SET maxmemory 1; SET s v", ErrOOM},
		{"CONFIG SET maxmemory 1; MULTI; SET s v; EXEC", ErrExecAbort},
		{"CONFIG SET maxmemory 0; CONFIG SET maxmemory-policy allkeys-lfu; OBJECT IDLETIME s", ErrIsLFU},
		{"ACL SETUSER u on nopass ~a +set +get; AUTH u p; PING", NoPermCommand("ping")},
		{"ACL SETUSER u on nopass ~a +set +get; AUTH u p; GET b", ErrNoPermKey},
		{"ACL SETUSER u on nopass ~* resetchannels +publish; AUTH u p; PUBLISH b x", ErrNoPermChannel},
	}
	socket := startRedis(t)
	_, c := dialRedis(t, socket)
	for _, command := range strings.Split(strings.TrimSuffix(setup, "; "), "; ") {
		do(t, c, command)
	}
	other := strconv.FormatInt(do(t, c, "CLIENT ID").Int, 10)
	for _, test := range tests {
		_, c := dialRedis(t, socket)
		var v Value
		for _, command := range strings.Split(test.commands, "; ") {
			v = do(t, c, strings.ReplaceAll(command, "{id}", other))
		}
		if v.Type != '-' || v.Str != test.want {
			t.Errorf("%.60s: Redis says %q, the text here is %q", test.commands, v, test.want)
		}
	}
}

// The constants that no short command provokes are looked up in the program.
func TestErrorConstantsAreInRedis(t *testing.T) {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("redis-server is not installed")
	}
	program, err := os.ReadFile(path)
	if err != nil {
		t.Skip(err)
	}
	own := map[string]bool{"ErrClusterDown": true, "ErrTryAgain": true, "ErrUncertain": true, "ErrMisconf": true, "ErrProtectedMode": true, "ErrCommandTooLong": true, "ErrEntryTooLarge": true}
	checked := 0
	for name, text := range errorConstants(t) {
		if own[name] {
			continue
		}
		checked++
		// Redis adds "ERR " itself, and folds a text into one that ends alike.
		if !bytes.Contains(program, []byte(strings.TrimPrefix(text, "ERR ")+"\x00")) && !bytes.Contains(program, []byte(text+"\r\n\x00")) {
			t.Errorf("%s: %q is not in redis-server", name, text)
		}
	}
	if checked < 80 {
		t.Errorf("only %d constants were found", checked)
	}
}

// errorConstants reads the constants from the source, so that none is forgotten.
func errorConstants(t *testing.T) map[string]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "errors.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	constants := map[string]string{}
	for _, declaration := range file.Decls {
		block, ok := declaration.(*ast.GenDecl)
		if !ok || block.Tok != token.CONST {
			continue
		}
		for _, spec := range block.Specs {
			value := spec.(*ast.ValueSpec)
			if literal, ok := value.Values[0].(*ast.BasicLit); ok && strings.HasPrefix(value.Names[0].Name, "Err") {
				if constants[value.Names[0].Name], err = strconv.Unquote(literal.Value); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	return constants
}

// An error reply is one line of printable text that begins with its code.
func TestErrorConstantsAreWellFormed(t *testing.T) {
	for name, text := range errorConstants(t) {
		code, message, _ := strings.Cut(text, " ")
		if code == "" || code != strings.ToUpper(code) || message == "" || strings.ContainsAny(text, "\r\n") {
			t.Errorf("%s: %q", name, text)
		}
	}
	for _, retried := range []string{"LOADING", "READONLY", "CLUSTERDOWN", "TRYAGAIN", "MASTERDOWN", "NOREPLICAS", "MOVED", "ASK", "ERR max number of clients"} {
		if strings.HasPrefix(ErrUncertain, retried) || strings.HasPrefix(Uncertain("x"), retried) {
			t.Errorf("clients repeat commands that fail with %s", retried)
		}
	}
	if got := fmt.Sprint(&CrossProtocolError{Line: "POST \x1b\n"}); strings.ContainsAny(got, "\x1b\n") {
		t.Errorf("client bytes reach the log unquoted: %q", got)
	}
}
