package probe

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http/httptrace"
	"net/url"
	"sync"
	"time"
)

// step is what a probe is doing, worded to stand after "still".
type step string

const (
	lookingUp   step = "looking up the name"
	connecting  step = "connecting to"
	handshaking step = "in the TLS handshake with"
	waiting     step = "waiting for an answer from"
	readingHead step = "reading the headers from"
	readingBody step = "reading the body from"
)

// steps follows a probe on its way: how long each step takes, and which one is under way when the
// time is up. The transport's goroutines call its hooks, some of them even after the probe has ended.
type steps struct {
	mu         sync.Mutex
	found      Result
	doing      step
	since      time.Time
	proxied    bool   // whether the address is a proxy's
	redirectTo string // host and port of the last redirect, empty before the first
}

// trace is what the transport calls.
func (s *steps) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		DNSStart: func(httptrace.DNSStartInfo) { s.begin(lookingUp) },
		DNSDone:  func(httptrace.DNSDoneInfo) { s.end(&s.found.DNS) },
		ConnectStart: func(_, address string) { // for each address of a name, of which two may be tried at once
			s.begin(connecting)
			s.locked(func() { s.found.Address = address })
		},
		ConnectDone: func(_, address string, err error) {
			if err == nil {
				s.end(&s.found.Connect)
				s.locked(func() { s.found.Address = address })
			}
		},
		TLSHandshakeStart: func() { s.begin(handshaking) },
		TLSHandshakeDone: func(state tls.ConnectionState, err error) {
			s.end(&s.found.TLS)
			s.locked(func() { s.keepExpiry(state, err) })
		},
		WroteRequest: func(httptrace.WroteRequestInfo) { s.begin(waiting) },
		GotFirstResponseByte: func() {
			s.end(&s.found.FirstByte)
			s.begin(readingHead)
		},
	}
}

func (s *steps) locked(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func (s *steps) begin(doing step) {
	s.locked(func() { s.doing, s.since = doing, time.Now() })
}

func (s *steps) end(took *time.Duration) {
	s.locked(func() { *took += time.Since(s.since) })
}

// keepExpiry keeps when the site's own certificate expires. One that failed the check is in the
// error, and its expiry is wanted most.
func (s *steps) keepExpiry(state tls.ConnectionState, err error) {
	chain := state.PeerCertificates
	var bad *tls.CertificateVerificationError
	if errors.As(err, &bad) {
		chain = bad.UnverifiedCertificates
	}
	if s.redirectTo == "" && len(chain) > 0 {
		s.found.CertNotAfter = chain[0].NotAfter
	}
}

func (s *steps) redirected(to *url.URL) {
	s.locked(func() { s.redirectTo = hostPort(to) })
}

func (s *steps) answered(status int) {
	s.begin(readingBody)
	s.locked(func() { s.found.Status = status })
}

// result is a copy of what was found so far.
func (s *steps) result() (found Result) {
	s.locked(func() { found = s.found })
	return found
}

func (s *steps) is(doing step) (yes bool) {
	s.locked(func() { yes = s.doing == doing })
	return yes
}

// String says what was being done, and with whom.
func (s *steps) String() (doing string) {
	s.locked(func() {
		doing = string(s.doing)
		if s.doing != lookingUp && s.doing != "" {
			doing += " " + s.found.Address
		}
		if s.proxied {
			doing += " (a proxy)"
		}
	})
	return doing
}

// statusDetail says which status came, and from where if not from the health URL.
func (s *steps) statusDetail() (detail string) {
	s.locked(func() {
		detail = fmt.Sprintf("status %d", s.found.Status)
		if s.redirectTo != "" {
			detail += " after a redirect to " + s.redirectTo
		}
	})
	return detail
}
