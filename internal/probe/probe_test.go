package probe_test

import (
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"failover-monitor/internal/e2e/rig"
	"failover-monitor/internal/fakesite"
	"failover-monitor/internal/probe"
)

// target is a healthy site's, probed with the predecessor's defaults.
func target(t *testing.T, rawURL string) probe.Target {
	t.Helper()
	u, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	return probe.Target{URL: u, Method: "GET", Accept: func(status int) bool {
		return status/100 == 2
	}, UserAgent: "failover-monitor/test"}
}

func site(t *testing.T, behave fakesite.Behaviour) string {
	t.Helper()
	s, err := fakesite.Start("127.0.0.1:0", behave)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s.Address()
}

func handler(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func run(t *testing.T, target probe.Target) probe.Result {
	t.Helper()
	return runWithin(t, target, 5*time.Second)
}

func runWithin(t *testing.T, target probe.Target, limit time.Duration) probe.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	result, err := probe.New(target).Probe(ctx)
	if err != nil {
		t.Fatalf("probe: %v", err)
	}
	if result.Duration > limit+time.Second {
		t.Errorf("took %v, want it over by %v", result.Duration, limit)
	}
	return result
}

// trust is a CA bundle.
func trust(ca *rig.CA) func() (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca.PEM)
	return func() (*x509.CertPool, error) { return pool, nil }
}

// refusing is an address that is taken, and where nobody listens.
func refusing(t *testing.T) string {
	t.Helper()
	socket, address, err := rig.Bound()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(socket) })
	return address
}

// goAway is what an HTTP/2 peer says that wants no more requests: an empty SETTINGS frame and
// GOAWAY.
const goAway = "\x00\x00\x00\x04\x00\x00\x00\x00\x00" + "\x00\x00\x08\x07\x00\x00\x00\x00\x00" +
	"\x00\x00\x00\x00\x00\x00\x00\x00"

func TestReasons(t *testing.T) {
	t.Parallel()
	ca := rig.NewCA("Test CA")
	trusted := trust(ca)
	secure := func(cert tls.Certificate) fakesite.Behaviour {
		return rig.TLS(&tls.Config{Certificates: []tls.Certificate{cert}}, fakesite.Answer(200))
	}
	acceptAny := func(t *probe.Target) { t.Accept = func(int) bool { return true } }
	switching := func(conn net.Conn) { // and goes on for ever
		rig.Drip("HTTP/1.1 101 Switching Protocols\r\nUpgrade: other\r\nConnection: Upgrade\r\n\r\n", "x",
			50*time.Millisecond)(conn)
	}
	tomorrow, lastYear := time.Now().AddDate(0, 0, 1), time.Date(2025, 3, 9, 0, 0, 0, 0, time.UTC)
	ok := "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"

	for name, c := range map[string]struct {
		url    string
		change func(*probe.Target)
		reason probe.Reason
		detail string // ADDR stands for the address
		status int
	}{
		"200": {url: "http://" + site(t, fakesite.Answer(200)), status: 200},
		"204": {url: "http://" + site(t, fakesite.Respond("HTTP/1.1 204 No Content\r\n\r\n")),
			status: 204},
		"503": {url: "http://" + site(t, fakesite.Answer(503)), reason: probe.ReasonStatus,
			detail: "status 503", status: 503},
		"odd status": {url: "http://" + site(t, fakesite.Respond("HTTP/1.1 999 Odd\r\n\r\n")),
			reason: probe.ReasonStatus, detail: "status 999", status: 999},
		"status 20": {url: "http://" + site(t, fakesite.Respond("HTTP/1.1 020 Odd\r\n\r\n")),
			change: acceptAny, reason: probe.ReasonProtocol,
			detail: "the answer is not HTTP/1.1, reading the headers from ADDR"},
		"101": {url: "http://" + site(t, switching), reason: probe.ReasonStatus,
			detail: "status 101", status: 101},
		"101 is well": {url: "http://" + site(t, switching), change: acceptAny, status: 101},
		"refused": {url: "http://" + refusing(t), reason: probe.ReasonRefused,
			detail: "connection refused, connecting to ADDR"},
		"reset": {url: "http://" + site(t, rig.Reset), reason: probe.ReasonReset,
			detail: "connection reset, waiting for an answer from ADDR"},
		"hang": {url: "http://" + site(t, fakesite.Hang), reason: probe.ReasonTimeout,
			detail: "no good answer within 500ms, still waiting for an answer from ADDR"},
		"hang in TLS": {url: "https://" + site(t, fakesite.Hang), reason: probe.ReasonTimeout,
			detail: "no good answer within 500ms, still in the TLS handshake with ADDR"},
		"slow headers": {url: "http://" +
			site(t, rig.Drip("HTTP/1.1 200 OK\r\n", "X-A: b\r\n", 50*time.Millisecond)),
			reason: probe.ReasonTimeout,
			detail: "no good answer within 500ms, still reading the headers from ADDR"},
		"half a header": {url: "http://" + site(t, func(conn net.Conn) {
			fakesite.Respond("HTTP/1.1 200 OK\r\nX-")(conn)
			fakesite.Hang(conn)
		}), reason: probe.ReasonTimeout,
			detail: "no good answer within 500ms, still reading the headers from ADDR"},
		"slow body": {url: "http://" + site(t, rig.Drip(ok, "x", 50*time.Millisecond)),
			reason: probe.ReasonTimeout,
			detail: "no good answer within 500ms, still reading the body from ADDR", status: 200},
		"slow bad body": {url: "http://" +
			site(t, rig.Drip(strings.Replace(ok, "200", "500", 1), "x", 50*time.Millisecond)),
			reason: probe.ReasonStatus, detail: "status 500", status: 500},
		"endless body": {url: "http://" +
			site(t, rig.Drip("HTTP/1.1 200 OK\r\n\r\n", strings.Repeat("x", 4096), 0)), status: 200},
		"endless head": {url: "http://" +
			site(t, rig.Drip("HTTP/1.1 200 OK\r\n", "X-A: "+strings.Repeat("x", 4096)+"\r\n", 0)),
			reason: probe.ReasonProtocol,
			detail: "more than 262144 bytes of headers, reading the headers from ADDR"},
		"much head": {url: "http://" +
			site(t, fakesite.Respond("HTTP/1.1 200 OK\r\nX-A: "+strings.Repeat("x", 300<<10)+"\r\n\r\n")),
			reason: probe.ReasonProtocol,
			detail: "more than 262144 bytes of headers, reading the headers from ADDR"},
		"cut body": {url: "http://" + site(t, fakesite.Respond(ok+"x")),
			reason: probe.ReasonProtocol, detail: "the body breaks off", status: 200},
		"bad chunk": {url: "http://" +
			site(t, fakesite.Respond("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")),
			reason: probe.ReasonProtocol, detail: "the body has a bad chunk", status: 200},
		"bad gzip": {url: "http://" +
			site(t,
				fakesite.Respond(
					"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 20\r\n\r\nthis is no gzip data")),
			status: 200},
		"closed": {url: "http://" + site(t, fakesite.Respond("")), reason: probe.ReasonProtocol,
			detail: "connection closed without a whole answer, waiting for an answer from ADDR"},
		"cut headers": {url: "http://" + site(t, fakesite.Respond("HTTP/1.1 200 OK\r\nX-A: b\r\n")),
			reason: probe.ReasonProtocol,
			detail: "connection closed without a whole answer, reading the headers from ADDR"},
		"not HTTP": {url: "http://" + site(t, fakesite.Respond("SSH-2.0-OpenSSH_9.2\r\n")),
			reason: probe.ReasonProtocol,
			detail: "the answer is not HTTP/1.1 (its first line), reading the headers from ADDR"},
		"bad header": {url: "http://" +
			site(t, fakesite.Respond("HTTP/1.1 200 OK\r\nno colon\r\n\r\n")), reason: probe.ReasonProtocol,
			detail: "the answer is not HTTP/1.1 (a header), reading the headers from ADDR"},
		"HTTP/2 as text": {url: "http://" + site(t, fakesite.Respond("HTTP/2.0 200 OK\r\n\r\n")),
			reason: probe.ReasonProtocol,
			detail: "the answer is not HTTP/1.1, reading the headers from ADDR"},
		"HTTP/2": {url: "http://" + site(t, fakesite.Respond(goAway)),
			reason: probe.ReasonProtocol,
			detail: "the answer is not HTTP/1.1 (its first line), reading the headers from ADDR"},
		"bad location": {url: "http://" +
			site(t, fakesite.Respond("HTTP/1.1 302 Found\r\nLocation: http://[::1\r\n\r\n")),
			reason: probe.ReasonRedirect, detail: "redirects to what is no URL"},
		"mail location": {url: "http://" +
			site(t, fakesite.Respond("HTTP/1.1 302 Found\r\nLocation: mailto:ops@example.com\r\n\r\n")),
			reason: probe.ReasonRedirect, detail: "redirects to what is no http or https URL"},
		"no location": {url: "http://" + site(t, fakesite.Respond("HTTP/1.1 302 Found\r\n\r\n")),
			reason: probe.ReasonStatus, detail: "status 302", status: 302},
		"bad name": {url: "http://no..such.host/", reason: probe.ReasonDNS,
			detail: "lookup no..such.host: no such host"},
		"no route": {url: "http://127.0.0.1:0", reason: probe.ReasonRefused,
			detail: "connection refused, connecting to ADDR"},
		"network": {url: "http://255.255.255.255:80", reason: probe.ReasonUnreachable,
			detail: "network is unreachable, connecting to ADDR"},
		"good TLS": {url: "https://" + site(t, secure(ca.Issue(tomorrow, "127.0.0.1"))), status: 200,
			change: func(t *probe.Target) { t.RootCAs = trusted }},
		"unknown CA": {url: "https://" + site(t, secure(ca.Issue(tomorrow, "127.0.0.1"))),
			reason: probe.ReasonTLSUnknown,
			detail: `certificate is signed by an unknown authority, "Test CA"`},
		"unverified": {url: "https://" + site(t, secure(ca.Issue(lastYear, "other"))), status: 200,
			change: func(t *probe.Target) { t.SkipVerify = true }},
		"expired": {url: "https://" + site(t, secure(ca.Issue(lastYear, "127.0.0.1"))),
			change: func(t *probe.Target) { t.RootCAs = trusted }, reason: probe.ReasonTLSExpired,
			detail: "certificate expired on 2025-03-09"},
		"not yet": {url: "https://" +
			site(t, secure(ca.Issue(time.Date(2100, 3, 9, 0, 0, 0, 0, time.UTC), "127.0.0.1"))),
			change: func(t *probe.Target) { t.RootCAs = trusted }, reason: probe.ReasonTLSExpired,
			detail: "certificate is not valid before 2100-02-09, and the monitor's clock says " +
				time.Now().UTC().Format(time.DateOnly)},
		"wrong name": {url: "https://" + site(t, secure(ca.Issue(tomorrow, "other.example", "10.0.0.1"))),
			change: func(t *probe.Target) { t.RootCAs = trusted }, reason: probe.ReasonTLSName,
			detail: `certificate is for other names: ["other.example" "10.0.0.1"]`},
		"plain on TLS": {url: strings.Replace(handler(t, func(http.ResponseWriter, *http.Request) {}),
			"http", "https", 1),
			reason: probe.ReasonTLS, detail: "the URL says https, and no TLS is spoken there"},
		"SSH on TLS": {url: "https://" + site(t, func(conn net.Conn) {
			io.WriteString(conn, "SSH-2.0-OpenSSH_9.2\r\n")
			fakesite.Hang(conn)
		}),
			reason: probe.ReasonTLS, detail: "the URL says https, and no TLS is spoken there"},
		"no TLS": {url: "https://" + site(t, fakesite.Respond("")), reason: probe.ReasonTLS,
			detail: "TLS handshake failed: EOF"},
		"HTTP/2 on TLS": {url: "https://" +
			site(t,
				rig.TLS(&tls.Config{Certificates: []tls.Certificate{ca.Issue(tomorrow, "127.0.0.1")},
					NextProtos: []string{"h2"}}, fakesite.Respond(goAway))),
			change: func(t *probe.Target) { t.RootCAs = trusted }, reason: probe.ReasonProtocol,
			detail: "the answer is not HTTP/1.1 (its first line), reading the headers from ADDR"},
		"wants client certificate": {url: "https://" +
			site(t,
				rig.TLS(&tls.Config{Certificates: []tls.Certificate{ca.Issue(tomorrow, "127.0.0.1")},
					ClientAuth: tls.RequireAnyClientCert}, fakesite.Hang)),
			change: func(t *probe.Target) { t.RootCAs = trusted }, reason: probe.ReasonTLS,
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

// text is the value of a header.
func text(value string) func() (string, error) {
	return func() (string, error) { return value, nil }
}

// seen is what a site was asked.
type seen struct{ Host, Authorization, Token, Referer, UserAgent string }

// recorder is a site that notes what it is asked and then answers.
func recorder(t *testing.T, into *seen, answer http.HandlerFunc) string {
	return handler(t, func(w http.ResponseWriter, r *http.Request) {
		*into = seen{r.Host, r.Header.Get("Authorization"), r.Header.Get("X-Token"),
			r.Header.Get("Referer"), r.UserAgent()}
		answer(w, r)
	})
}

func TestCredentialsStayAtHome(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		key, val, userinfo string
		home, away         seen // Host and UserAgent are left out where they are as usual
	}{
		"authorization": {key: "Authorization", val: "Bearer x", home: seen{Authorization: "Bearer x"}},
		"referer":       {key: "Referer", val: "https://x", home: seen{Referer: "https://x"}},
		"custom header": {key: "X-Token", val: "x", home: seen{Token: "x"}},
		"user info":     {userinfo: "user:pw@", home: seen{Authorization: "Basic dXNlcjpwdw=="}},
		"both": {key: "X-Token", val: "x", userinfo: "user:pw@",
			home: seen{Token: "x", Authorization: "Basic dXNlcjpwdw=="}},
		"user info wins": {key: "Authorization", val: "Bearer x", userinfo: "user:pw@",
			home: seen{Authorization: "Basic dXNlcjpwdw=="}},
		"host":       {key: "Host", val: "app.example.com", home: seen{Host: "app.example.com"}},
		"user agent": {key: "User-Agent", val: "secret", home: seen{UserAgent: "secret"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var home, away seen
			awayURL := recorder(t, &away, func(http.ResponseWriter, *http.Request) {})
			homeURL := ""
			mux := http.NewServeMux()
			mux.HandleFunc("/there", func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, awayURL, http.StatusFound)
			})
			mux.HandleFunc("/protocol-relative", func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, strings.TrimPrefix(awayURL, "http:"), http.StatusFound)
			})
			mux.HandleFunc("/relative", func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "end", http.StatusFound)
			})
			mux.HandleFunc("/absolute", func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, homeURL+"/end", http.StatusFound)
			})
			mux.HandleFunc("/end", func(http.ResponseWriter, *http.Request) {})
			homeURL = recorder(t, &home, mux.ServeHTTP)

			wantHome, wantAway := c.home, c.away
			for _, w := range []struct {
				want *seen
				url  string
			}{{&wantHome, homeURL}, {&wantAway, awayURL}} {
				if w.want.Host == "" {
					w.want.Host = strings.TrimPrefix(w.url, "http://")
				}
				if w.want.UserAgent == "" {
					w.want.UserAgent = "failover-monitor/test"
				}
			}
			for _, path := range []string{"/there", "/protocol-relative", "/relative", "/absolute"} {
				target := target(t, strings.Replace(homeURL, "://", "://"+c.userinfo, 1)+path+"?token=secret")
				target.HeaderKey, target.HeaderVal = c.key, text(c.val)
				if got := run(t, target); !got.Up {
					t.Errorf("%s: %s %s", path, got.Reason, got.Detail)
				}
				if home != wantHome {
					t.Errorf("%s: home got %+v, want %+v", path, home, wantHome)
				}
			}
			if away != wantAway {
				t.Errorf("away got %+v, want %+v", away, wantAway)
			}
		})
	}
}

func TestRedirects(t *testing.T) {
	t.Parallel()
	hops := func(n int) string { // a chain of n redirects on one site
		return handler(t, func(w http.ResponseWriter, r *http.Request) {
			if len(r.URL.Path) <= n {
				http.Redirect(w, r, r.URL.Path+"x", http.StatusMovedPermanently)
			}
		}) + "/"
	}
	elsewhere := handler(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, strings.Replace(hops(0), "127.0.0.1", "localhost", 1), http.StatusFound)
	})
	localhost := strings.Replace(handler(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			http.Redirect(w, r, "http://localhost:"+r.Host[strings.LastIndexByte(r.Host, ':')+1:]+"/end",
				http.StatusFound)
		}
	}), "127.0.0.1", "localhost", 1) + "/"
	otherPort := handler(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, hops(0), http.StatusFound)
	})
	downThere := handler(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://"+site(t, fakesite.Answer(503))+"/deep?secret", http.StatusFound)
	})
	for name, c := range map[string]struct {
		url, method string
		follow      probe.Redirects
		reason      probe.Reason
		detail      string
		status      int
	}{
		"GET follows":     {url: hops(1), method: "GET", status: 200},
		"GET follows ten": {url: hops(10), method: "GET", status: 200},
		"and no more": {url: hops(11), method: "GET", reason: probe.ReasonRedirect,
			detail: "more than 10 redirects"},
		"HEAD does not": {url: hops(1), method: "HEAD", reason: probe.ReasonStatus,
			detail: "status 301", status: 301},
		"HEAD, always": {url: hops(1), method: "HEAD", follow: probe.Always, status: 200},
		"OPTIONS does not": {url: hops(1), method: "OPTIONS", reason: probe.ReasonStatus,
			detail: "status 301", status: 301},
		"POST does not": {url: hops(1), method: "POST", reason: probe.ReasonStatus,
			detail: "status 301", status: 301},
		"GET, never": {url: hops(1), method: "GET", follow: probe.Never,
			reason: probe.ReasonStatus, detail: "status 301", status: 301},
		"same-host, same": {url: hops(2), method: "GET", follow: probe.SameHost, status: 200},
		"same-host, other": {url: elsewhere, method: "GET", follow: probe.SameHost,
			reason: probe.ReasonRedirect, detail: "redirects to another host"},
		"same-host, upper case": {url: strings.Replace(localhost, "localhost", "LOCALHOST", 1),
			method: "GET", follow: probe.SameHost, status: 200},
		"same-host, other port": {url: otherPort, method: "GET", follow: probe.SameHost, status: 200},
		"always, other":         {url: elsewhere, method: "GET", follow: probe.Always, status: 200},
		"where it ends is named": {url: downThere, method: "GET", reason: probe.ReasonStatus,
			detail: "status 503 from 127.0.0.1:", status: 503},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target := target(t, c.url)
			target.Method, target.FollowRedirects = c.method, c.follow
			got := run(t, target)
			if got.Reason != c.reason || !strings.HasPrefix(got.Detail, c.detail) ||
				got.Status != c.status || strings.Contains(got.Detail, "secret") ||
				strings.Contains(got.Detail, "after a redirect") != (name == "where it ends is named") {
				t.Errorf("got %q %q %d, want %q %q %d", got.Reason, got.Detail, got.Status, c.reason, c.detail,
					c.status)
			}
		})
	}
}

// TestCookieOfARedirect is a site that asks for a cookie it has just set, as login pages do.
func TestCookieOfARedirect(t *testing.T) {
	t.Parallel()
	prober := probe.New(target(t, handler(t, func(w http.ResponseWriter, r *http.Request) {
		if cookies := r.Cookies(); len(cookies) == 0 {
			http.SetCookie(w, &http.Cookie{Name: "seen", Value: "1"})
			http.Redirect(w, r, "/", http.StatusFound)
		} else if r.URL.Path == "/first" {
			t.Error("a cookie of an earlier probe")
		}
	})+"/first"))
	for range 2 {
		if got, err := prober.Probe(t.Context()); err != nil || !got.Up {
			t.Errorf("got %+v, %v; want up", got, err)
		}
	}
}

// TestEndsWhatItBegan looks from the site's side: whatever a probe was doing when its time was up,
// its connection is gone soon after. Go's transport would leave a handshake running.
func TestEndsWhatItBegan(t *testing.T) {
	t.Parallel()
	for _, scheme := range []string{"http", "https"} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			gone := make(chan struct{})
			address := site(t, func(conn net.Conn) {
				fakesite.Hang(conn)
				close(gone)
			})
			if got := runWithin(t, target(t, scheme+"://"+address),
				100*time.Millisecond); got.Reason != probe.ReasonTimeout {
				t.Errorf("got %q, want timeout", got.Reason)
			}
			select {
			case <-gone:
			case <-time.After(5 * time.Second):
				t.Error("the connection is still open")
			}
		})
	}
}

func TestOneConnectionForEachProbe(t *testing.T) {
	t.Parallel()
	var connections atomic.Int32
	prober := probe.New(target(t, "http://"+site(t, func(conn net.Conn) {
		connections.Add(1)
		fakesite.Respond(goAway)(conn)
	})))
	for want := range int32(3) {
		if _, err := prober.Probe(t.Context()); err != nil || connections.Load() != want+1 {
			t.Errorf("%d connections, %v; want %d", connections.Load(), err, want+1)
		}
	}
}

// TestClosesAtOnce closes the connection before, or while, the request is written: whichever it is,
// it is a reset or broken HTTP, and neither unreachable nor TLS.
func TestClosesAtOnce(t *testing.T) {
	t.Parallel()
	cert, _ := rig.SelfSigned(time.Now().AddDate(0, 0, 1), "127.0.0.1")
	for name, url := range map[string]string{
		"accepts": "http://" + site(t, func(net.Conn) {}),
		"speaks first": "http://" + site(t, func(conn net.Conn) {
			io.WriteString(conn, "SSH-2.0-OpenSSH_9.2\r\n")
		}),
		"shakes hands": "https://" +
			site(t, rig.TLS(&tls.Config{Certificates: []tls.Certificate{cert}}, func(net.Conn) {})),
		"hangs, and then": "http://" + site(t, func(conn net.Conn) { conn.Read(make([]byte, 1)) }),
	} {
		target := target(t, url)
		target.SkipVerify = true
		prober := probe.New(target)
		for range 100 {
			got, err := prober.Probe(t.Context())
			if err != nil || got.Reason != probe.ReasonReset && got.Reason != probe.ReasonProtocol ||
				strings.Contains(got.Detail, "%!") {
				t.Fatalf("%s: got %q %q, %v; want reset or protocol", name, got.Reason, got.Detail, err)
			}
		}
	}
}

// TestCertificateNames are a peer's words: they reach a terminal only in quotes.
func TestCertificateNames(t *testing.T) {
	t.Parallel()
	cert, pem := rig.SelfSigned(time.Now().AddDate(0, 0, 1), "\x1b[31mevil")
	target := target(t,
		"https://"+site(t, rig.TLS(&tls.Config{Certificates: []tls.Certificate{cert}},
			fakesite.Answer(200))))
	target.RootCAs = trust(&rig.CA{PEM: pem})
	if got := run(t, target); got.Up || strings.Contains(got.Detail, "\x1b") {
		t.Errorf("got %q %q", got.Reason, got.Detail)
	}
}

func TestAsksToClose(t *testing.T) {
	t.Parallel()
	url := handler(t, func(w http.ResponseWriter, r *http.Request) {
		if !r.Close {
			w.WriteHeader(http.StatusBadRequest)
		}
	})
	if got := run(t, target(t, url)); !got.Up {
		t.Error("the request does not say Connection: close")
	}
}

func TestCutOffIsNoResult(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("told to stop")
	prober := probe.New(target(t, "http://"+site(t, func(conn net.Conn) {
		cancel(stopped)
		fakesite.Hang(conn)
	})))
	if got, err := prober.Probe(ctx); !errors.Is(err, stopped) || got != (probe.Result{}) {
		t.Errorf("got %+v, %v; want no result and the cause", got, err)
	}
}

// TestBodyLimit has a body without end that is small on the wire, and looks into it.
func TestBodyLimit(t *testing.T) {
	t.Parallel()
	url := handler(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		packed := gzip.NewWriter(w)
		for zeros := make([]byte, 32<<10); ; {
			packed.Write(zeros)
			if packed.Flush() != nil || http.NewResponseController(w).Flush() != nil {
				return // the prober has hung up
			}
		}
	})
	target := target(t, url)
	target.ExpectBody = regexp.MustCompile("^\x00+$")
	if got := run(t, target); !got.Up {
		t.Errorf("got %q %q, want up", got.Reason, got.Detail)
	}
}

// TestEchoKeepsSecrets is a peer that sends back all it was sent, which Go's errors would quote.
func TestEchoKeepsSecrets(t *testing.T) {
	t.Parallel()
	echo := func(start string) fakesite.Behaviour {
		return func(conn net.Conn) {
			head := make([]byte, 4096)
			n, _ := conn.Read(head)
			io.WriteString(conn, start+string(head[:n]))
		}
	}
	for name, start := range map[string]string{
		"status line": "", "header": "HTTP/1.1 200 OK\r\n",
		"location":      "HTTP/1.1 302 Found\r\nLocation: http://[",
		"redirect host": "HTTP/1.1 302 Found\r\nLocation: http://geheim..no.such.host/\r\n\r\n",
		"status":        "HTTP/1.1 2x", "length": "HTTP/1.1 200 OK\r\nContent-Length: ",
		"coding": "HTTP/1.1 200 OK\r\nTransfer-Encoding: ",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target := target(t, "http://geheim:geheim@"+site(t, echo(start))+"/x?geheim")
			target.HeaderKey, target.HeaderVal = "X-Token", text("geheim")
			got := run(t, target)
			if got.Up || got.Detail == "" || strings.Contains(got.Detail+got.RedirectedTo, "geheim") ||
				strings.Contains(got.Detail, "Z2VoZWlt") {
				t.Errorf("got up=%v %q, want down without a secret", got.Up, got.Detail)
			}
		})
	}
	// And a certificate that has it in its names, a host that it redirects to, and answers for it.
	cert, _ := rig.SelfSigned(time.Now().AddDate(0, 0, 1), "geheim.example.com")
	elsewhere := handler(t, func(http.ResponseWriter, *http.Request) {})
	for name, behave := range map[string]fakesite.Behaviour{
		"certificate": rig.TLS(&tls.Config{Certificates: []tls.Certificate{cert}}, fakesite.Answer(200)),
		"redirect": fakesite.Respond("HTTP/1.1 302 Found\r\nLocation: " +
			strings.Replace(elsewhere, "127.0.0.1", "GEHEIM.127.0.0.1", 1) + "\r\n\r\n"),
	} {
		target := target(t, "http://"+site(t, behave))
		if name == "certificate" {
			target.URL.Scheme = "https"
			target.RootCAs = trust(&rig.CA{PEM: nil})
		}
		target.HeaderKey, target.HeaderVal = "X-Token", text("geheim")
		if got := run(t, target); got.Up ||
			strings.Contains(strings.ToLower(got.Detail+got.RedirectedTo), "geheim") ||
			!strings.Contains(got.Detail, "***") {
			t.Errorf("%s: got %q, %q", name, got.Detail, got.RedirectedTo)
		}
	}
}

// TestCertificateExpiry is known of a good certificate, and of one that fails the check; and it is
// the site's own, not that of where it redirects to.
func TestCertificateExpiry(t *testing.T) {
	t.Parallel()
	ca := rig.NewCA("Test CA")
	lastYear, nextYear := time.Date(2025, 3, 9, 0, 0, 0, 0, time.UTC), time.Date(2099, 3, 9, 0, 0, 0,
		0, time.UTC)
	secure := func(notAfter time.Time, behave fakesite.Behaviour) string {
		return "https://" +
			site(t, rig.TLS(&tls.Config{Certificates: []tls.Certificate{ca.Issue(notAfter, "127.0.0.1")}},
				behave))
	}
	away := secure(nextYear, fakesite.Answer(200))
	for name, c := range map[string]struct {
		url  string
		skip bool
		want time.Time
	}{
		"good":       {secure(nextYear, fakesite.Answer(200)), true, nextYear},
		"expired":    {secure(lastYear, fakesite.Answer(200)), false, lastYear},
		"unverified": {secure(lastYear, fakesite.Answer(200)), true, lastYear},
		"redirected": {
			secure(lastYear, fakesite.Respond("HTTP/1.1 302 Found\r\nLocation: "+away+"\r\n\r\n")), true,
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

func TestSteps(t *testing.T) {
	t.Parallel()
	ca := rig.NewCA("Test CA")
	address := site(t,
		rig.TLS(
			&tls.Config{Certificates: []tls.Certificate{ca.Issue(time.Now().AddDate(0, 0, 1), "localhost")}},
			fakesite.Answer(200)))
	target := target(t, "https://"+strings.Replace(address, "127.0.0.1", "localhost", 1))
	target.SkipVerify = true
	got := run(t, target)
	if got.DNS <= 0 || got.Connect <= 0 || got.TLS <= 0 || got.FirstByte <= 0 ||
		got.DNS+got.Connect+got.TLS+got.FirstByte > got.Duration {
		t.Errorf("steps %v %v %v %v of %v, want each over zero and no more than the whole", got.DNS,
			got.Connect, got.TLS, got.FirstByte, got.Duration)
	}
	if got.Address != address || got.Began.IsZero() {
		t.Errorf("address %q, began %v; want %q and a time", got.Address, got.Began, address)
	}
}
