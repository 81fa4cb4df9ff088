// Package probe asks a site's health URL once and says whether the site is up and, if not, for which
// one reason out of a fixed set.
//
// A probe has one deadline over everything: name lookup, connect, TLS, redirects, headers and body. It
// uses a fresh connection that is closed after it, since a monitor must see what a new client sees, and
// HTTP/1.1 only: with HTTP/2 a peer that sends GOAWAY makes Go's client try again hundreds of times.
package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptrace"
	"net/url"
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
	URL             *url.URL              // http or https; user and password are sent as basic auth
	Method          string                // GET, HEAD, OPTIONS or POST
	Timeout         time.Duration         // over the whole probe
	Accept          func(status int) bool // whether a status is up
	FollowRedirects Redirects             // empty: GET follows, the others do not
	HeaderKey       string                // a header to send; Host sets the request's host
	HeaderVal       string
	RootCAs         *x509.CertPool // nil: the system's
	SkipVerify      bool           // take any certificate
	UserAgent       string
}

// Prober probes one target, again and again.
type Prober struct {
	target    Target
	headers   http.Header // sent to the target itself and nowhere else
	transport *http.Transport
}

// New makes a prober. It opens no connection yet.
func New(target Target) *Prober {
	bare := *target.URL
	bare.User = nil // so that no error can quote it
	p := &Prober{target: target, headers: credentials(target)}
	p.target.URL = &bare
	p.transport = &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialAnew,
		OnProxyConnectResponse: checkProxy,
		TLSClientConfig:        &tls.Config{RootCAs: target.RootCAs, InsecureSkipVerify: target.SkipVerify},
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: maxHeader,
		Protocols:              new(http.Protocols),
	}
	p.transport.Protocols.SetHTTP1(true)
	return p
}

// Probe asks the target once and ends by the target's timeout. An error means that the probe could
// not be made, or was cut off by ctx: it says nothing about the site.
func (p *Prober) Probe(ctx context.Context) (Result, error) {
	began := time.Now()
	timed, cancel := context.WithTimeout(ctx, p.target.Timeout)
	defer cancel()
	// A transport lets dials and handshakes outlive their request, for the next one to use. This has them end.
	defer p.transport.CloseIdleConnections()

	at := &steps{doing: starting, secure: p.target.URL.Scheme == "https"}
	err := p.exchange(httptrace.WithClientTrace(timed, at.trace()), at)
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
		result.Reason, result.Detail = explain(err, at, p.target.Timeout)
	}
	return result, nil
}

// dialAnew connects with a resolver of its own: the shared one would let a lookup join another that is
// still under way, perhaps that of the last probe, which has hung.
func dialAnew(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := net.Dialer{Resolver: new(net.Resolver)}
	return dialer.DialContext(ctx, network, address)
}

// exchange sends the request and judges the answer; no error means up.
func (p *Prober) exchange(ctx context.Context, at *steps) error {
	req, err := http.NewRequestWithContext(ctx, p.target.Method, p.target.URL.String(), nil)
	if err != nil {
		return err
	}
	p.authorize(req)
	at.goesTo(req)
	jar, _ := cookiejar.New(nil) // for this probe alone: a redirect that sets a cookie and asks for it works
	client := http.Client{Transport: p.transport, Jar: jar, CheckRedirect: func(next *http.Request, via []*http.Request) error {
		at.redirect(next)
		return p.redirect(next, via)
	}}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	at.answered(resp.StatusCode)
	if !p.target.Accept(resp.StatusCode) {
		return failure{ReasonStatus, at.statusDetail()}
	}
	if _, err := io.CopyN(io.Discard, resp.Body, maxBody); err != nil && err != io.EOF {
		return bodyError{err}
	}
	return nil
}
