package probe

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"time"
)

// step is what a probe is doing.
type step int

const (
	starting step = iota
	lookingUp
	connecting
	tunnelling
	handshaking
	waiting
	readingHead
	readingBody
	steps
)

// String is worded to follow "still".
func (s step) String() string {
	return [...]string{
		"starting", "looking up the name", "connecting to", "waiting for a tunnel through",
		"in the TLS handshake with", "waiting for an answer from", "reading the headers from",
		"reading the body from",
	}[s]
}

// trace follows one probe: the step under way, the time of each, and the peer.
type trace struct {
	step  step
	since time.Time
	took  [steps]time.Duration

	address      string // ip:port
	proxy        string // host:port; empty without one
	atProxy      bool   // whether the TLS handshake is with the proxy itself
	redirectedTo string
	certNotAfter time.Time
	status       int
	showedCert   bool // whether a server has asked for the client certificate
}

// begin ends the step under way and begins another.
func (t *trace) begin(s step) {
	now := time.Now()
	t.took[t.step] += now.Sub(t.since)
	t.step, t.since = s, now
}

// result is what was found so far.
func (t *trace) result() Result {
	return Result{
		Status: t.status, Address: t.address, RedirectedTo: t.redirectedTo, CertNotAfter: t.certNotAfter,
		DNS: t.took[lookingUp], Connect: t.took[connecting] + t.took[tunnelling],
		TLS: t.took[handshaking], FirstByte: t.took[waiting],
	}
}

// redirect notes that the next request follows a redirect.
func (t *trace) redirect(to *url.URL) {
	t.redirectedTo = to.Scheme + "://" + hostHeader(to)
}

// handshake notes the certificate of a TLS handshake, also of one that failed on it. A proxy's, and
// that of the target of a redirect, is not the site's.
func (t *trace) handshake(state tls.ConnectionState, err error) {
	chain := state.PeerCertificates
	var bad *tls.CertificateVerificationError
	if errors.As(err, &bad) {
		chain = bad.UnverifiedCertificates
	}
	if !t.atProxy && t.redirectedTo == "" && len(chain) > 0 {
		t.certNotAfter = chain[0].NotAfter
	}
}

// String says what the probe is doing, and with which peer.
func (t *trace) String() string {
	switch t.step {
	case starting:
		return t.step.String()
	case lookingUp:
		return t.step.String() + t.via()
	}
	return fmt.Sprintf("%v %s%s", t.step, t.address, t.via())
}

// via says what is between the health URL and the peer: a proxy, a redirect.
func (t *trace) via() (text string) {
	if t.proxy != "" {
		text = " (the proxy " + t.proxy + ")"
	}
	if t.redirectedTo != "" {
		text += " after a redirect to " + t.redirectedTo
	}
	return text
}

// shownBy names the owner of the certificate if it is not the site.
func (t *trace) shownBy() string {
	switch {
	case t.atProxy:
		return ", shown by the proxy " + t.proxy
	case t.redirectedTo != "":
		return ", shown after a redirect to " + t.redirectedTo
	}
	return ""
}
