package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"redoubt/resp"
)

// problem is the body of every error answer of the API.
type problem struct {
	status int
	// Code is a RESP error code where the error came from the keyspace
	// (CLUSTERDOWN, WRONGTYPE, …), else one of ours.
	Code    string `json:"code"`
	Message string `json:"message"`
	// Executed is "no", or "unknown" when the request may or may not have taken
	// effect; requests that change nothing have none.
	Executed string `json:"executed,omitempty"`
}

const (
	executedNo      = "no"
	executedUnknown = "unknown"
)

func (p *problem) write(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead && p.Executed == "" {
		p.Executed = executedNo
	}
	body, err := json.Marshal(p)
	if err != nil {
		panic(fmt.Sprintf("web: a problem without JSON: %v", err))
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	switch p.status {
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		h.Set("Retry-After", "1")
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", `Bearer realm="redoubt"`)
	}
	w.WriteHeader(p.status)
	w.Write(append(body, '\n'))
}

func badRequest(format string, args ...any) *problem {
	return &problem{status: http.StatusBadRequest, Code: "BADREQUEST", Message: fmt.Sprintf(format, args...)}
}

func methodNotAllowed(method string) *problem {
	return &problem{status: http.StatusMethodNotAllowed, Code: "BADMETHOD", Message: method + " is not for this path"}
}

func tooLarge(limit int) *problem {
	return &problem{
		status: http.StatusRequestEntityTooLarge, Code: "TOOLARGE",
		Message: fmt.Sprintf("the value is longer than proto-max-bulk-len, %d bytes", limit),
	}
}

func notFound() *problem {
	return &problem{status: http.StatusNotFound, Code: "NOTFOUND", Message: "there is no such key"}
}

func preconditionFailed(why string) *problem {
	return &problem{status: http.StatusPreconditionFailed, Code: "PRECONDITION", Message: why}
}

func closing() *problem {
	return &problem{status: http.StatusServiceUnavailable, Code: "CLOSING", Message: "the node is shutting down"}
}

func uncertain(why string) *problem {
	text := resp.Uncertain(why)
	return fromError(resp.ErrorReply(text))
}

// statusOf says by the code of an error reply how it is answered. What is not
// listed is a request that the keyspace does not understand.
func statusOf(code string) int {
	switch code {
	case "CLUSTERDOWN", "TRYAGAIN", "LOADING", "BUSY", "READONLY", "MOVED":
		return http.StatusServiceUnavailable
	case "UNCERTAIN":
		return http.StatusGatewayTimeout
	case "OOM", "MISCONF":
		return http.StatusInsufficientStorage
	case "WRONGTYPE":
		return http.StatusConflict
	}
	return http.StatusBadRequest
}

// fromError turns an error reply into a problem.
func fromError(e resp.ErrorReply) *problem {
	p := &problem{status: statusOf(e.Code()), Code: e.Code(), Executed: executedNo}
	_, p.Message, _ = strings.Cut(string(e), " ")
	switch string(e) {
	case resp.ErrStringTooLong, resp.ErrEntryTooLarge:
		p.status = http.StatusRequestEntityTooLarge
	}
	if p.Code == "UNCERTAIN" {
		p.Executed = executedUnknown
	}
	return p
}
