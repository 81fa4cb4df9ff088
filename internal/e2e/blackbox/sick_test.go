package blackbox

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"failover-monitor/internal/e2e/rig"
	"failover-monitor/internal/fakesite"
)

// TestSickSites has a row for each way in which a site can be well or sick: what its peer is told,
// the reason in the log, and that the probe ended by its deadline of a second.
func TestSickSites(t *testing.T) {
	t.Parallel()
	const ok = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
	tomorrow, lastMonth := time.Now().AddDate(0, 0, 1), time.Now().AddDate(0, -1, 0)
	ca := rig.NewCA("Test CA")
	bundle := "CA_BUNDLE=" + file(t, "ca.pem", ca.PEM)
	bundleDir := "CA_BUNDLE=" + strings.TrimSuffix(strings.TrimPrefix(bundle, "CA_BUNDLE="), "/ca.pem")
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
		{"200", plain(fakesite.Answer(200)), nil, ""},
		{"204", plain(fakesite.Respond("HTTP/1.1 204 No Content\r\n\r\n")), nil, ""},
		{"301 followed",
			func(t *testing.T) string { return "http://" + redirect(t, "http://"+healthy(t)) }, nil, ""},
		{"404", plain(fakesite.Answer(404)), nil, "status"},
		{"404 accepted", plain(fakesite.Answer(404)), []string{"ACCEPT_STATUS_REGEX=^(2..|404)$"}, ""},
		{"refused", func(t *testing.T) string { address := bound(t); return "http://" + address }, nil,
			"refused"},
		{"SYN dropped", func(t *testing.T) string { return "http://" + synDropped(t) }, nil, "timeout"},
		{"endless body", plain(rig.Drip("HTTP/1.1 200 OK\r\n\r\n", strings.Repeat("x", 4096), 0)), nil,
			""},
		{"huge body",
			plain(rig.Drip("HTTP/1.1 200 OK\r\nContent-Length: 1099511627776\r\n\r\n",
				strings.Repeat("x", 4096), 0)), nil, ""},
		{"redirect to another host", func(t *testing.T) string {
			return "http://" +
				redirect(t, "http://"+strings.Replace(healthy(t), "127.0.0.1", "localhost", 1))
		}, nil, ""},
		{"the same, forbidden", func(t *testing.T) string {
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
		{"bad DNS name", func(*testing.T) string { return "http://no..such.host" }, nil, "dns"},
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

// TestGoAway is a peer that speaks HTTP/2 alone and sends everybody away. Go's client would come
// back hundreds of times.
func TestGoAway(t *testing.T) {
	t.Parallel()
	cert, _ := rig.SelfSigned(time.Now().AddDate(0, 0, 1), "127.0.0.1")
	const settings, goAway = "\x00\x00\x00\x04\x00\x00\x00\x00\x00", "\x00\x00\x08\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	var connections atomic.Int32
	away := rig.TLS(&tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2"}},
		func(conn net.Conn) {
			conn.Read(make([]byte, 4096))
			fmt.Fprint(conn, settings+goAway)
		})
	address := site(t, func(conn net.Conn) {
		connections.Add(1)
		away(conn)
	})
	m := start(t, "VERIFY_TLS=false", "CACHE_TTL_SEC=60", "SITE_A_HEALTH_URL=https://"+address,
		"SITE_B_HEALTH_URL=http://"+healthy(t))
	if line := m.Verdict(t, "site-a", "down"); line.Reason != "protocol" {
		t.Errorf("reason %q, want protocol", line.Reason)
	}
	time.Sleep(200 * time.Millisecond) // for those that came too many
	if n := connections.Load(); n != 1 {
		t.Errorf("%d connections for one probe", n)
	}
}

// TestExtraHeaderStaysAtHome redirects a probe to another host, and from https to http.
func TestExtraHeaderStaysAtHome(t *testing.T) {
	t.Parallel()
	// the URL's password goes first
	for key, want := range map[string]string{"Authorization": "Basic dXNlcjpwdw==",
		"X-Health-Token": "Bearer geheim"} {
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			var home, away, down requests
			awayURL := "http://" + web(t, away.handler)
			homeAddress := web(t, func(w http.ResponseWriter, r *http.Request) {
				home.handler(w, r)
				http.Redirect(w, r, awayURL, http.StatusFound)
			})
			downURL := "http://" + web(t, down.handler)
			cert, _ := rig.SelfSigned(time.Now().AddDate(0, 0, 1), "127.0.0.1")
			secure := site(t, rig.TLS(&tls.Config{Certificates: []tls.Certificate{cert}},
				fakesite.Respond("HTTP/1.1 302 Found\r\nLocation: "+downURL+"\r\n\r\n")))
			m := start(t, "VERIFY_TLS=false", "EXTRA_HEADER_KEY="+key, "EXTRA_HEADER_VAL=Bearer geheim",
				"SITE_A_HEALTH_URL=http://user:pw@"+homeAddress, "SITE_B_HEALTH_URL=https://user:pw@"+secure)
			m.Verdict(t, "site-a", "up")
			m.Verdict(t, "site-b", "up")
			if got := home.all()[0].Get(key); got != want {
				t.Errorf("the site itself got %q", got)
			}
			for where, seen := range map[string][]http.Header{"another host": away.all(),
				"http": down.all()} {
				for _, header := range []string{key, "Authorization", "Referer"} {
					if got := seen[0].Get(header); got != "" {
						t.Errorf("%s got %s: %s", where, header, got)
					}
				}
			}
		})
	}
}

// TestProxy probes through a proxy, and then a dead one, and one that says no.
func TestProxy(t *testing.T) {
	t.Parallel()
	dead := bound(t)
	for _, c := range []struct{ name, proxy, url, reason string }{
		{"http", web(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, r.URL) }),
			"http://site.test/healthz", ""},
		{"a dead one", dead, "http://site.test/healthz", "refused"},
		{"one that says no", site(t, fakesite.Answer(407)), "https://site.test/healthz", "unreachable"},
		{"one that hangs", site(t, fakesite.Hang), "https://site.test/healthz", "timeout"},
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
