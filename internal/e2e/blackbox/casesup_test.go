package blackbox

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/tls"
	bytesorder "encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"failover-monitor/internal/e2e/rig"
	"failover-monitor/internal/fakesite"
)

// gzipped is an answer with bytes after the compressed stream.
func gzipped(text, behind string) string {
	var body bytes.Buffer
	zip := gzip.NewWriter(&body)
	io.WriteString(zip, text)
	zip.Close()
	body.WriteString(behind)
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s",
		body.Len(), body.String())
}

// oneSegment is a middlebox that stalls when a ClientHello does not fit into one segment.
func oneSegment(behave fakesite.Behaviour) fakesite.Behaviour {
	return func(conn net.Conn) {
		reader := bufio.NewReaderSize(conn, 1<<14)
		head, err := reader.Peek(5)
		if err == nil && 5+bytesorder.BigEndian.Uint16(head[3:]) <= 1400 {
			behave(peeked{conn, reader})
			return
		}
		fakesite.Hang(conn)
	}
}

// peeked is a connection of which something was read already.
type peeked struct {
	net.Conn
	reader *bufio.Reader
}

func (p peeked) Read(b []byte) (int, error) { return p.reader.Read(b) }

// atOnce answers without reading the request, and closes, as nc, xinetd and keepalived do.
func atOnce(conn net.Conn) {
	io.WriteString(conn, "HTTP/1.0 200 OK\r\n\r\nok\n")
}

func TestHealthySitesAreUp(t *testing.T) {
	t.Parallel()
	selfSigned, selfSignedPEM := rig.SelfSigned(time.Now().AddDate(0, 0, 1), "127.0.0.1", "name.test")
	ecdsaOnly := &tls.Config{Certificates: []tls.Certificate{selfSigned}}
	oneSuite := func(cert tls.Certificate, suite uint16) *tls.Config {
		return &tls.Config{Certificates: []tls.Certificate{cert}, CipherSuites: []uint16{suite},
			MaxVersion: tls.VersionTLS12}
	}
	withALPN := &tls.Config{Certificates: []tls.Certificate{selfSigned},
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			if len(hello.SupportedProtos) == 0 {
				return nil, fmt.Errorf("no ALPN")
			}
			return nil, nil
		}}
	rsaCert := rsaCertificate(t)
	negative, negativePEM := negativeSerial(t)
	noVerify := "VERIFY_TLS=false"
	upgrade := func(t *testing.T, like func(*http.Request) bool) []string {
		tlsSite := site(t, rig.TLS(ecdsaOnly, func(conn net.Conn) {
			if r, err := http.ReadRequest(bufio.NewReader(conn)); err == nil && like(r) {
				io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
			} else {
				io.WriteString(conn, "HTTP/1.1 401 Unauthorized\r\n\r\n")
			}
		}))
		return append(proxied(t, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://name.test/", http.StatusMovedPermanently)
		}, tlsSite), noVerify)
	}
	cookie := func(line, back string) func(*testing.T) string {
		return func(t *testing.T) string {
			return "http://" + web(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Cookie") != back {
					w.Header()["Set-Cookie"] = []string{line}
					http.Redirect(w, r, "/again", http.StatusFound)
				}
			})
		}
	}
	plain := func(handler http.HandlerFunc) func(*testing.T) string {
		return func(t *testing.T) string { return "http://" + web(t, handler) }
	}
	raw := func(behave fakesite.Behaviour) func(*testing.T) string {
		return func(t *testing.T) string { return "http://" + site(t, behave) }
	}
	body := func(text string) func(*testing.T) string {
		return plain(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, text) })
	}
	tlsURL := func(config *tls.Config, behave fakesite.Behaviour) func(*testing.T) string {
		return func(t *testing.T) string { return secured(t, config, behave) }
	}
	accepts := func(want string) http.HandlerFunc {
		return when(func(r *http.Request) bool { return r.Header.Get("Accept") == want })
	}
	host := func(name string) func(*testing.T) []string {
		return func(t *testing.T) []string {
			return proxied(t, when(func(r *http.Request) bool { return r.Host == name }), "")
		}
	}
	for name, c := range map[string]struct {
		url     func(*testing.T) string
		fixed   string // in place of url
		environ []string
		more    func(*testing.T) []string
	}{
		"A1 no Accept, no answer": {url: plain(accepts("*/*"))},
		"A1 an Accept of the settings": {url: plain(accepts("application/json")),
			environ: []string{"EXTRA_HEADER_KEY=accept", "EXTRA_HEADER_VAL=application/json"}},
		"A1 after a redirect": {url: func(t *testing.T) string {
			return "http://" + redirect(t, "http://"+web(t, accepts("*/*")))
		}},
		"A2 the default port": {fixed: "http://Name.Test:80/healthz", more: host("name.test")},
		"A2 another port": {fixed: "http://NAME.test:08080/healthz",
			more: host("name.test:8080")},
		"A2 a default port of IPv6": {fixed: "http://[2001:DB8::1]:80/", more: host("[2001:db8::1]")},
		"A2 the host of the settings": {
			url:     plain(when(func(r *http.Request) bool { return r.Host == "App.test:80" })),
			environ: []string{"EXTRA_HEADER_KEY=Host", "EXTRA_HEADER_VAL=App.test:80"}},
		"A3 a trailing dot": {fixed: "http://name.test.:8443/", more: host("name.test:8443")},
		"A3 a trailing dot and TLS": {fixed: "https://NAME.test.:8443/",
			environ: []string{"CA_BUNDLE=" + file(t, "ca.pem", selfSignedPEM)},
			more: func(t *testing.T) []string {
				return proxied(t, nil, site(t, rig.TLS(ecdsaOnly, fakesite.Answer(200))))
			}},
		"A5 an upgrade with a password": {fixed: "http://user:pw@name.test/",
			more: func(t *testing.T) []string { return upgrade(t, hasPassword) }},
		"A5 an upgrade with a header": {fixed: "http://name.test:80/",
			environ: []string{"EXTRA_HEADER_KEY=X-Token", "EXTRA_HEADER_VAL=t"},
			more: func(t *testing.T) []string {
				return upgrade(t, func(r *http.Request) bool { return r.Header.Get("X-Token") == "t" })
			}},
		"A6 JSON": {url: cookie(`prefs={"lang":"de","v":2}; Path=/`,
			`prefs={"lang":"de","v":2}`)},
		"A6 quotes":                           {url: cookie(`id="a b"; Path=/; HttpOnly`, `id="a b"`)},
		"A6 commas, umlauts and equals signs": {url: cookie("t=a,b=c==\xfc", "t=a,b=c==\xfc")},
		"A6 a name that is no token":          {url: cookie("s[id]=1;Path=/", "s[id]=1")},
		"A6 a name alone":                     {url: cookie("seen", "seen")},
		"A6 an expiry that is no date": {url: cookie("a=1; Expires=tomorrow; SameSite=Odd",
			"a=1")},
		"A7 answers at once": {url: raw(atOnce)},
		"A7 the same with TLS": {url: tlsURL(ecdsaOnly, atOnce),
			environ: []string{noVerify}},
		"A7 ends TLS without close_notify": {url: raggedEnd(ecdsaOnly), environ: []string{noVerify}},
		"A8 ECDHE-RSA-AES128-SHA256": {
			url: tlsURL(oneSuite(rsaCert, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256),
				fakesite.Answer(200)),
			environ: []string{noVerify}},
		"A8 ECDHE-ECDSA-AES128-SHA256": {
			url: tlsURL(oneSuite(selfSigned, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256),
				fakesite.Answer(200)), environ: []string{noVerify}},
		"A8 ECDHE-RSA-DES-CBC3-SHA": {
			url: tlsURL(oneSuite(rsaCert, tls.TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA),
				fakesite.Answer(200)),
			environ: []string{noVerify}},
		"A8 AES128-GCM-SHA256": {
			url:     tlsURL(oneSuite(rsaCert, tls.TLS_RSA_WITH_AES_128_GCM_SHA256), fakesite.Answer(200)),
			environ: []string{noVerify}},
		"A9 wants ALPN": {url: tlsURL(withALPN, fakesite.Answer(200)),
			environ: []string{noVerify}},
		"A10 a ClientHello of one segment": {
			url:     rawTLS(oneSegment(rig.TLS(ecdsaOnly, fakesite.Answer(200)))),
			environ: []string{noVerify}},
		"A12 a negative serial number": {
			url:     tlsURL(&tls.Config{Certificates: []tls.Certificate{negative}}, fakesite.Answer(200)),
			environ: []string{"CA_BUNDLE=" + file(t, "negative.pem", negativePEM)}},
		"A12 the same, unverified": {
			url:     tlsURL(&tls.Config{Certificates: []tls.Certificate{negative}}, fakesite.Answer(200)),
			environ: []string{noVerify}},
		"A13 bytes behind gzip": {url: raw(fakesite.Respond(gzipped("ok", "\r\n")))},
		"A13 bytes behind gzip, looked into": {url: raw(fakesite.Respond(gzipped("ok", "\r\n"))),
			environ: []string{"EXPECT_BODY_REGEX=^ok$"}},
		"A13 two streams of gzip": {
			url: raw(
				fakesite.Respond(gzipped("o", gzipped("k", "")[strings.Index(gzipped("k", ""), "\x1f\x8b"):]))),
			environ: []string{"EXPECT_BODY_REGEX=^ok$"}},
		"A14 a line end": {url: body("OK\n"),
			environ: []string{"EXPECT_BODY_REGEX=^OK$"}},
		"A14 a byte order mark": {url: body("\ufeffOK\r\n"),
			environ: []string{`EXPECT_BODY_REGEX=\AOK\z`}},
		"A14 one line of many": {url: body("db: down\r\nstatus: up\r\ncache: up\r\n"),
			environ: []string{"EXPECT_BODY_REGEX=^status: up$"}},
		"A6 white space around it": {url: cookie("a = b c ; Path=/", "a=b c")},
		"a proxy, and no path": {fixed: "http://name.test?x", more: func(t *testing.T) []string {
			return []string{"HTTP_PROXY=http://" +
				web(t, when(func(r *http.Request) bool { return r.RequestURI == "http://name.test/?x" }))}
		}},
		"a proxy that answers CONNECT with odd headers": {fixed: "https://name.test/",
			more: func(t *testing.T) []string {
				behave := rig.TLS(ecdsaOnly, fakesite.Answer(200))
				return []string{noVerify, "HTTPS_PROXY=http://" + site(t, func(conn net.Conn) {
					if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
						io.WriteString(conn,
							"HTTP/1.0 200 Connection established\r\nno colon\r\nContent-Length: "+
								"5\r\nTransfer-Encoding: odd\r\n\r\n")
						behave(conn)
					}
				})}
			}},
		"A15 a percent sign in the path": {url: func(t *testing.T) string {
			return "http://" +
				web(t, when(func(r *http.Request) bool { return r.URL.Path == "/100%/healthz" })) +
				"/100%/healthz"
		}},
		"A15 a percent sign in a redirect": {url: plain(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/" {
				w.Header()["Location"] = []string{"/100%/a b"}
				w.WriteHeader(http.StatusFound)
			} else if r.URL.Path != "/100%/a b" {
				w.WriteHeader(http.StatusNotFound)
			}
		})},
		"A15 a percent sign in a password": {url: func(t *testing.T) string {
			return "http://user:50%off@" +
				web(t,
					when(func(r *http.Request) bool {
						_, password, _ := r.BasicAuth()
						return password == "50%off"
					}))
		}},
		"dots in the path": {url: func(t *testing.T) string {
			return "http://" +
				web(t, when(func(r *http.Request) bool { return r.RequestURI == "/healthz" })) + "/a/../healthz"
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, environ := c.fixed, c.environ
			if c.url != nil {
				url = c.url(t)
			}
			if c.more != nil {
				environ = append(environ, c.more(t)...)
			}
			if got := checkSite(t, url, environ...); got.probe() != "up" {
				t.Errorf("%s: %s", got.row, got.detail)
			}
		})
	}
}

func hasPassword(r *http.Request) bool {
	user, password, _ := r.BasicAuth()
	return user == "user" && password == "pw"
}

func rawTLS(behave fakesite.Behaviour) func(*testing.T) string {
	return func(t *testing.T) string { return "https://" + site(t, behave) }
}

// raggedEnd closes a connection without TLS's close_notify, after a body without a length.
func raggedEnd(config *tls.Config) func(*testing.T) string {
	return rawTLS(func(conn net.Conn) {
		secure := tls.Server(conn, config)
		if secure.Handshake() == nil {
			fakesite.Respond("HTTP/1.0 200 OK\r\n\r\nok\n")(secure)
		}
	})
}
