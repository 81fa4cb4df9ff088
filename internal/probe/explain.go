package probe

import (
	"compress/flate"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"
)

// failure is a fault that we find ourselves, where the HTTP client would see none.
type failure struct {
	reason Reason
	detail string
}

func (f failure) Error() string { return f.detail }

// bodyError is a body that could not be read to its end.
type bodyError struct{ cause error }

func (e bodyError) Error() string { return e.cause.Error() }
func (e bodyError) Unwrap() error { return e.cause }

// explain gives the one reason why a probe failed, and that reason in words. Errors that quote the
// peer are replaced by the monitor's own words.
func explain(err error, t *trace, limit time.Duration) (Reason, string) {
	var (
		own    failure
		lookup *net.DNSError
		body   bodyError
	)
	switch {
	case errors.As(err, &own):
		return own.reason, own.detail
	case errors.As(err, &lookup) && !errors.Is(err, context.DeadlineExceeded):
		return ReasonDNS, lookup.Error() + t.via()
	case isTimeout(err):
		return ReasonTimeout, fmt.Sprintf("no good answer within %v, still %v", limit, t)
	case errors.As(err, &body):
		return ReasonProtocol, "the body " + explainBody(body.cause)
	case errors.Is(err, syscall.ECONNREFUSED):
		return ReasonRefused, "connection refused, " + t.String()
	case isClosed(err):
		return ReasonReset, "connection reset, " + t.String()
	}
	if reason, detail := explainTLS(err, t); reason != "" {
		return reason, detail
	}
	var (
		errno syscall.Errno
		op    *net.OpError
	)
	switch {
	case t.step == connecting && errors.As(err, &errno):
		return ReasonUnreachable, errno.Error() + ", " + t.String()
	case errors.As(err, &op) && strings.HasPrefix(op.Op, "socks"):
		return ReasonUnreachable, "the SOCKS proxy cannot connect, " + t.String()
	}
	return explainHTTP(err, t)
}

// explainHTTP is for what is left once there was a connection: an answer that is not HTTP.
func explainHTTP(err error, t *trace) (Reason, string) {
	switch {
	case strings.Contains(err.Error(), "failed to parse Location header"):
		return ReasonRedirect, "redirects to what is no URL"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return ReasonProtocol, "connection closed without a whole answer, " + t.String()
	}
	return ReasonProtocol, "the answer is not HTTP/1.1" + badPart(err) + ", " + t.String()
}

// badPart says which part of an answer is not HTTP. net/http has no types for these errors, and
// quotes the peer in them.
func badPart(err error) string {
	for _, part := range [][2]string{
		{"malformed HTTP", "its first line"},
		{"multiple Content-Length", "two lengths of the body"},
		{"Content-Length", "the length of the body"},
		{"transfer encoding", "Transfer-Encoding"},
		{"malformed MIME header", "a header"},
		{"header", "a header"},
	} {
		if strings.Contains(err.Error(), part[0]) {
			return " (" + part[1] + ")"
		}
	}
	return ""
}

// explainBody says what is wrong with a body.
func explainBody(err error) string {
	var corrupt flate.CorruptInputError
	switch {
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum), errors.As(err, &corrupt):
		return "is no gzip, as its Content-Encoding says"
	case strings.Contains(err.Error(), "chunk"), strings.Contains(err.Error(), "line too long"):
		return "has a bad chunk"
	}
	return "breaks off"
}
