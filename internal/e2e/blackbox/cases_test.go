package blackbox

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	bytesorder "encoding/binary"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"failover-monitor/internal/e2e/rig"
	"failover-monitor/internal/fakesite"
)

// Sites as they are found in the world, each of which some version of this monitor, or some other
// prober, has taken for another than it is. The letters and numbers are those of the project's list
// of cases: A is well and was called down, B is dead and was called up, C was called right in words
// that mislead.

// found is what "check" says of site-b.
type found struct {
	row    string // of its table
	detail string // below the table, empty when the site is up
}

// checkSite probes site-b once, beside a healthy site-a.
func checkSite(t *testing.T, url string, environ ...string) found {
	t.Helper()
	_, stdout, stderr := command(t,
		append([]string{"SITE_A_HEALTH_URL=http://" + healthy(t), "SITE_B_HEALTH_URL=" + url,
			"PROBE_TIMEOUT_SEC=2"}, environ...), "check")
	var f found
	for line := range strings.Lines(stdout) {
		if strings.HasPrefix(line, "site-b  ") {
			f.row = strings.TrimSpace(line)
		}
		if _, text, ok := strings.Cut(line, "site-b is down: "); ok {
			f.detail = strings.TrimSpace(text)
		}
		if _, text, ok := strings.Cut(line, "site-b is unknown: "); ok {
			f.detail = strings.TrimSpace(text)
		}
	}
	if f.row == "" {
		t.Fatalf("check says %q %q", stdout, stderr)
	}
	return f
}

func (f found) probe() string  { return strings.Fields(f.row)[1] }
func (f found) reason() string { return strings.Fields(f.row)[2] }

// secured is a site with TLS.
func secured(t *testing.T, config *tls.Config, behave fakesite.Behaviour) string {
	t.Helper()
	return "https://" + site(t, rig.TLS(config, behave))
}

// proxied answers as a proxy does: plain requests by a handler, and tunnels to one TLS site.
func proxied(t *testing.T, plain http.HandlerFunc, tunnelTo string) (environ []string) {
	t.Helper()
	proxy := web(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			plain(w, r)
			return
		}
		server, err := net.Dial("tcp", tunnelTo)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		client, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		io.WriteString(client, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { io.Copy(server, buffered); server.Close() }()
		io.Copy(client, server)
		client.Close()
	})
	return []string{"HTTP_PROXY=http://" + proxy, "HTTPS_PROXY=http://" + proxy}
}

// when answers 200 to requests that are like that, and 404 to others.
func when(like func(*http.Request) bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !like(r) {
			w.WriteHeader(http.StatusNotFound)
		}
	}
}

// gzipped is a body with something behind the compressed stream.
func gzipped(text, behind string) string {
	var body bytes.Buffer
	zip := gzip.NewWriter(&body)
	io.WriteString(zip, text)
	zip.Close()
	body.WriteString(behind)
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s",
		body.Len(), body.String())
}

// negativeSerial is a self-signed certificate for 127.0.0.1 whose serial number is negative, as
// some appliances make them.
func negativeSerial(t *testing.T) (tls.Certificate, []byte) {
	t.Helper()
	issued, _ := rig.SelfSigned(time.Now().AddDate(0, 0, 1), "127.0.0.1")
	key := issued.PrivateKey.(*ecdsa.PrivateKey)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(0x7e), Subject: pkix.Name{CommonName: "appliance"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore:   time.Now().AddDate(0, 0, -1), NotAfter: time.Now().AddDate(0, 0, 1),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	var whole struct {
		TBS, Algorithm asn1.RawValue
		Signature      asn1.BitString
	}
	if _, err := asn1.Unmarshal(der, &whole); err != nil {
		t.Fatal(err)
	}
	tbs := bytes.Replace(whole.TBS.FullBytes, []byte{2, 1, 0x7e}, []byte{2, 1, 0xfe}, 1)
	digest := sha256.Sum256(tbs)
	signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	whole.TBS = asn1.RawValue{FullBytes: tbs}
	whole.Signature = asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}
	if der, err = asn1.Marshal(whole); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der},
		PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// rsaCertificate is self-signed for 127.0.0.1, with an RSA key.
func rsaCertificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().AddDate(0, 0, -1),
		NotAfter: time.Now().AddDate(0, 0, 1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
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

// atOnce answers without a look at the request, and closes: nc, xinetd, keepalived.
func atOnce(conn net.Conn) {
	io.WriteString(conn, "HTTP/1.0 200 OK\r\n\r\nok\n")
}

func TestWellAndCalledDown(t *testing.T) {
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
		"A6 an expiry nobody can read": {url: cookie("a=1; Expires=tomorrow; SameSite=Odd",
			"a=1")},
		"A7 answers at once": {url: raw(atOnce)},
		"A7 the same with TLS": {url: tlsURL(ecdsaOnly, atOnce),
			environ: []string{noVerify}},
		"A7 ends TLS without a word": {url: raggedEnd(ecdsaOnly), environ: []string{noVerify}},
		"A8 ECDHE-RSA-AES128-SHA256": {
			url:     tlsURL(oneSuite(rsaCert, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256), fakesite.Answer(200)),
			environ: []string{noVerify}},
		"A8 ECDHE-ECDSA-AES128-SHA256": {
			url: tlsURL(oneSuite(selfSigned, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256),
				fakesite.Answer(200)), environ: []string{noVerify}},
		"A8 ECDHE-RSA-DES-CBC3-SHA": {
			url:     tlsURL(oneSuite(rsaCert, tls.TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA), fakesite.Answer(200)),
			environ: []string{noVerify}},
		"A8 AES128-GCM-SHA256": {
			url:     tlsURL(oneSuite(rsaCert, tls.TLS_RSA_WITH_AES_128_GCM_SHA256), fakesite.Answer(200)),
			environ: []string{noVerify}},
		"A9 wants ALPN": {url: tlsURL(withALPN, fakesite.Answer(200)),
			environ: []string{noVerify}},
		"A10 a ClientHello of one segment": {
			url:     raw2https(oneSegment(rig.TLS(ecdsaOnly, fakesite.Answer(200)))),
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
		"A13 no gzip at all": {
			url: raw(
				fakesite.Respond("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nok"))},
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

func raw2https(behave fakesite.Behaviour) func(*testing.T) string {
	return func(t *testing.T) string { return "https://" + site(t, behave) }
}

// raggedEnd closes a TLS connection without TLS's own farewell, behind a body that says nothing of
// its length.
func raggedEnd(config *tls.Config) func(*testing.T) string {
	return raw2https(func(conn net.Conn) {
		secure := tls.Server(conn, config)
		if secure.Handshake() == nil {
			fakesite.Respond("HTTP/1.0 200 OK\r\n\r\nok\n")(secure)
		}
	})
}

func TestDeadAndCalledUp(t *testing.T) {
	t.Parallel()
	ca := rig.NewCA("Test CA")
	wants := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
	}
	clientCert, clientKey := rig.PEM(ca.Issue(time.Now().AddDate(0, 0, 1), "monitor"))
	asksForCert := &tls.Config{Certificates: []tls.Certificate{
		ca.Issue(time.Now().AddDate(0, 0, 1), "127.0.0.1")}, ClientAuth: tls.RequestClientCert}
	askedFor := []string{"VERIFY_TLS=false", "CLIENT_CERT_FILE=" + file(t, "crt", []byte(clientCert)),
		"CLIENT_KEY_FILE=" + file(t, "key", []byte(clientKey))}
	token := []string{"EXTRA_HEADER_KEY=Authorization", "EXTRA_HEADER_VAL=Bearer x"}
	a := healthy(t)
	const refuses = ": the site refuses the monitor's credentials"
	for name, c := range map[string]struct {
		url            func(*testing.T) string
		environ        []string
		reason, detail string
	}{
		"B1 redirects to another site": {func(t *testing.T) string {
			return "http://" + redirect(t, "http://"+a+"/healthz")
		}, []string{"SITE_A_HEALTH_URL=http://" + a}, "redirect",
			"redirects to site-a, which cannot answer for it"},
		"B1 by way of a third host": {func(t *testing.T) string {
			return "http://" + redirect(t, "http://"+redirect(t, "http://"+a+"/healthz"))
		}, []string{"SITE_A_HEALTH_URL=http://" + a}, "redirect",
			"redirects to site-a, which cannot answer for it"},
		"B3 401 to a header": {func(t *testing.T) string {
			return "http://" + web(t, wants(401))
		}, token, "credentials", "status 401" + refuses},
		"B3 403 to a password": {func(t *testing.T) string {
			return "http://u:p@" + web(t, wants(403))
		}, nil, "credentials", "status 403" + refuses},
		"B3 403 to a client certificate": {func(t *testing.T) string {
			return secured(t, asksForCert, fakesite.Answer(403))
		}, askedFor, "credentials", "status 403" + refuses},
		"B3 403 to a certificate not asked": {func(t *testing.T) string {
			return "http://" + web(t, wants(403))
		}, askedFor, "status", "status 403"},
		"B3 401 to nothing": {func(t *testing.T) string {
			return "http://" + web(t, wants(401))
		}, nil, "status", "status 401"},
		"B3 401 to a Host header": {func(t *testing.T) string {
			return "http://" + web(t, wants(401))
		}, []string{"EXTRA_HEADER_KEY=Host", "EXTRA_HEADER_VAL=x"}, "status", "status 401"},
		"B3 500 to a header": {func(t *testing.T) string {
			return "http://" + web(t, wants(500))
		}, token, "status", "status 500"},
		"B3 401 elsewhere": {func(t *testing.T) string {
			return "http://" + redirect(t, "http://"+web(t, wants(401)))
		}, token, "status",
			"where the credentials were left out: they stay at the health URL's host and port"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := checkSite(t, c.url(t), c.environ...)
			if got.probe() != "down" || got.reason() != c.reason ||
				!strings.HasSuffix(got.detail, c.detail) {
				t.Errorf("%s: %q, want %s: %q", got.row, got.detail, c.reason, c.detail)
			}
		})
	}
}

// TestDeletedToken has a token file that the process can still see and that has no name any more,
// as one that is mounted into a container by itself, and replaced outside. The site knows only the
// new token.
func TestDeletedToken(t *testing.T) {
	t.Parallel()
	path := file(t, "token", []byte("old"))
	open, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	os.Remove(path)
	b := web(t,
		func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
	held := fmt.Sprintf("EXTRA_HEADER_VAL_FILE=/proc/%d/fd/%d", os.Getpid(), open.Fd())
	m := start(t, sites(healthy(t), b, "CACHE_TTL_SEC=0.5", "PROBE_TIMEOUT_SEC=1",
		"SITE_B_EXTRA_HEADER_KEY=X-Token", "SITE_B_"+held)...)
	line := m.WaitFor(t, func(l rig.LogLine) bool {
		return l.Msg == "probe does not count" &&
			l.Site == "site-b"
	})
	if line.Level != "WARN" || !strings.Contains(m.Log(), "mount its folder, not the file") {
		t.Errorf("got %+v", line)
	}
	if status, body := m.Get(t, "/metric/site-a"); status != http.StatusServiceUnavailable ||
		!strings.Contains(body, "mount its folder") {
		t.Errorf("site-a is told %d %s", status, body)
	}
	if status, body := m.Get(t, "/healthz"); status != http.StatusServiceUnavailable ||
		!strings.Contains(body, "mount its folder") {
		t.Errorf("/healthz: %d %s", status, body)
	}
}

func TestMisleadingWords(t *testing.T) {
	t.Parallel()
	now := time.Now()
	root := rig.NewCA("Corp Root")
	expired := rig.NewCAUntil("Old Root", time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC))
	rekeyed := rig.NewCA("Corp Root")
	mayNotSign := rig.NewNoCA("Weak Root")
	shows := func(ca *rig.CA) func(*testing.T) string {
		config := &tls.Config{
			Certificates: []tls.Certificate{ca.Issue(now.AddDate(0, 0, 1), "127.0.0.1")}}
		return func(t *testing.T) string { return secured(t, config, fakesite.Answer(200)) }
	}
	trusts := func(ca *rig.CA) []string { return []string{"CA_BUNDLE=" + file(t, "ca.pem", ca.PEM)} }
	after := func(url func(*testing.T) string) func(*testing.T) string {
		return func(t *testing.T) string { return "http://" + redirect(t, url(t)) }
	}
	says := func(answer string) func(*testing.T) string {
		return func(t *testing.T) string {
			return "http://" + site(t, fakesite.Respond("HTTP/1.1 "+answer))
		}
	}
	fixed := func(url string) func(*testing.T) string { return func(*testing.T) string { return url } }
	alert := func(t *testing.T) string { // what OpenSSL answers that has DHE alone
		return "https://" + site(t, func(conn net.Conn) {
			conn.Read(make([]byte, 1<<14))
			conn.Write([]byte{21, 3, 3, 0, 2, 2, 40})
		})
	}
	for name, c := range map[string]struct {
		url            func(*testing.T) string
		environ        []string
		more           func(*testing.T) []string
		reason, detail string
	}{
		"A8 DHE alone": {url: alert, reason: "tls", detail: "no cipher suite in common"},
		"C1 the authority has expired": {url: shows(expired), environ: trusts(expired),
			reason: "tls_expired",
			detail: `the certificate of the authority "Old Root" expired on 2026-01-02`},
		"C2 the authority was re-keyed": {url: shows(rekeyed), environ: trusts(root),
			reason: "tls_unknown_ca",
			detail: `"Corp Root": one of that name is trusted, but with another key`},
		"C2 the authority may not sign": {url: shows(mayNotSign), environ: trusts(mayNotSign),
			reason: "tls_unknown_ca", detail: "its certificate does not allow it to sign others"},
		"C2 nobody has that name": {url: shows(root), environ: trusts(mayNotSign),
			reason: "tls_unknown_ca", detail: `signed by an unknown authority, "Corp Root"`},
		"C3 after a redirect": {url: after(shows(root)), reason: "tls_unknown_ca",
			detail: ", shown after a redirect to https://127.0.0.1:"},
		"C3 refused after a redirect": {url: after(func(t *testing.T) string {
			return "http://" + bound(t)
		}), reason: "refused", detail: " after a redirect to http://127.0.0.1:"},
		"C3 at an https proxy": {url: fixed("https://name.test/"), more: func(t *testing.T) []string {
			return []string{"HTTPS_PROXY=" + shows(root)(t)}
		}, reason: "tls_unknown_ca", detail: ", shown by the proxy 127.0.0.1:"},
		"C3 a proxy answers 407": {url: fixed("http://name.test/"), more: func(t *testing.T) []string {
			return []string{"HTTP_PROXY=http://" + site(t, fakesite.Answer(407))}
		}, reason: "status", detail: ": the proxy asks for a user and password"},
		"C3 a proxy answers 503": {url: fixed("http://name.test/"), more: func(t *testing.T) []string {
			return []string{"HTTP_PROXY=http://" + site(t, fakesite.Answer(503))}
		}, reason: "status", detail: "(the proxy 127.0.0.1:"},
		"C3 a proxy refuses a tunnel": {url: fixed("https://name.test/"),
			more: func(t *testing.T) []string {
				return []string{"HTTPS_PROXY=http://" + site(t, fakesite.Answer(503))}
			}, reason: "unreachable", detail: "answers 503 to CONNECT"},
		"C4 two lengths": {
			url: says("200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nok"), reason: "protocol",
			detail: "the answer is not HTTP/1.1 (two lengths of the body)"},
		"C4 no length": {url: says("200 OK\r\nContent-Length: many\r\n\r\nok"),
			reason: "protocol", detail: "the answer is not HTTP/1.1 (the length of the body)"},
		"C4 a control character": {url: says("200 OK\r\nX\x01: y\r\n\r\nok"), reason: "protocol",
			detail: "the answer is not HTTP/1.1 (a header)"},
		"C4 a coding": {url: says("200 OK\r\nTransfer-Encoding: identity\r\n\r\nok"),
			reason: "protocol", detail: "the answer is not HTTP/1.1 (Transfer-Encoding)"},
		"C4 a status": {url: says("2xx OK\r\n\r\nok"), reason: "protocol",
			detail: "the answer is not HTTP/1.1 (its first line)"},
		"C4 a bad chunk": {url: says("200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
			reason: "protocol", detail: "the body has a bad chunk"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			environ := c.environ
			if c.more != nil {
				environ = append(environ, c.more(t)...)
			}
			got := checkSite(t, c.url(t), environ...)
			if got.probe() != "down" || got.reason() != c.reason || !strings.Contains(got.detail, c.detail) {
				t.Errorf("%s: %q, want %s: %q", got.row, got.detail, c.reason, c.detail)
			}
		})
	}
}
