package probe_test

import (
	"crypto/tls"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"failover-monitor/internal/e2e/rig"
	"failover-monitor/internal/fakesite"
	"failover-monitor/internal/probe"
)

// sickDetails are the details of [rig.SickSites] in words; ADDR is the address.
var sickDetails = map[string]string{
	"site accepts and never answers": "no good answer within 500ms, still " +
		"waiting for an answer from ADDR",
	"site tears connections down": "connection reset, waiting for an answer from ADDR",
	"site answers 500":            "status 500",
	"site sends a byte of header at a time": "no good answer within 500ms, still " +
		"reading the headers from ADDR",
	"site sends a byte of body at a time": "no good answer within 500ms, still " +
		"reading the body from ADDR",
	"site sends headers without end": "more than 262144 bytes of headers, " +
		"reading the headers from ADDR",
	"site breaks off its body":   "the body breaks off",
	"site redirects in a circle": "more than 10 redirects",
	"site speaks something else than HTTP": "the answer is not HTTP/1.1 (its first line), " +
		"reading the headers from ADDR",
	"certificate expires": "certificate expired on " +
		time.Now().UTC().AddDate(0, -1, 0).Format(time.DateOnly),
	"certificate for another name": `certificate is for other names: ["other.example"]`,
	"certificate of an unknown authority": `certificate is signed by an ` +
		`unknown authority, "127.0.0.1"`,
	"TLS handshake hangs": "no good answer within 500ms, still in " +
		"the TLS handshake with ADDR",
	"no TLS where it is expected": "TLS handshake failed: EOF",
}

// TestSickSites gives each sick site the reason of the table that all suites share.
func TestSickSites(t *testing.T) {
	t.Parallel()
	ca := rig.NewCA("Test CA")
	for _, sick := range rig.SickSites(ca, "127.0.0.1") {
		t.Run(sick.Name, func(t *testing.T) {
			t.Parallel()
			scheme, limit := "http://", 5*time.Second
			if sick.TLS {
				scheme = "https://"
			}
			if sick.Reason == string(probe.ReasonTimeout) {
				limit = 500 * time.Millisecond
			}
			target := target(t, scheme+site(t, sick.Behave))
			target.RootCAs = trust(ca)
			got := runWithin(t, target, limit)
			want := strings.ReplaceAll(sickDetails[sick.Name], "ADDR", got.Address)
			if got.Up || string(got.Reason) != sick.Reason || got.Detail != want {
				t.Errorf("got up=%v %q %q\nwant %q %q", got.Up, got.Reason, got.Detail, sick.Reason, want)
			}
		})
	}
}

// TestReasons covers the ways to be up or down that are not in [rig.SickSites].
func TestReasons(t *testing.T) {
	t.Parallel()
	ca := rig.NewCA("Test CA")
	trusted := func(t *probe.Target) { t.RootCAs = trust(ca) }
	acceptAny := func(t *probe.Target) { t.Accept = func(int) bool { return true } }
	plain := func(behave fakesite.Behaviour) string { return "http://" + site(t, behave) }
	answer := func(text string) string { return plain(fakesite.Respond("HTTP/1.1 " + text)) }
	secure := func(config *tls.Config, behave fakesite.Behaviour) string {
		return "https://" + site(t, rig.TLS(config, behave))
	}
	shows := func(cert tls.Certificate) string {
		return secure(&tls.Config{Certificates: []tls.Certificate{cert}}, fakesite.Answer(200))
	}
	tomorrow, lastYear := time.Now().AddDate(0, 0, 1), time.Date(2025, 3, 9, 0, 0, 0, 0, time.UTC)
	nextCentury := time.Date(2100, 3, 9, 0, 0, 0, 0, time.UTC)
	cert := ca.Issue(tomorrow, "127.0.0.1")
	wantsClientCert := &tls.Config{
		Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAnyClientCert,
	}
	// switching changes the protocol, and then sends bytes without end.
	switching := rig.Drip(
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: other\r\nConnection: Upgrade\r\n\r\n",
		"x", 50*time.Millisecond)
	slowBadBody := rig.Drip("HTTP/1.1 500 Odd\r\nContent-Length: 100\r\n\r\n", "x",
		50*time.Millisecond)
	halfHeader := func(conn net.Conn) {
		fakesite.Respond("HTTP/1.1 200 OK\r\nX-")(conn)
		fakesite.Hang(conn)
	}
	const (
		timedOut   = "no good answer within 500ms, still reading the headers from ADDR"
		notHTTP    = "the answer is not HTTP/1.1"
		atHeaders  = ", reading the headers from ADDR"
		closed     = "connection closed without a whole answer"
		chunked    = "200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		badGzip    = "200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 20\r\n\r\nthis is no gzip data"
		twoLengths = "200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nok"
	)

	for name, c := range map[string]struct {
		url    string
		change func(*probe.Target)
		reason probe.Reason
		detail string // ADDR is the address
		status int
	}{
		"200": {url: plain(fakesite.Answer(200)), status: 200},
		"204": {url: answer("204 No Content\r\n\r\n"), status: 204},
		"odd status": {url: answer("999 Odd\r\n\r\n"), reason: probe.ReasonStatus,
			detail: "status 999", status: 999},
		"status 20": {url: answer("020 Odd\r\n\r\n"), change: acceptAny, reason: probe.ReasonProtocol,
			detail: notHTTP + atHeaders},
		"101": {url: plain(switching), reason: probe.ReasonStatus, detail: "status 101",
			status: 101},
		"101, accepted": {url: plain(switching), change: acceptAny, status: 101},
		"no location": {url: answer("302 Found\r\n\r\n"), reason: probe.ReasonStatus,
			detail: "status 302", status: 302},
		"slow bad body": {url: plain(slowBadBody),
			reason: probe.ReasonStatus, detail: "status 500", status: 500},
		"endless body": {url: plain(rig.Drip("HTTP/1.1 200 OK\r\n\r\n", strings.Repeat("x", 4096), 0)),
			status: 200},
		"bad gzip": {url: answer(badGzip), status: 200},

		"refused": {url: "http://" + refusing(t), reason: probe.ReasonRefused,
			detail: "connection refused, connecting to ADDR"},
		"network": {url: "http://255.255.255.255:80", reason: probe.ReasonUnreachable,
			detail: "network is unreachable, connecting to ADDR"},
		"bad name": {url: "http://no..such.host/", reason: probe.ReasonDNS,
			detail: "lookup no..such.host: no such host"},
		"half a header": {url: plain(halfHeader), reason: probe.ReasonTimeout, detail: timedOut},

		"much head": {url: answer("200 OK\r\nX-A: " + strings.Repeat("x", 300<<10) + "\r\n\r\n"),
			reason: probe.ReasonProtocol,
			detail: "more than 262144 bytes of headers, reading the headers from ADDR"},
		"bad chunk": {url: answer(chunked + "zz\r\n"), reason: probe.ReasonProtocol,
			detail: "the body has a bad chunk", status: 200},
		"closed": {url: plain(fakesite.Respond("")), reason: probe.ReasonProtocol,
			detail: closed + ", waiting for an answer from ADDR"},
		"cut headers": {url: answer("200 OK\r\nX-A: b\r\n"), reason: probe.ReasonProtocol,
			detail: closed + atHeaders},
		"bad header": {url: answer("200 OK\r\nno colon\r\n\r\n"), reason: probe.ReasonProtocol,
			detail: notHTTP + " (a header)" + atHeaders},
		"bad header name": {url: answer("200 OK\r\nX\x01: y\r\n\r\nok"), reason: probe.ReasonProtocol,
			detail: notHTTP + " (a header)" + atHeaders},
		"two lengths": {url: answer(twoLengths), reason: probe.ReasonProtocol,
			detail: notHTTP + " (two lengths of the body)" + atHeaders},
		"no number": {url: answer("200 OK\r\nContent-Length: many\r\n\r\nok"),
			reason: probe.ReasonProtocol, detail: notHTTP + " (the length of the body)" + atHeaders},
		"unknown coding": {url: answer("200 OK\r\nTransfer-Encoding: identity\r\n\r\nok"),
			reason: probe.ReasonProtocol, detail: notHTTP + " (Transfer-Encoding)" + atHeaders},
		"no status": {url: answer("2xx OK\r\n\r\nok"), reason: probe.ReasonProtocol,
			detail: notHTTP + " (its first line)" + atHeaders},
		"HTTP/2 as text": {url: plain(fakesite.Respond("HTTP/2.0 200 OK\r\n\r\n")),
			reason: probe.ReasonProtocol, detail: notHTTP + atHeaders},
		"HTTP/2": {url: plain(fakesite.Respond(goAway)), reason: probe.ReasonProtocol,
			detail: notHTTP + " (its first line)" + atHeaders},
		"bad location": {url: answer("302 Found\r\nLocation: http://[::1\r\n\r\n"),
			reason: probe.ReasonRedirect, detail: "redirects to what is no URL"},
		"mail location": {url: answer("302 Found\r\nLocation: mailto:ops@example.com\r\n\r\n"),
			reason: probe.ReasonRedirect, detail: "redirects to what is no http or https URL"},

		"good TLS": {url: shows(cert), change: trusted, status: 200},
		"unknown CA": {url: shows(cert), reason: probe.ReasonTLSUnknown,
			detail: `certificate is signed by an unknown authority, "Test CA"`},
		"unverified": {url: shows(ca.Issue(lastYear, "other")),
			change: func(t *probe.Target) { t.SkipVerify = true }, status: 200},
		"not yet": {url: shows(ca.Issue(nextCentury, "127.0.0.1")), change: trusted,
			reason: probe.ReasonTLSExpired,
			detail: "certificate is not valid before 2100-02-09, and the monitor's clock says " +
				time.Now().UTC().Format(time.DateOnly)},
		"HTTP on TLS": {url: strings.Replace(handler(t, http.NotFound), "http", "https", 1),
			reason: probe.ReasonTLS, detail: "the URL says https, and no TLS is spoken there"},
		"wants client certificate": {url: secure(wantsClientCert, fakesite.Hang), change: trusted,
			reason: probe.ReasonTLS,
			detail: "TLS handshake failed: remote error: tls: certificate required"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target, limit := target(t, c.url), 5*time.Second
			if c.reason == probe.ReasonTimeout {
				limit = 500 * time.Millisecond
			}
			if c.change != nil {
				c.change(&target)
			}
			got := runWithin(t, target, limit)
			detail := c.detail
			if got.Address != "" {
				detail = strings.ReplaceAll(detail, "ADDR", got.Address)
			}
			if got.Up != (c.reason == "") || got.Reason != c.reason || got.Detail != detail ||
				got.Status != c.status {
				t.Errorf("got up=%v %q %q %d\nwant %q %q %d", got.Up, got.Reason, got.Detail, got.Status,
					c.reason, detail, c.status)
			}
		})
	}
}

// TestCertificateNamesAreQuoted: a site chooses them, and they may hold terminal control
// characters.
func TestCertificateNamesAreQuoted(t *testing.T) {
	t.Parallel()
	cert, pem := rig.SelfSigned(time.Now().AddDate(0, 0, 1), "\x1b[31mevil")
	config := &tls.Config{Certificates: []tls.Certificate{cert}}
	target := target(t, "https://"+site(t, rig.TLS(config, fakesite.Answer(200))))
	target.RootCAs = trust(&rig.CA{PEM: pem})
	if got := run(t, target); got.Up || strings.Contains(got.Detail, "\x1b") {
		t.Errorf("got %q %q", got.Reason, got.Detail)
	}
}

// TestCertificateExpiry finds the expiry of a good certificate and of one that fails the check. It
// is the site's own, not that of a redirect's target.
func TestCertificateExpiry(t *testing.T) {
	t.Parallel()
	ca := rig.NewCA("Test CA")
	lastYear := time.Date(2025, 3, 9, 0, 0, 0, 0, time.UTC)
	nextYear := time.Date(2099, 3, 9, 0, 0, 0, 0, time.UTC)
	secure := func(notAfter time.Time, behave fakesite.Behaviour) string {
		cert := ca.Issue(notAfter, "127.0.0.1")
		return "https://" +
			site(t, rig.TLS(&tls.Config{Certificates: []tls.Certificate{cert}}, behave))
	}
	elsewhere := secure(nextYear, fakesite.Answer(200))
	for name, c := range map[string]struct {
		url  string
		skip bool
		want time.Time
	}{
		"good":       {secure(nextYear, fakesite.Answer(200)), true, nextYear},
		"expired":    {secure(lastYear, fakesite.Answer(200)), false, lastYear},
		"unverified": {secure(lastYear, fakesite.Answer(200)), true, lastYear},
		"redirected": {
			secure(lastYear, fakesite.Respond("HTTP/1.1 302 Found\r\nLocation: "+elsewhere+"\r\n\r\n")),
			true,
			lastYear},
		"plain": {"http://" + site(t, fakesite.Answer(200)), false, time.Time{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target := target(t, c.url)
			target.SkipVerify = c.skip
			if got := run(t, target); !got.CertNotAfter.Equal(c.want) {
				t.Errorf("got %v, want %v", got.CertNotAfter, c.want)
			}
		})
	}
}
