package blackbox

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"failover-monitor/internal/e2e/rig"
	"failover-monitor/internal/fakesite"
)

// Sites that some version of this monitor, or some other prober, has judged wrong. The letters and
// numbers are those of the project's list of cases: A is a healthy site that was called down, B a
// dead site that was called up, C a dead site with a misleading detail.

// found is what "check" prints about site-b.
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

func (f found) probe() string { return strings.Fields(f.row)[1] }

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

// when answers 200 to requests that match, and 404 to others.
func when(like func(*http.Request) bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !like(r) {
			w.WriteHeader(http.StatusNotFound)
		}
	}
}
