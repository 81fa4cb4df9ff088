package server_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"log/slog"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"failover-monitor/internal/monitor"
	"failover-monitor/internal/probe"
	"failover-monitor/internal/server"
)

// get sends a request to a new server of a monitor.
func get(m *monitor.Monitor, path string) *httptest.ResponseRecorder {
	return request(newServer(m).Handler, "GET "+path)
}

func TestHeadline(t *testing.T) {
	t.Parallel()
	const up, down, unknown = monitor.Up, monitor.Down, monitor.Unknown
	for _, c := range []struct {
		each  []monitor.Verdict
		class string
		want  string
		title string
		told  string
	}{
		{[]monitor.Verdict{up, up}, "up", "All sites are up", "All sites up", ""},
		{[]monitor.Verdict{up, down}, "down", "site-b is down", "site-b down",
			"site-a is told to scale up"},
		{[]monitor.Verdict{down, down, up}, "down", "site-a and site-b are down",
			"site-a and site-b down",
			"site-a, site-b and site-c are told to scale up"},
		{[]monitor.Verdict{down, down, down}, "down", "site-a, site-b and site-c are down",
			"site-a, site-b and site-c down",
			"site-a, site-b and site-c are told to scale up"},
		{[]monitor.Verdict{down, down, down, down, up}, "down", "4 sites are down", "4 sites down",
			"5 sites are told to scale up"},
		{[]monitor.Verdict{unknown, down, unknown}, "down",
			"site-b is down, site-a and site-c are unknown",
			"site-b down, site-a and site-c unknown", ""},
		{[]monitor.Verdict{up, unknown}, "unknown", "site-b is unknown", "site-b unknown", ""},
	} {
		m := startMonitor(t, c.each...)
		m.Value(t.Context(), "site-a") // waits for the first results
		m.Value(t.Context(), "site-b")
		for _, name := range m.Names() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			value, _ := m.Value(ctx, name)
			cancel()
			m.Polled(name, "keda-operator", value)
		}
		body := strings.ReplaceAll(get(m, "/").Body.String(), "\u2011", "-")
		for _, want := range []string{
			"<h1>" + c.want + "</h1>",
			"<title>" + c.title + " – example.com – Failover Monitor</title>",
			"<b>Failover Monitor</b> v1.2.3 at <b>example.com</b>, as of <time>",
			`<header class="` + c.class + `">`,
		} {
			if !strings.Contains(body, want) {
				t.Errorf("%v: %q is not in\n%s", c.each, want, body)
			}
		}
		var told string
		strong := regexp.MustCompile(`<p class="scale"><strong>(.*)</strong></p>`)
		if found := strong.FindStringSubmatch(body); found != nil {
			told = found[1]
		}
		if told != c.told {
			t.Errorf("%v: the page says %q, want %q", c.each, told, c.told)
		}
	}
}

// TestPagePinned: the page is not green while a site is pinned up and fails.
func TestPagePinned(t *testing.T) {
	t.Parallel()
	pair := sites(monitor.Up, monitor.Down)
	pair[1].Override = monitor.Up
	m := startSites(t, pair)
	unknown := func(s *monitor.Snapshot) bool { return s.State.Verdict == monitor.Unknown }
	for slices.ContainsFunc(m.Overview().Sites, unknown) {
		time.Sleep(time.Millisecond)
	}
	body := get(m, "/").Body.String()
	for _, want := range []string{
		`<header class="unknown">`,
		"<h1>site\u2011b is pinned up, and failing</h1>",
		"site-b is pinned up by its OVERRIDE; its probes say down",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("%q is not in\n%s", want, body)
		}
	}
}

// TestPagePolicy: the policy allows the page's own style and script, and the page uses nothing
// else.
func TestPagePolicy(t *testing.T) {
	t.Parallel()
	one := []*monitor.Monitor{startMonitor(t, monitor.Up, monitor.Down)}
	for _, monitors := range [][]*monitor.Monitor{one, startApps(t, "shop", "blog")} {
		checkPolicy(t, request(newServer(monitors...).Handler, "GET /"))
	}
}

func checkPolicy(t *testing.T, answer *httptest.ResponseRecorder) {
	t.Helper()
	body, policy := answer.Body.String(), answer.Header().Get("Content-Security-Policy")
	for _, tag := range []string{"style", "script"} {
		element := regexp.MustCompile(`(?s)<` + tag + `>(.*?)</` + tag + `>`)
		for _, match := range element.FindAllStringSubmatch(body, -1) {
			sum := sha256.Sum256([]byte(match[1]))
			want := tag + "-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
			if !strings.Contains(policy, want) {
				t.Errorf("%s is not in %s", want, policy)
			}
		}
	}
	if strings.Count(body, "<style>") != 1 || strings.Count(body, "<script>") != 1 {
		t.Errorf("no style, no script, or more than one in\n%s", body)
	}
	if !strings.HasPrefix(policy, "default-src 'none'; ") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q", policy)
	}
	// default-src does not cover these.
	for _, directive := range []string{"base-uri", "form-action", "frame-ancestors"} {
		if !strings.Contains(policy, "; "+directive+" 'none'") {
			t.Errorf("no %s in %q", directive, policy)
		}
	}
	foreign := regexp.MustCompile(
		`(src|href|action)="(https?:)?//|style="|\son[a-z]+=|@import|url\(`)
	if found := foreign.FindString(body); found != "" {
		t.Errorf("the page has %q", found)
	}
}

// startApps starts a monitor for each app, whose site-b is down.
func startApps(t *testing.T, names ...string) (monitors []*monitor.Monitor) {
	t.Helper()
	for _, name := range names {
		pair := sites(monitor.Up, monitor.Down)
		pair[0].App, pair[1].App = name, name
		monitors = append(monitors, startSites(t, pair))
	}
	return monitors
}

// TestPageOfApp is at /?app=shop, and leads back; an app that there is not has none.
func TestPageOfApp(t *testing.T) {
	t.Parallel()
	monitors := startApps(t, "shop", "blog")
	handler := newServer(monitors...).Handler
	monitors[0].Value(t.Context(), "site-a") // waits for the first results
	body := request(handler, "GET /?app=shop").Body.String()
	for _, want := range []string{
		"<title>site-b down – shop – example.com – Failover Monitor</title>",
		`<b>shop</b> <a id="all" href="./">All 2 apps</a>`,
		`href="status?app=shop"`, `aria-label="site-b"`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("%q is not in\n%s", want, body)
		}
	}
	if strings.Contains(body, "blog") {
		t.Errorf("another app is in\n%s", body)
	}
	if answer := request(handler, "GET /?app=pay"); answer.Code != 404 ||
		!strings.Contains(answer.Body.String(), `no app is called \"pay\"","apps":["shop","blog"]`) {
		t.Errorf("got %d %s", answer.Code, answer.Body)
	}
	only := newServer(startApps(t, "shop")[0]).Handler
	if body := request(only, "GET /").Body.String(); strings.Contains(body, `id="all"`) ||
		!strings.Contains(body, `aria-label="site-b"`) {
		t.Errorf("the page of the only app is\n%s", body)
	}
}

// TestPageEscapes: the page shows what a site sent as text.
func TestPageEscapes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const evil = `<script>alert(1)</script>"'>`
		ctx, cancel := context.WithCancel(t.Context())
		site := monitor.Site{
			Name: "site-a", Interval: 5 * time.Second, Timeout: time.Second,
			Thresholds: monitor.Thresholds{Failure: 1, Success: 1},
			Probe: func(context.Context) (probe.Result, error) {
				return probe.Result{
					Began: time.Now(), Reason: probe.ReasonProtocol, Detail: evil,
					CertNotAfter: time.Now().AddDate(0, 0, 10),
				}, nil
			},
		}
		other := site
		other.Name, other.Override = "site-b", monitor.Up
		page := testPage()
		m := monitor.New([]*monitor.Site{&site, &other}, monitor.Options{Observe: page.Observe})
		m.Start(ctx)
		time.Sleep(6 * time.Minute)
		m.Polled("site-a", evil, 0)
		srv := server.New([]*monitor.Monitor{m}, server.NewMetrics("test", false), page, nil,
			slog.New(slog.DiscardHandler))
		body := request(srv.Handler, "GET /").Body.String()
		cancel()
		m.Wait()
		for _, want := range []string{
			"&lt;script&gt;alert(1)", "as &lt;script&gt;", "0 of the last 60 probes were up, 60 protocol",
			"the certificate of site-a expires in 10 days, on 2000-01-11",
			"site-b is pinned up by its OVERRIDE; its probes say down",
			`<header class="down">`, "site\u2011a is down",
			"All sites fail, and no witnesses are set: it may be the monitor&#39;s own network",
			"site-b would be told 1, but its KEDA does not ask", "It last asked 0 s ago", "for 6 min",
			"<span>site-a is down: 1 of 1 probes failed, last: &lt;script&gt;",
			"probed at https://***@b.example.com/healthz",
		} {
			if !strings.Contains(body, want) {
				t.Errorf("%q is not in the page", want)
			}
		}
		for _, wrong := range []string{"<script>alert", "nobody asks for the value of site-a",
			"told to scale up", "No witnesses are set", "nobody asks for the value of site-b"} {
			if strings.Contains(body, wrong) {
				t.Errorf("%q is in the page", wrong)
			}
		}
	})
}

// TestPageOnDemand: without a poll no verdict is known, and the page does not call that an error.
func TestPageOnDemand(t *testing.T) {
	t.Parallel()
	up := func(context.Context) (probe.Result, error) { return probe.Result{Up: true}, nil }
	var sites []*monitor.Site
	for _, name := range []string{"site-a", "site-b"} {
		sites = append(sites, &monitor.Site{
			Name: name, Probe: up, Timeout: time.Second,
			Thresholds: monitor.Thresholds{Failure: 1, Success: 1},
		})
	}
	m := monitor.New(sites, monitor.Options{})
	if body := get(m, "/").Body.String(); strings.Contains(body, "503") ||
		!strings.Contains(body, "is probed when KEDA at site-a asks") {
		t.Errorf("got\n%s", body)
	}
	if body := get(m, "/status").Body.String(); !strings.Contains(body, `"on_demand": true`) {
		t.Errorf("got\n%s", body)
	}
}

// TestRedirected: page and status name the host to which a site redirects.
func TestRedirected(t *testing.T) {
	t.Parallel()
	pair := sites(monitor.Up, monitor.Up)
	pair[1].Probe = func(context.Context) (probe.Result, error) {
		return probe.Result{
			Up: true, Status: 200, Began: time.Now(), RedirectedTo: "https://login.example.com",
		}, nil
	}
	m := startSites(t, pair)
	for m.Overview().Sites[1].Last.Began.IsZero() {
		time.Sleep(time.Millisecond)
	}
	for path, want := range map[string]string{
		"/":       "answered after a redirect, from https://login.example.com",
		"/status": `"redirected_to": "https://login.example.com"`,
	} {
		if body := get(m, path).Body.String(); !strings.Contains(body, want) {
			t.Errorf("%s: %q is not in\n%s", path, want, body)
		}
	}
}

// TestPageNameless: a client without a user agent is not "as" anything, and the title of a monitor
// without a Host header has no gap.
func TestPageNameless(t *testing.T) {
	t.Parallel()
	m := startMonitor(t, monitor.Up, monitor.Up)
	m.Value(t.Context(), "site-a")
	m.Value(t.Context(), "site-b")
	m.Polled("site-a", "", 0)
	r := httptest.NewRequest("GET", "/", nil)
	r.Host = ""
	answer := httptest.NewRecorder()
	newServer(m).Handler.ServeHTTP(answer, r)
	body := answer.Body.String()
	for _, want := range []string{
		"It last asked 0 s ago.</p>", "up – Failover Monitor</title>", "</b> v1.2.3, as of <time>",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("%q is not in\n%s", want, body)
		}
	}
}
