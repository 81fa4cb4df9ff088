package probe

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"slices"
	"sync"
	"time"
)

// step is what a probe is doing, worded to stand after "still".
type step string

const (
	starting    step = "starting"
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
	secure bool // whether the health URL is https

	mu        sync.Mutex
	found     Result
	doing     step
	since     time.Time
	trying    []string // the addresses that connections to are under way
	proxied   bool     // whether the address is a proxy's
	redirects int
}

// trace is what the transport calls.
func (s *steps) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		DNSStart: func(httptrace.DNSStartInfo) { s.begin(lookingUp) },
		DNSDone:  func(httptrace.DNSDoneInfo) { s.end(&s.found.DNS) },
		ConnectStart: func(_, address string) { // for each address of a name, of which several may be tried at once
			if !s.is(connecting) {
				s.begin(connecting)
			}
			s.locked(func() { s.trying, s.found.Address = append(s.trying, address), address })
		},
		ConnectDone: func(_, address string, err error) {
			if err != nil {
				s.locked(func() { s.gaveUp(address) })
				return
			}
			s.end(&s.found.Connect)
			s.begin(waiting)
			s.locked(func() { s.found.Address, s.trying = address, nil }) // the others are given up for it
		},
		TLSHandshakeStart: func() { s.begin(handshaking) },
		TLSHandshakeDone: func(state tls.ConnectionState, err error) {
			s.end(&s.found.TLS)
			s.locked(func() { s.keepExpiry(state, err) })
			if err == nil {
				s.begin(waiting)
			}
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

// gaveUp notes that an address has failed: what hangs is another one, if that is still tried. The caller holds the lock.
func (s *steps) gaveUp(address string) {
	s.trying = slices.DeleteFunc(s.trying, func(a string) bool { return a == address })
	if len(s.trying) > 0 {
		s.found.Address = s.trying[0]
	}
}

// keepExpiry keeps when the site's own certificate expires. One that failed the check is in the
// error, and its expiry is wanted most.
func (s *steps) keepExpiry(state tls.ConnectionState, err error) {
	chain := state.PeerCertificates
	var bad *tls.CertificateVerificationError
	if errors.As(err, &bad) {
		chain = bad.UnverifiedCertificates
	}
	if s.secure && s.redirects == 0 && len(chain) > 0 { // a proxy's comes before the site's, which replaces it
		s.found.CertNotAfter = chain[0].NotAfter
	}
}

// redirect notes that a request follows a redirect.
func (s *steps) redirect(req *http.Request) {
	s.locked(func() { s.redirects++ })
	s.goesTo(req)
}

func (s *steps) redirected() (yes bool) {
	s.locked(func() { yes = s.redirects > 0 })
	return yes
}

// goesTo notes whether a request goes through a proxy.
func (s *steps) goesTo(req *http.Request) {
	proxy, _ := http.ProxyFromEnvironment(req)
	s.locked(func() { s.proxied = proxy != nil })
}

// failedAt notes which address an error names. Where a name has several, the last one tried need not
// be the one whose error counts.
func (s *steps) failedAt(err error) {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" && op.Addr != nil {
		s.locked(func() { s.found.Address = op.Addr.String() })
	}
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
		switch s.doing {
		case starting:
		case lookingUp:
			doing += s.detour()
		default:
			doing += " " + s.found.Address + s.detour()
		}
	})
	return doing
}

// statusDetail says which status came, and from where if not from the health URL.
func (s *steps) statusDetail() (detail string) {
	s.locked(func() {
		detail = fmt.Sprintf("status %d", s.found.Status)
		if s.redirects > 0 {
			detail += " from " + s.found.Address + s.detour()
		}
	})
	return detail
}

// detour tells where the probe was not on the straight way. The caller holds the lock. It names no
// host of a redirect: the peer chose that, and could have put a secret of ours there.
func (s *steps) detour() (text string) {
	if s.proxied {
		text += " (a proxy)"
	}
	if s.redirects > 0 {
		text += " after a redirect"
	}
	return text
}
