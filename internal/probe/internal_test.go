package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"syscall"
	"testing"
	"time"
)

func TestSameOrigin(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		from, to string
		want     bool
	}{
		{"https://a/x", "https://a/y", true},
		{"https://a", "https://A:443/y?z", true},
		{"http://a", "http://a:80", true},
		{"http://a:8443", "https://a:8443", false},
		{"https://a:8443", "http://a:8443", false},
		{"http://a", "https://a", true},
		{"http://a:80", "https://A.:443/x", true},
		{"http://a:0080", "http://a", true},
		{"https://a", "http://a", false},
		{"http://a:8080", "https://a", false},
		{"https://a", "https://b", false},
		{"https://a", "https://sub.a", false},
		{"https://a", "https://a:8443", false},
		{"https://[::1]", "https://[::1]:443", true},
	} {
		from, _ := url.Parse(c.from)
		to, _ := url.Parse(c.to)
		if got := sameOrigin(to, from); got != c.want {
			t.Errorf("credentials for %s to %s: %v, want %v", c.from, c.to, got, c.want)
		}
	}
}

func TestOwnFault(t *testing.T) {
	t.Parallel()
	dial := func(errno syscall.Errno) error {
		return &url.Error{Op: "Get", Err: &net.OpError{Op: "dial",
			Err: os.NewSyscallError("socket", errno)}}
	}
	for _, c := range []struct {
		err  error
		want bool
	}{
		{dial(syscall.EMFILE), true},
		{dial(syscall.EADDRNOTAVAIL), true},
		{dial(syscall.EAFNOSUPPORT), true},
		{dial(syscall.EPERM), true},
		{&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.EPERM)}, false},
		{fmt.Errorf("x: %w", x509.SystemRootsError{}), true},
		{&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}, false},
		{&net.DNSError{Err: "no such host"}, false},
		{errors.New("x"), false},
		{&net.DNSError{UnwrapErr: context.DeadlineExceeded}, false},
	} {
		if got := isOwnFault(c.err); got != c.want {
			t.Errorf("%v: %v, want %v", c.err, got, c.want)
		}
	}
}

// TestExplain covers the errors that a test cannot cause on loopback.
func TestExplain(t *testing.T) {
	t.Parallel()
	get := func(err error) error { return &url.Error{Op: "Get", URL: "http://x/?geheim", Err: err} }
	dial := func(errno syscall.Errno) error {
		return get(&net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", errno)})
	}
	for _, c := range []struct {
		err    error
		doing  step
		reason Reason
		detail string
	}{
		{get(&net.DNSError{Err: "server misbehaving", Name: "x", Server: "10.0.0.53:53"}), lookingUp,
			ReasonDNS, "lookup x on 10.0.0.53:53: server misbehaving"},
		{get(&net.DNSError{Err: "i/o timeout", Name: "x", IsTimeout: true}), lookingUp, ReasonDNS,
			"lookup x: i/o timeout"},
		{get(&net.DNSError{UnwrapErr: context.DeadlineExceeded, Err: "i/o timeout", Name: "x",
			IsTimeout: true}), lookingUp, ReasonTimeout,
			"no good answer within 3s, still looking up the name"},
		{dial(syscall.EHOSTUNREACH), connecting, ReasonUnreachable,
			"no route to host, connecting to 10.0.0.1:80"},
		{dial(syscall.EACCES), connecting, ReasonUnreachable,
			"permission denied, connecting to 10.0.0.1:80"},
		{dial(syscall.ETIMEDOUT), connecting, ReasonTimeout,
			"no good answer within 3s, still connecting to 10.0.0.1:80"},
		{get(syscall.EPIPE), waiting, ReasonReset,
			"connection reset, waiting for an answer from 10.0.0.1:80"},
		{get(syscall.ECONNRESET), handshaking, ReasonReset,
			"connection reset, in the TLS handshake with 10.0.0.1:80"},
		{bodyError{syscall.ECONNRESET}, readingBody, ReasonProtocol, "the body breaks off"},
		{bodyError{context.DeadlineExceeded}, readingBody, ReasonTimeout,
			"no good answer within 3s, still reading the body from 10.0.0.1:80"},
		{get(errors.New("something new with geheim in it")), waiting, ReasonProtocol,
			"the answer is not HTTP/1.1, waiting for an answer from 10.0.0.1:80"},
		{get(&net.OpError{Op: "socks connect", Err: errors.New("unknown error geheim")}), waiting,
			ReasonUnreachable, "the SOCKS proxy cannot connect, waiting for an answer from 10.0.0.1:80"},
		{get(context.DeadlineExceeded), starting, ReasonTimeout,
			"no good answer within 3s, still starting"},
	} {
		at := &trace{step: c.doing, address: "10.0.0.1:80"}
		if reason, detail := explain(c.err, at, 3*time.Second); reason != c.reason || detail != c.detail {
			t.Errorf("%v:\n got %s %q\nwant %s %q", c.err, reason, detail, c.reason, c.detail)
		}
	}
}

// TestTLSConfig checks renegotiation, which Go's own server does not know (make e2e-faults uses
// OpenSSL), and which peers get the client certificate and the server name.
func TestTLSConfig(t *testing.T) {
	t.Parallel()
	own, _ := url.Parse("https://Site.example.com./healthz")
	p := New(
		Target{URL: own, ServerName: "app.example.com",
			ClientCert: func() (*tls.Certificate, error) { return new(tls.Certificate), nil }})
	for _, c := range []struct {
		with, name string
		atProxy    bool
		shows      bool // the client certificate
	}{
		{"https://site.example.com", "app.example.com", false, true},
		{"https://other.example.com", "other.example.com", false, false},
		{"https://site.example.com:8443", "site.example.com", false, false},
		{"https://site.example.com", "site.example.com", true, false},
	} {
		with, _ := url.Parse(c.with)
		config, err := (&client{Prober: p, trace: trace{atProxy: c.atProxy}}).tlsConfig(with)
		if err != nil {
			t.Fatal(err)
		}
		if config.ServerName != c.name || (config.GetClientCertificate != nil) != c.shows {
			t.Errorf("%s: server name %s, shows the certificate: %v", c.with, config.ServerName,
				config.GetClientCertificate != nil)
		}
		if config.Renegotiation != tls.RenegotiateOnceAsClient {
			t.Errorf("%s: does not renegotiate", c.with)
		}
	}
}

// TestMask has secrets in all the forms in which a peer may send them back.
func TestMask(t *testing.T) {
	t.Parallel()
	from, _ := url.Parse("https://operator:pass%2Fword@site/?key=a%20b%20c&short=x")
	proxy, _ := url.Parse("http://u:through@proxy")
	another, _ := url.Parse("http://u:throughout@proxy")
	headers := http.Header{"X-Token": {`Bearer to"ken+1`},
		"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte("operator:pass/word"))},
		"Host":          {"app.example.com"}, "Cookie": {"session=5e55i0n; id=none"},
		"X-Word": {"connecting"}}
	m := newMasker(headers, from, []*url.URL{proxy, another})
	for text, want := range map[string]string{
		`says Bearer to"ken+1!`: "says ***!", `says "to\"ken+1"`: `says "***"`,
		"TO\"KEN+1.example.com": "***.example.com", "to%22ken%2B1": "***",
		"pass/word": "***", "pass%2Fword": "***", "b3BlcmF0b3I6cGFzcy93b3Jk": "***", "operator": "***",
		"key=a%20b%20c&short=x": "***", "a b c": "***", "through": "***",
		"app.example.com": "app.example.com",
		// the longer one whole
		"throughout": "***", base64.StdEncoding.EncodeToString([]byte("u:throughout")): "***",
		"the cookie 5e55i0n": "the cookie ***", "still connecting to": "still connecting to",
		"Bearer, Basic, x, u":  "Bearer, Basic, x, u", // words that are no secrets, or too short for one
		"\x1b[31m\u202e\u009b": `\x1b[31m\u202e\u009b`, "ä\n": `ä\n`,
	} {
		if got := m.clean(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// TestOtherSite: no site may answer for another one, not even with another app; an app may answer
// for another one at the same site.
func TestOtherSite(t *testing.T) {
	t.Parallel()
	parse := func(text string) *url.URL {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	target := Target{Site: "site-b", Sites: []Site{
		{"site-a", "shop/site-a", parse("https://shop.a.test/up")},
		{"site-b", "shop/site-b", parse("https://shop.b.test/up")},
		{"site-a", "login/site-a", parse("https://login.a.test/up")},
		{"site-b", "login/site-b", parse("https://login.b.test/up")},
		{"site-a", "pay/site-a", parse("https://both.test/up")},
		{"site-b", "pay/site-b", parse("https://both.test/up")},
	}}
	for to, want := range map[string]string{
		"https://shop.a.test/x": "shop/site-a", "http://LOGIN.a.test:80/": "login/site-a",
		"https://shop.b.test/x": "", "https://login.b.test/": "", "https://both.test/": "",
		"https://elsewhere.test/": "", "https://shop.a.test:8443/": "",
	} {
		if got := target.otherSite(parse(to)); got != want {
			t.Errorf("%s is of %q, want %q", to, got, want)
		}
	}
}
