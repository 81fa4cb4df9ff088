// Package probe asks a site's health URL once and says whether the site is up and, if not, for which
// one reason out of a fixed set.
//
// A probe has one deadline over everything: name lookup, connect, TLS, redirects, headers and body. It
// uses a fresh connection that is closed after it, since a monitor must see what a new client sees, and
// HTTP/1.1 only: with HTTP/2 a peer that sends GOAWAY makes Go's client try again hundreds of times.
package probe

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptrace"
	"net/url"
	"regexp"
	"time"
)

const (
	// maxBody is how many bytes of a body are read, after decompression. A health answer fits in; a
	// longer or endless body is no fault.
	maxBody = 64 << 10
	// maxHeader is how many bytes of headers are read; more are a fault. nginx and Apache take 8 KiB a
	// line by default, Go's own limit of 10 MiB would be a burden with many sites.
	maxHeader = 256 << 10
	// maxRedirects is also the limit of Go's own client.
	maxRedirects = 10
)

// Target is what to probe and what counts as up.
type Target struct {
	URL             *url.URL              // http or https; user and password are sent as basic auth, also in place of a header Authorization
	Method          string                // GET, HEAD, OPTIONS or POST
	Timeout         time.Duration         // over the whole probe
	Accept          func(status int) bool // whether a status is up
	ExpectBody      *regexp.Regexp        // what the first 64 KiB of the body must match; nil: anything
	FollowRedirects Redirects             // empty: GET follows, the others do not
	HeaderKey       string                // a header to send; Host sets the request's host
	HeaderVal       string
	HeaderValFile   string         // a file with the value instead, read for every probe
	RootCAs         *x509.CertPool // nil: the system's
	SkipVerify      bool           // take any certificate
	ServerName      string         // the name that the certificate must have; empty: the URL's host
	ClientCert      string         // a PEM file to show to a server that asks; read for every handshake
	ClientKey       string         // and one with its key
	UserAgent       string
}

// Prober probes one target, again and again.
type Prober struct {
	target    Target
	base      *url.URL // the target's URL without user and password, so that no error can quote them
	transport *transport
}

// New makes a prober. It opens no connection yet.
func New(target Target) *Prober {
	base := *target.URL
	base.User = nil
	return &Prober{target: target, base: &base, transport: newTransport(target, &base)}
}

// Probe asks the target once and ends by the target's timeout. An error means that the probe could
// not be made, or was cut off by ctx: it says nothing about the site.
func (p *Prober) Probe(ctx context.Context) (Result, error) {
	headers, err := credentials(p.target)
	if err != nil {
		return Result{}, fmt.Errorf("probe could not be made: %w", err)
	}
	// A transport lets dials and handshakes outlive their request, for the next one to use. This has them end.
	defer p.transport.CloseIdleConnections()
	return measure(ctx, p.target.Timeout, func(ctx context.Context, at *steps) error {
		at.secure = p.base.Scheme == "https"
		return p.exchange(ctx, at, headers)
	})
}

// Connect makes a probe that only connects to host:port, and is up when the connection is accepted.
func Connect(address string, timeout time.Duration) func(context.Context) (Result, error) {
	return func(ctx context.Context) (Result, error) {
		return measure(ctx, timeout, func(ctx context.Context, _ *steps) error {
			conn, err := dialer{timeout: timeout}.dial(ctx, "tcp", address)
			if err == nil {
				conn.Close()
			}
			return err
		})
	}
}

// measure runs one probe within its timeout and makes a result of how it ends; no error means up.
func measure(ctx context.Context, timeout time.Duration, try func(context.Context, *steps) error) (Result, error) {
	began := time.Now()
	timed, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	at := &steps{doing: starting}
	err := try(httptrace.WithClientTrace(timed, at.trace()), at)
	switch {
	case ctx.Err() != nil:
		return Result{}, fmt.Errorf("probe cut off: %w", context.Cause(ctx))
	case isOwnFault(err, at):
		return Result{}, fmt.Errorf("probe could not be made: %w", withoutURL(err))
	}
	at.failedAt(err)
	result := at.result()
	result.Began, result.Duration = began, time.Since(began)
	if result.Up = err == nil; !result.Up {
		result.Reason, result.Detail = explain(err, at, timeout)
	}
	return result, nil
}

// exchange sends the request and judges the answer; no error means up.
func (p *Prober) exchange(ctx context.Context, at *steps, headers http.Header) error {
	req, err := http.NewRequestWithContext(ctx, p.target.Method, p.base.String(), nil)
	if err != nil {
		return err
	}
	p.authorize(req, headers)
	at.goesTo(req)
	jar, _ := cookiejar.New(nil) // for this probe alone: a redirect that sets a cookie and asks for it works
	client := http.Client{Transport: p.transport, Jar: jar, CheckRedirect: func(next *http.Request, via []*http.Request) error {
		if err := p.checkRedirect(next, via); err != nil {
			return err
		}
		at.redirect(next)
		p.authorize(next, headers)
		return nil
	}}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.ProtoMajor != 1 || resp.StatusCode < 100 {
		return failure{ReasonProtocol, "the answer is not HTTP/1.1, " + at.String()}
	}
	if resp.StatusCode == http.StatusSwitchingProtocols { // what follows is no body, and knows no deadline
		resp.Body = http.NoBody
	}
	at.answered(resp.StatusCode)
	if !p.target.Accept(resp.StatusCode) {
		return failure{ReasonStatus, at.statusDetail()}
	}
	return p.readBody(resp.Body)
}

func (p *Prober) readBody(body io.Reader) error {
	limited := io.LimitReader(body, maxBody)
	if p.target.ExpectBody == nil {
		if _, err := io.Copy(io.Discard, limited); err != nil {
			return bodyError{err}
		}
		return nil
	}
	text, err := io.ReadAll(limited)
	switch {
	case err != nil:
		return bodyError{err}
	case !p.target.ExpectBody.Match(text):
		return failure{ReasonBody, fmt.Sprintf("nothing in the body (%d bytes read) matches %q", len(text), p.target.ExpectBody)}
	}
	return nil
}
