package blackbox

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"failover-monitor/internal/e2e/rig"
	"failover-monitor/internal/fakesite"
)

// TestSites checks the peer's value, the reason in the log, and that the probe ended by its
// deadline, for every sick site and for what the settings change.
func TestSites(t *testing.T) {
	t.Parallel()
	tomorrow, lastMonth := time.Now().AddDate(0, 0, 1), time.Now().AddDate(0, -1, 0)
	ca := rig.NewCA("Test CA")
	bundle := "CA_BUNDLE=" + file(t, "ca.pem", ca.PEM)
	bundleDir := strings.TrimSuffix(bundle, "/ca.pem")
	secure := func(t *testing.T, cert tls.Certificate) string {
		return "https://" +
			site(t, rig.TLS(&tls.Config{Certificates: []tls.Certificate{cert}}, fakesite.Answer(200)))
	}
	selfSigned, selfSignedPEM := rig.SelfSigned(tomorrow, "127.0.0.1")
	plain := func(behave fakesite.Behaviour) func(*testing.T) string {
		return func(t *testing.T) string { return "http://" + site(t, behave) }
	}
	cert := func(notAfter time.Time, name string) func(*testing.T) string {
		return func(t *testing.T) string { return secure(t, ca.Issue(notAfter, name)) }
	}

	type row struct {
		name   string
		url    func(*testing.T) string
		env    []string
		reason string // empty: up
	}
	rows := []row{
		{"301 followed",
			func(t *testing.T) string { return "http://" + redirect(t, "http://"+healthy(t)) }, nil, ""},
		{"404 accepted", plain(fakesite.Answer(404)), []string{"ACCEPT_STATUS_REGEX=^(2..|404)$"}, ""},
		{"SYN dropped", func(t *testing.T) string { return "http://" + synDropped(t) }, nil, "timeout"},
		{"huge body",
			plain(rig.Drip("HTTP/1.1 200 OK\r\nContent-Length: 1099511627776\r\n\r\n",
				strings.Repeat("x", 4096), 0)), nil, ""},
		{"redirect to another host", func(t *testing.T) string {
			return "http://" +
				redirect(t, "http://"+strings.Replace(healthy(t), "127.0.0.1", "localhost", 1))
		}, nil, ""},
		{"redirect to another host, forbidden", func(t *testing.T) string {
			return "http://" +
				redirect(t, "http://"+strings.Replace(healthy(t), "127.0.0.1", "localhost", 1))
		}, []string{"FOLLOW_REDIRECTS=same-host"}, "redirect"},
		{"redirect from https to http", func(t *testing.T) string {
			return "https://" + site(t, rig.TLS(&tls.Config{Certificates: []tls.Certificate{selfSigned}},
				fakesite.Respond("HTTP/1.1 302 Found\r\nLocation: http://"+healthy(t)+"\r\n\r\n")))
		}, []string{"VERIFY_TLS=false"}, ""},
		{"HEAD", plain(fakesite.Answer(200)), []string{"PROBE_METHOD=HEAD"}, ""},
		{"HEAD with a redirect",
			func(t *testing.T) string { return "http://" + redirect(t, "http://"+healthy(t)) },
			[]string{"PROBE_METHOD=HEAD"}, "status"},
		{"HEAD with a redirect, followed", func(t *testing.T) string {
			return "http://" + redirect(t, "http://"+healthy(t))
		},
			[]string{"PROBE_METHOD=HEAD", "FOLLOW_REDIRECTS=always"}, ""},
		{"self-signed", func(t *testing.T) string { return secure(t, selfSigned) }, nil,
			"tls_unknown_ca"},
		{"self-signed, unverified", func(t *testing.T) string { return secure(t, selfSigned) },
			[]string{"VERIFY_TLS=false"}, ""},
		{"self-signed, in the bundle", func(t *testing.T) string { return secure(t, selfSigned) },
			[]string{"CA_BUNDLE=" + file(t, "self.pem", selfSignedPEM)}, ""},
		{"private CA, bundle file", cert(tomorrow, "127.0.0.1"), []string{bundle}, ""},
		{"private CA, bundle directory", cert(tomorrow, "127.0.0.1"), []string{bundleDir}, ""},
		{"private CA, the predecessor's name", cert(tomorrow, "127.0.0.1"),
			[]string{"REQUESTS_" + bundle}, ""},
		{"expired, unverified", cert(lastMonth, "127.0.0.1"), []string{"VERIFY_TLS=false"}, ""},
		{"wrong name, unverified", cert(tomorrow, "other.example"), []string{"VERIFY_TLS=false"}, ""},
		{"TLS where HTTP is expected", func(t *testing.T) string {
			return strings.Replace(secure(t, selfSigned), "https", "http", 1)
		}, nil, "protocol"},
	}
	for _, sick := range rig.SickSites(ca, "127.0.0.1") {
		r := row{sick.Name, plain(sick.Behave), nil, sick.Reason}
		if sick.TLS {
			r.url = func(t *testing.T) string { return "https://" + site(t, sick.Behave) }
			r.env = []string{bundle}
		}
		rows = append(rows, r)
	}
	for _, c := range rows {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			limit := "PROBE_TIMEOUT_SEC=5"
			if c.reason == "timeout" {
				limit = "PROBE_TIMEOUT_SEC=1"
			}
			m := start(t, append(c.env, limit, "SITE_A_HEALTH_URL="+c.url(t),
				"SITE_B_HEALTH_URL=http://"+healthy(t))...)
			verdict, value := "up", "0"
			if c.reason != "" {
				verdict, value = "down", "1"
			}
			line := m.Verdict(t, "site-a", verdict)
			if line.Reason != c.reason {
				t.Errorf("reason %q (%s), want %q", line.Reason, line.Detail, c.reason)
			}
			if took, err := time.ParseDuration(line.Took); err != nil ||
				c.reason == "timeout" && took > 2*time.Second {
				t.Errorf("the probe took %q, want it over after a second", line.Took)
			}
			m.WantValue(t, "site-b", value)
		})
	}
}

// TestProxy probes through a proxy that works, refuses connections, refuses tunnels, or hangs.
func TestProxy(t *testing.T) {
	t.Parallel()
	dead := bound(t)
	for _, c := range []struct{ name, proxy, url, reason string }{
		{"works", web(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, r.URL) }),
			"http://site.test/healthz", ""},
		{"refuses connections", dead, "http://site.test/healthz", "refused"},
		{"refuses tunnels", site(t, fakesite.Answer(407)), "https://site.test/healthz", "unreachable"},
		{"hangs", site(t, fakesite.Hang), "https://site.test/healthz", "timeout"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := start(t, "PROBE_TIMEOUT_SEC=5", "HTTP_PROXY=http://user:geheim@"+c.proxy,
				"HTTPS_PROXY=http://user:geheim@"+c.proxy, "LOG_LEVEL=debug",
				"SITE_A_HEALTH_URL="+c.url, "SITE_B_HEALTH_URL=http://"+healthy(t))
			verdict := "up"
			if c.reason != "" {
				verdict = "down"
			}
			if line := m.Verdict(t, "site-a", verdict); line.Reason != c.reason {
				t.Errorf("reason %q (%s), want %q", line.Reason, line.Detail, c.reason)
			} else if strings.Contains(line.Detail, "proxy") != (c.reason != "") {
				t.Errorf("detail %q, want it to name the proxy", line.Detail)
			}
			if strings.Contains(m.Log(), "geheim") {
				t.Errorf("the proxy's password is in the log:\n%s", m.Log())
			}
		})
	}
}
