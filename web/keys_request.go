package web

import (
	"bufio"
	"bytes"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"redoubt/fsm"
	"redoubt/raft/replica"
	"redoubt/resp"
)

// keyRequest is what a request on a key says, body apart.
type keyRequest struct {
	key    []byte
	db     int
	write  bool
	delete bool
	reads  replica.Consistency
	ttl    string // words of SET in Redis's order: "PX 1500", "KEEPTTL" or ""

	// Conditions; at most one of the first three for a write.
	mustNotExist bool     // If-None-Match: *
	mustExist    bool     // If-Match: *
	match        uint64   // If-Match: "…", the version it names; 0: none
	noneMatch    []string // If-None-Match of a read
}

func (s *Server) parseKeyRequest(r *http.Request, escapedKey string) (*keyRequest, *problem) {
	key, p := parseKey(escapedKey)
	if p != nil {
		return nil, p
	}
	q := &keyRequest{
		key: key, write: r.Method == http.MethodPut || r.Method == http.MethodDelete, delete: r.Method == http.MethodDelete,
	}
	if p := q.parseQuery(r, s.config.Server.Settings().Databases); p != nil {
		return nil, p
	}
	if r.Header.Get("Content-Range") != "" {
		return nil, badRequest("a part of a value cannot be written: Content-Range")
	}
	return q, q.parseConditions(r.Header)
}

// parseQuery refuses parameters it does not know: a misspelt ttl must not make a
// key that stays for ever.
func (q *keyRequest) parseQuery(r *http.Request, databases int) *problem {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return badRequest("the parameters are not percent-encoded: %v", err)
	}
	for name, values := range query {
		value := values[0]
		switch {
		case len(values) > 1:
			return badRequest("%s is given twice", name)
		case name == "db":
			n, err := strconv.Atoi(value)
			if err != nil || n < 0 || n >= databases {
				return badRequest("db: %q is not a number from 0 to %d", value, databases-1)
			}
			q.db = n
		case name == "ttl" && r.Method == http.MethodPut:
			words, p := parseTTL(value)
			if p != nil {
				return p
			}
			q.ttl = words
		case name == "consistency" && !q.write:
			switch value {
			case "linearizable":
				q.reads = replica.ReadsLinearizable
			case "local":
				q.reads = replica.ReadsLocal
			default:
				return badRequest("consistency: %q is neither linearizable nor local", value)
			}
		default:
			return badRequest("%s has no parameter %q", r.Method, name)
		}
	}
	return nil
}

// parseTTL reads seconds, with decimals if need be, or "keep".
func parseTTL(value string) (words string, p *problem) {
	if value == "keep" {
		return "KEEPTTL", nil
	}
	const maxSeconds = 1e12 // 31,000 years
	seconds, err := strconv.ParseFloat(value, 64)
	ms := math.Round(seconds * 1000)
	if err != nil || !(ms >= 1) || seconds > maxSeconds {
		return "", badRequest("ttl: %q is neither a number of seconds above 0 nor keep", value)
	}
	return fmt.Sprintf("PX %.0f", ms), nil
}

// parseConditions reads If-Match and If-None-Match.
func (q *keyRequest) parseConditions(h http.Header) *problem {
	match, noneMatch := strings.TrimSpace(h.Get("If-Match")), strings.TrimSpace(h.Get("If-None-Match"))
	switch {
	case len(h.Values("If-Match")) > 1 || len(h.Values("If-None-Match")) > 1:
		return badRequest("a condition is given twice")
	case !q.write:
		if match != "" {
			return badRequest("If-Match is for PUT and DELETE")
		}
		for tag := range strings.SplitSeq(noneMatch, ",") {
			q.noneMatch = append(q.noneMatch, strings.TrimPrefix(strings.TrimSpace(tag), "W/"))
		}
	case match != "" && noneMatch != "":
		return badRequest("If-Match and If-None-Match cannot both hold")
	case noneMatch == "*" && !q.delete:
		q.mustNotExist = true
	case noneMatch != "":
		return badRequest("If-None-Match: %s is not supported for %s", noneMatch, q.method())
	case match == "*":
		q.mustExist = true
	case strings.Contains(match, ","):
		return badRequest("If-Match takes one ETag")
	case match != "":
		version, ok := parseETag(match)
		if !ok {
			return preconditionFailed("If-Match names no version of a key: " + match)
		}
		q.match = version
	}
	return nil
}

func (q *keyRequest) method() string {
	if q.delete {
		return http.MethodDelete
	}
	return http.MethodPut
}

// setOptions are the options of SET that carry out what was asked.
func (q *keyRequest) setOptions() []string {
	words := strings.Fields(q.ttl)
	switch {
	case q.mustNotExist:
		words = append(words, "NX")
	case q.mustExist:
		words = append(words, "XX")
	}
	return words
}

// command is NAME KEY.
func (q *keyRequest) command(name string) fsm.Command {
	return fsm.Command{
		DB: q.db, Proto: 2, Spec: fsm.Lookup([]byte(name)), Args: [][]byte{[]byte(name), q.key},
	}
}

// watch is WATCH KEY: it puts the version of the key into v.
func (q *keyRequest) watch(v *[]fsm.Watch) fsm.Command {
	c := q.command("WATCH")
	c.Watched = v
	return c
}

// guarded makes a write depend on If-Match: "…". It becomes a transaction that
// watches the key at the version of the ETag, as if a WATCH had seen it there:
// one entry of the log, which is carried out or not at its place among all
// others.
func (q *keyRequest) guarded(write fsm.Command) fsm.Command {
	if q.match == 0 {
		return write
	}
	return fsm.Command{Proto: 2, Exec: &fsm.Exec{
		Watches:  []fsm.Watch{{DB: q.db, Key: q.key, Version: q.match}},
		Commands: []fsm.Command{write},
	}}
}

// outcome reads the reply to a guarded write.
func (q *keyRequest) outcome(v resp.Value) *problem {
	if v.Type == '*' {
		if v.Null {
			return preconditionFailed("the key is not at the version of If-Match")
		}
		v = v.Array[0]
	}
	switch err := v.Err(); {
	case err != nil:
		return fromError(err.(resp.ErrorReply))
	case q.mustNotExist && v.Null:
		return preconditionFailed("the key exists")
	case q.mustExist && (v.Null || q.delete && v.Int == 0):
		return preconditionFailed("there is no such key")
	case q.delete && v.Int == 0:
		return notFound()
	}
	return nil
}

// unchanged says whether If-None-Match of a read names what is there.
func (q *keyRequest) unchanged(version []fsm.Watch) bool {
	return slices.Contains(q.noneMatch, etagOf(version)) || slices.Contains(q.noneMatch, "*")
}

// An ETag is the version that WATCH compares: it differs before and after any
// change of the key, is the same on every node, and outlives restarts and
// snapshots. Its lowest bit says that the key exists.

func etagOf(version []fsm.Watch) string {
	return `"` + strconv.FormatUint(version[0].Version, 16) + `"`
}

func exists(version []fsm.Watch) bool { return version[0].Version&1 == 1 }

// parseETag accepts what etagOf makes of a key that exists, and nothing else.
func parseETag(tag string) (version uint64, ok bool) {
	version, err := strconv.ParseUint(strings.Trim(tag, `"`), 16, 64)
	ok = err == nil && version&1 == 1 && etagOf([]fsm.Watch{{Version: version}}) == tag
	return version, ok
}

func newReplyReader(replies []byte) *bufio.Reader { return bufio.NewReader(bytes.NewReader(replies)) }
