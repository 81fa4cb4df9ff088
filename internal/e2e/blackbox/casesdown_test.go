package blackbox

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"failover-monitor/internal/e2e/rig"
	"failover-monitor/internal/fakesite"
)

func TestDeadSitesAreDown(t *testing.T) {
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

// TestDeletedToken has a token file that was replaced: the monitor sees the old one, which has no
// name any more, as in a container that mounts the file by itself. The site knows only the new
// token.
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

func TestDetailsNameTheCause(t *testing.T) {
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
