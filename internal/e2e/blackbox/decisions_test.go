package blackbox

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"failover-monitor/internal/e2e/rig"
	"failover-monitor/internal/fakesite"
)

// status is what the tests read of /status.
type status struct {
	Online  bool
	Sites   []siteStatus
	Metrics []struct {
		Site, Explanation string
		Value             *int
		PolledBy          string `json:"polled_by"`
	}
	Witnesses []struct {
		Witness, Detail string
		Answered        bool
	}
}

type siteStatus struct {
	Site, Verdict, Observed, Override, Explanation string
	SetAside                                       string `json:"set_aside"`
	Streak                                         int
	FailureThreshold                               int `json:"failure_threshold"`
}

func statusOf(t *testing.T, m *rig.Monitor) (s status) {
	t.Helper()
	code, body := m.Get(t, "/status")
	if err := json.Unmarshal([]byte(body), &s); code != http.StatusOK || err != nil {
		t.Fatalf("/status: %d %v\n%s", code, err, body)
	}
	return s
}

// until waits for a condition.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}

// TestThreeSites gives each of three sites settings of its own.
func TestThreeSites(t *testing.T) {
	t.Parallel()
	var seenA requests
	b := rig.Site(t, fakesite.Answer(200))
	cert, _ := rig.SelfSigned(time.Now().AddDate(0, 0, 1), "other.example")
	c := site(t, rig.TLS(&tls.Config{Certificates: []tls.Certificate{cert}}, fakesite.Answer(200)))
	m := start(t, "SITE_A_HEALTH_URL=http://"+web(t, seenA.handler),
		"SITE_B_HEALTH_URL=http://"+b.Address(), "SITE_EU_WEST_HEALTH_URL=https://"+c,
		"CACHE_TTL_SEC=0.3", "RETRY_INTERVAL_SEC=0.1", "EXTRA_HEADER_KEY=X-Token",
		"EXTRA_HEADER_VAL=for-all", "SITE_A_EXTRA_HEADER_VAL=for-a",
		"SITE_EU_WEST_VERIFY_TLS=false", "SITE_B_FAILURE_THRESHOLD=3", "SITE_B_SUCCESS_THRESHOLD=2")
	for _, s := range []string{"site-a", "site-b", "site-eu-west"} {
		m.Verdict(t, s, "up")
		m.WantValue(t, s, "0")
	}
	if got := seenA.all()[0].Get("X-Token"); got != "for-a" {
		t.Errorf("site-a got the header %q", got)
	}
	b.Refuse()
	down := m.Verdict(t, "site-b", "down")
	if down.Probes != 3 || down.From != "up" || down.SinceLastUp == "" {
		t.Errorf("site-b went down with %+v, want after 3 probes", down)
	}
	m.WantValue(t, "site-a", "1")
	m.WantValue(t, "site-b", "0")
	m.WantValue(t, "site-eu-west", "1")
	s := statusOf(t, m)
	if got := s.Metrics[0].Explanation; !strings.HasPrefix(got, "site-b is down since ") ||
		!strings.Contains(got, "3 of 3 probes failed, last: connection refused") {
		t.Errorf("/status explains site-a's value with %q", got)
	}
	if s.Sites[0].FailureThreshold != 1 || s.Sites[1].FailureThreshold != 3 ||
		s.Metrics[0].PolledBy != "Go-http-client/1.1" {
		t.Errorf("/status: %+v", s)
	}
	if err := b.Become(fakesite.Answer(200)); err != nil {
		t.Fatal(err)
	}
	up := m.WaitFor(t, func(l rig.LogLine) bool { return l.Site == "site-b" && l.From == "down" })
	if up.To != "up" || up.Probes != 2 || up.SinceLastDown == "" {
		t.Errorf("site-b came back with %+v, want after 2 probes", up)
	}
	m.WantValue(t, "site-a", "0")
}

// TestWitnesses: while no witness answers, by HTTP or TCP, a failed probe does not count.
func TestWitnesses(t *testing.T) {
	t.Parallel()
	for _, scheme := range []string{"http", "tcp"} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			witness := rig.Site(t, fakesite.Answer(404)) // any answer will do
			b := rig.Site(t, fakesite.Answer(200))
			dead := bound(t)
			m := start(t, append(sites(healthy(t), b.Address(), "CACHE_TTL_SEC=0.2", "PROBE_TIMEOUT_SEC=2"),
				"WITNESS_URLS="+scheme+"://"+witness.Address()+", tcp://"+dead)...)
			m.Verdict(t, "site-b", "up")

			witness.Refuse()
			b.Refuse()
			m.WaitFor(t, func(l rig.LogLine) bool { return strings.HasPrefix(l.Msg, "monitor is offline") })
			code, body := 200, ""
			until(t, "a 503", func() bool { code, body = m.Get(t, "/metric/site-a"); return code == 503 })
			if !strings.Contains(body, "offline since ") || !strings.Contains(body, "last known: up") {
				t.Errorf("the 503 says %s", body)
			}
			s := statusOf(t, m)
			if s.Online || s.Sites[1].Verdict != "unknown" ||
				!strings.Contains(s.Sites[1].SetAside, "offline since") || s.Witnesses[0].Answered {
				t.Errorf("/status: %+v", s)
			}
			if code, _ := m.Get(t, "/healthz"); code != 200 {
				t.Errorf("/healthz: %d: the prober itself is well", code)
			}
			m.WantValue(t, "site-b", "0") // site-a is up, and needs no witness

			if err := witness.Become(fakesite.Answer(200)); err != nil {
				t.Fatal(err)
			}
			m.WaitFor(t, func(l rig.LogLine) bool { return l.Msg == "monitor is online again" })
			m.Verdict(t, "site-b", "down")
			m.WantValue(t, "site-a", "1")
			s = statusOf(t, m)
			if !s.Online || !s.Witnesses[0].Answered || s.Witnesses[1].Answered {
				t.Errorf("/status: %+v", s)
			}
		})
	}
}

// TestWitnessBehindProxy: a 502 of the proxy does not show that there is a network.
func TestWitnessBehindProxy(t *testing.T) {
	t.Parallel()
	proxy := rig.Site(t, fakesite.Answer(502))
	dead := bound(t)
	m := start(t, append(sites(healthy(t), dead), "HTTP_PROXY=http://"+proxy.Address(),
		"WITNESS_URLS=http://witness.test/")...)
	m.WaitFor(t, func(l rig.LogLine) bool { return strings.HasPrefix(l.Msg, "monitor is offline") })
	if code, body := m.Get(t, "/metric/site-a"); code != 503 {
		t.Errorf("while the proxy answers 502: %d %s, want 503", code, body)
	}
	if err := proxy.Become(fakesite.Answer(404)); err != nil {
		t.Fatal(err)
	}
	m.Verdict(t, "site-b", "down")
	m.WantValue(t, "site-a", "1")
}

// TestInspectedWitness: a 503 of a proxy that inspects TLS does not show that there is a network.
func TestInspectedWitness(t *testing.T) {
	t.Parallel()
	certificate := rig.NewCA("the proxy's").Issue(time.Now().AddDate(0, 0, 1), "witness.test")
	proxy := web(t, func(w http.ResponseWriter, _ *http.Request) { // CONNECT
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
		inside := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{certificate}})
		if _, err := http.ReadRequest(bufio.NewReader(inside)); err == nil {
			io.WriteString(inside, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
		}
	})
	dead := bound(t)
	m := start(t, append(sites(healthy(t), dead), "HTTPS_PROXY=http://"+proxy,
		"WITNESS_URLS=https://witness.test/")...)
	m.WaitFor(t, func(l rig.LogLine) bool { return strings.HasPrefix(l.Msg, "monitor is offline") })
	if detail := statusOf(t, m).Witnesses[0].Detail; !strings.Contains(detail, "503") {
		t.Errorf("the witness: %q, want the proxy's 503", detail)
	}
}

// TestTokenFile replaces the token file while the monitor runs, and then removes it.
func TestTokenFile(t *testing.T) {
	t.Parallel()
	token := filepath.Join(t.TempDir(), "token")
	write := func(content string) {
		t.Helper()
		if err := os.WriteFile(token, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("Bearer geheim-1\n")
	b := web(t, func(w http.ResponseWriter, r *http.Request) {
		content, _ := os.ReadFile(token)
		if r.Header.Get("Authorization") != strings.TrimSpace(string(content)) {
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	m := start(t,
		append(sites(healthy(t), b, "CACHE_TTL_SEC=0.2", "PROBE_TIMEOUT_SEC=2", "LOG_LEVEL=debug",
			"FAILURE_THRESHOLD=3"),
			"SITE_B_EXTRA_HEADER_KEY=Authorization", "SITE_B_EXTRA_HEADER_VAL_FILE="+token)...)
	m.Verdict(t, "site-b", "up")
	for n := range 3 {
		write(fmt.Sprintf("Bearer geheim-%d\n", n+2))
		time.Sleep(500 * time.Millisecond)
	}
	if err := os.Remove(token); err != nil {
		t.Fatal(err)
	}
	until(t, "a 503", func() bool { code, _ := m.Get(t, "/metric/site-a"); return code == 503 })
	want := "probe could not be made: EXTRA_HEADER_VAL_FILE: stat " + token +
		": no such file or directory"
	if code, body := m.Get(t, "/healthz"); code != 503 || body != "site-b: "+want+"\n" {
		t.Errorf("/healthz: %d %q, want 503 and why", code, body)
	}
	if s := statusOf(t, m); s.Sites[1].SetAside != want || s.Sites[1].Verdict != "unknown" ||
		!s.Online {
		t.Errorf("/status: %+v", s)
	}
	line := m.WaitFor(t, func(l rig.LogLine) bool {
		return l.Msg == "probe does not count" &&
			l.Site == "site-b"
	})
	if line.Level != "WARN" {
		t.Errorf("the log says it at %s", line.Level)
	}
	write("Bearer geheim-9")
	m.WaitFor(t, func(l rig.LogLine) bool {
		return l.Msg == "verdict known again" &&
			l.Site == "site-b"
	})
	m.WantValue(t, "site-a", "0")
	if code, _ := m.Get(t, "/healthz"); code != 200 {
		t.Errorf("/healthz: %d, want it well again", code)
	}
	if log := m.Log(); strings.Contains(log, "geheim") || strings.Contains(log, `"to":"down"`) {
		t.Errorf("a token, or an outage, is in the log:\n%s", log)
	}
}

func TestOverride(t *testing.T) {
	t.Parallel()
	dead := bound(t)
	m := start(t, sites(healthy(t), dead, "SITE_A_OVERRIDE=down", "SITE_B_OVERRIDE=up")...)
	m.WantValue(t, "site-a", "0")
	m.WantValue(t, "site-b", "1")
	m.Verdict(t, "site-b", "down") // probing goes on
	m.WantValue(t, "site-a", "0")
	s := statusOf(t, m)
	if b := s.Sites[1]; b.Verdict != "up" || b.Observed != "down" || b.Override != "up" ||
		b.Explanation != "site-b is pinned up by its OVERRIDE; its probes say down" {
		t.Errorf("/status: %+v", b)
	}
	if log := m.Log(); !strings.Contains(log, "site-a is pinned down by its OVERRIDE") ||
		!strings.Contains(log, `"override":"up"`) {
		t.Errorf("the override is not in the log:\n%s", log)
	}
}

func TestAllDown(t *testing.T) {
	t.Parallel()
	dead := bound(t)
	scale := start(t, sites(dead, dead)...)
	scale.Verdict(t, "site-a", "down")
	scale.Verdict(t, "site-b", "down")
	scale.WantValue(t, "site-a", "1")
	scale.WantValue(t, "site-b", "1")
	fail := start(t, sites(dead, dead, "ALL_DOWN_POLICY=error")...)
	fail.Verdict(t, "site-a", "down")
	fail.Verdict(t, "site-b", "down")
	want := "{\"error\":\"all sites are down, and ALL_DOWN_POLICY=error says not to scale on that\"}\n"
	if code, body := fail.Get(t, "/metric/site-a"); code != 503 || body != want {
		t.Errorf("got %d %s, want 503 %s", code, body, want)
	}
}

func TestExpectBody(t *testing.T) {
	t.Parallel()
	answer := func(body string) string {
		return site(t,
			fakesite.Respond(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body),
				body)))
	}
	m := start(t, sites(answer(`{"status": "up"}`), answer(`{"status": "upgrading"}`),
		`EXPECT_BODY_REGEX="status": *"up"`)...)
	m.Verdict(t, "site-a", "up")
	if line := m.Verdict(t, "site-b", "down"); line.Reason != "body" {
		t.Errorf("reason %q, want body", line.Reason)
	}
}
