// Package probe asks a site's health URL once and says whether the site is up and, if not, for
// which one reason out of a fixed set.
//
// The caller's context is the one deadline over everything: name lookup, connect, TLS, redirects,
// headers and body. A probe uses a fresh connection that is closed after it, since a monitor must
// see what a new client sees, and HTTP/1.1 only.
package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"time"
)

// Target is what to probe and what counts as up. An error of one of its functions is the monitor's
// own fault, and never the site's.
type Target struct {
	// its user and password are sent as basic auth
	URL             *url.URL
	Method          string                // GET, HEAD, OPTIONS or POST
	Accept          func(status int) bool // whether a status is up
	ExpectBody      *regexp.Regexp        // what the body's first 64 KiB must match; nil: anything
	FollowRedirects Redirects             // empty: GET follows, the others do not
	Site            string                // the name of the site that is probed
	Sites           []Site                // all of all apps; no other site may answer for this one
	UserAgent       string

	HeaderKey string                 // a header to send; Host sets the request's host
	HeaderVal func() (string, error) // its value

	Proxy      func(*url.URL) (*url.URL, error) // the proxy for a URL, or nil; nil: no proxies
	RootCAs    func() (*x509.CertPool, error)   // nil: the system's
	ClientCert func() (*tls.Certificate, error) // for a server that asks for one; nil: none
	SkipVerify bool                             // take any certificate
	ServerName string                           // the certificate's name; empty: the URL's host
	Made       time.Time                        // when the program was made, to detect a wrong clock
}

// Site is the health URL of a configured site.
type Site struct {
	Name string
	ID   string // that tells it from the site of another app
	URL  *url.URL
}

// Prober probes one target, again and again.
type Prober struct {
	target Target
	base   *url.URL // the target's URL without user and password, so that no error can quote them
	dialer dialer
}

// New makes a prober. It opens no connection yet.
func New(target Target) *Prober {
	if target.URL.Scheme == "https" {
		// Go reads the system's roots once and keeps what it got: do it while files can be opened.
		x509.SystemCertPool()
	}
	base := *target.URL
	base.User, base.RawQuery = nil, escapeQuery(base.RawQuery)
	return &Prober{target: target, base: &base, dialer: newDialer()}
}

// Probe asks the target once and ends by the deadline of ctx. An error means that the probe could
// not be made, or was cut off because ctx was cancelled: it says nothing about the site.
func (p *Prober) Probe(ctx context.Context) (Result, error) {
	headers, err := p.credentials()
	if err != nil {
		return Result{}, fmt.Errorf("probe could not be made: %w", err)
	}
	c := &client{Prober: p, headers: headers}
	return measure(ctx, &c.trace, c.fetch, c.mask)
}

// Connect makes a probe that only connects to the host and port of a URL, and is up when the
// connection is accepted.
func Connect(to *url.URL) func(context.Context) (Result, error) {
	return func(ctx context.Context) (Result, error) {
		var t trace
		return measure(ctx, &t, func(ctx context.Context) error {
			conn, err := newDialer().connect(ctx, &t, to)
			if err == nil {
				conn.Close()
			}
			return err
		}, Printable)
	}
}

// measure runs one probe and makes a result of how it ends; no error means up. What is shown of it
// goes through clean.
func measure(
	ctx context.Context, t *trace, probe func(context.Context) error, clean func(string) string,
) (Result, error) {
	began := time.Now()
	t.since = began
	err := probe(ctx)
	t.begin(t.step) // so that the last step has its time
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return Result{}, fmt.Errorf("probe was cut off: %w", context.Cause(ctx))
	case err != nil && isOwnFault(err):
		return Result{}, errors.New("probe could not be made: " + clean(withoutURL(err).Error()))
	}
	result := t.result()
	result.Began, result.Duration = began, time.Since(began)
	result.Up = err == nil
	if !result.Up {
		result.Reason, result.Detail = explain(err, t, timeLimit(ctx, began))
		result.Detail = clean(result.Detail)
	}
	if result.RedirectedTo != "" {
		result.RedirectedTo = clean(result.RedirectedTo)
	}
	return result, nil
}

// timeLimit is how long a probe had.
func timeLimit(ctx context.Context, began time.Time) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return time.Since(began)
	}
	return deadline.Sub(began).Round(time.Millisecond)
}

// client is what one probe needs: it sends requests and follows redirects.
type client struct {
	*Prober
	headers   http.Header // for the health URL's own origin alone
	proxy     *url.URL    // that the last request went through
	proxies   []*url.URL  // all that some request went through
	newestTLS uint16      // the newest version to offer; 0: any
	cookies   cookies
	trace     trace
}

// fetch asks the health URL, follows redirects and judges the answer; no error means up.
func (c *client) fetch(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, c.target.Method, c.base.String(), nil)
	if err != nil {
		return err
	}
	c.authorize(req)
	httpClient := http.Client{Transport: c, CheckRedirect: c.followRedirect}
	resp, err := httpClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return c.judge(resp)
}

// mask makes a text fit to be shown.
func (c *client) mask(text string) string {
	return newMasker(c.headers, c.target.URL, c.proxies).clean(text)
}
