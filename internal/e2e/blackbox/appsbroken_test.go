package blackbox

import (
	"crypto/tls"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"failover-monitor/internal/e2e/rig"
	"failover-monitor/internal/fakesite"
)

// TestBrokenApps breaks some apps at site B, each in another way: their own values say so, and
// those of the others stay what they were. Polls of these go on all the time. One that waited for
// the probe of a broken app would be a 503, or take longer than KEDA waits.
func TestBrokenApps(t *testing.T) {
	t.Parallel()
	ca, dir := rig.NewCA("Test CA"), t.TempDir()
	shows := func(notAfter time.Time) fakesite.Behaviour {
		certificate := ca.Issue(notAfter, "127.0.0.1")
		return rig.TLS(&tls.Config{Certificates: []tls.Certificate{certificate}},
			fakesite.Answer(http.StatusOK))
	}
	token := filepath.Join(dir, "token-locked")
	if err := os.WriteFile(token, []byte("geheim"), 0o600); err != nil {
		t.Fatal(err)
	}
	up, tomorrow := healthy(t), time.Now().AddDate(0, 0, 1)
	hangs, refuses := rig.Site(t, fakesite.Answer(200)), rig.Site(t, fakesite.Answer(200))
	expires, polled := rig.Site(t, shows(tomorrow)), rig.Site(t, fakesite.Answer(200))
	m := start(t, appSites("blog,hangs,refuses,expires,locked,polled", up, up,
		"CACHE_TTL_SEC=0.3", "PROBE_TIMEOUT_SEC=2", "APP_BLOG_PROBE_TIMEOUT_SEC=10",
		"APP_EXPIRES_CA_BUNDLE="+file(t, "ca.pem", ca.PEM),
		atSiteB("hangs", "http://"+hangs.Address()), atSiteB("refuses", "http://"+refuses.Address()),
		atSiteB("expires", "https://"+expires.Address()), atSiteB("polled", "http://"+polled.Address()),
		"APP_LOCKED_SITE_B_EXTRA_HEADER_KEY=X-Token",
		"APP_LOCKED_SITE_B_EXTRA_HEADER_VAL_FILE="+dir+"/token-{app}",
		"APP_POLLED_CACHE_TTL_SEC=0")...)
	for _, app := range []string{"blog", "hangs", "refuses", "expires", "locked"} {
		m.Verdict(t, app+"/site-b", "up")
		m.WantValue(t, app+"/site-a", "0")
		m.WantValue(t, app+"/site-b", "0")
	}
	m.WantValue(t, "polled/site-a", "0")

	var polling sync.WaitGroup
	done := make(chan struct{})
	defer func() { close(done); polling.Wait() }()
	for _, id := range []string{"blog/site-a", "blog/site-b"} {
		polling.Go(func() {
			for {
				select {
				case <-done:
					return
				case <-time.After(20 * time.Millisecond):
					m.WantValue(t, id, "0")
				}
			}
		})
	}
	hangs.Become(fakesite.Hang)
	polled.Become(fakesite.Hang)
	expires.Become(shows(time.Now().AddDate(0, 0, -1)))
	refuses.Refuse()
	if err := os.Remove(token); err != nil {
		t.Fatal(err)
	}
	for app, reason := range map[string]string{"hangs": "timeout", "refuses": "refused reset",
		"expires": "tls_expired"} {
		line := m.Verdict(t, app+"/site-b", "down")
		if !strings.Contains(reason, line.Reason) {
			t.Errorf("%s/site-b is down with the reason %s, want %s", app, line.Reason, reason)
		}
		m.WantValue(t, app+"/site-a", "1")
		m.WantValue(t, app+"/site-b", "0")
	}
	m.WantValue(t, "polled/site-a", "1") // and waits for its own probe
	m.WantValue(t, "polled/site-b", "0")

	want := `{"error":"no verdict on locked/site-b: probe could not be made: EXTRA_HEADER_VAL_FILE: `
	body := ""
	until(t, "a 503 for the app without a token", func() bool {
		var code int
		code, body = m.Get(t, "/metric/locked/site-a")
		return code == http.StatusServiceUnavailable
	})
	if !strings.HasPrefix(body, want) {
		t.Errorf("the 503 says %s, want %s…", body, want)
	}
	m.WantValue(t, "locked/site-b", "0")
	if code, body := m.Get(t, "/healthz"); code != http.StatusServiceUnavailable ||
		!strings.HasPrefix(body, "locked/site-b: probe could not be made: ") ||
		strings.Count(body, "\n") != 1 {
		t.Errorf("/healthz: %d %q, want it to name locked/site-b alone", code, body)
	}
	if code, body := m.Get(t, "/livez"); code != http.StatusOK {
		t.Errorf("/livez: %d %q: a restart would not help", code, body)
	}
	for _, app := range []string{"blog", "locked"} {
		if log := m.Log(); regexp.MustCompile(`"app":"` + app + `",.*"to":"down"`).MatchString(log) {
			t.Errorf("%s is blamed in the log:\n%s", app, log)
		}
	}
}

// TestAppsOutliveARestart restarts the monitor while one app is down, another is pinned, and all
// are pinned at site C.
func TestAppsOutliveARestart(t *testing.T) {
	t.Parallel()
	up := healthy(t)
	m := start(t, appSites("shop,blog,pay", up, up, "SITE_C_HEALTH_URL=http://"+up+"/{app}",
		"APP_PAY_SITE_C_HEALTH_URL=none", atSiteB("shop", "http://"+bound(t)),
		"FAILURE_THRESHOLD=2", "RETRY_INTERVAL_SEC=0.1", "CACHE_TTL_SEC=0.2",
		"STATE_DIRECTORY="+t.TempDir())...)
	environ := []string{"LISTEN_ADDR=" + m.Address}
	override := func(wantCode int, want string, args ...string) {
		t.Helper()
		code, stdout, stderr := command(t, environ, append([]string{"override"}, args...)...)
		if said := stdout + stderr; code != wantCode || !strings.Contains(said, want) {
			t.Errorf("%q: exit code %d, %q; want %d, %q", args, code, said, wantCode, want)
		}
	}
	values := func(want map[string]string) {
		t.Helper()
		for id, value := range want {
			until(t, id+" is told "+value, func() bool {
				_, body := m.Get(t, "/metric/"+id)
				return body == `{"value":`+value+"}\n"
			})
		}
	}
	m.Verdict(t, "shop/site-b", "down")
	values(map[string]string{"shop/site-a": "1", "blog/site-a": "0", "pay/site-a": "0"})

	override(0, "blog/site-b is pinned down by uid ", "blog/site-b", "down", "1h", "a drill")
	values(map[string]string{"shop/site-a": "1", "blog/site-a": "1", "pay/site-a": "0"})
	override(0, "blog/site-c is pinned down by uid ", "site-c", "down", "1h", "site C moves")
	pinned := map[string]string{"shop/site-a": "2", "shop/site-c": "1", "blog/site-a": "2",
		"blog/site-b": "1", "pay/site-a": "0", "pay/site-b": "0"}
	values(pinned)
	m.WantMetrics(t, `failover_site_override{app="blog",site="site-b"} 1`,
		`failover_site_override{app="shop",site="site-b"} 0`,
		`failover_site_override{app="shop",site="site-c"} 1`)

	m.Signal(t, syscall.SIGTERM)
	m.Wait()
	m.Run(t)
	m.AwaitListening(t)
	values(pinned)
	goesOn := m.WaitFor(t, func(l rig.LogLine) bool {
		return l.Msg == "override goes on" && l.ID() == "blog/site-b"
	})
	m.Verdict(t, "shop/site-b", "down")
	if _, status := m.Get(t, "/status?app=shop"); goesOn.App != "blog" ||
		strings.Count(status, `"failovers"`) != 2 {
		t.Errorf("%+v; want the outages of shop's sites B and C in\n%s", goesOn, status)
	}

	override(0, "shop/site-c is up since", "site-c", "clear")
	values(map[string]string{"shop/site-a": "1", "blog/site-a": "1", "blog/site-b": "0"})
	override(0, "nothing to clear: ", "site-c", "clear")
	override(0, "blog/site-b is up since", "blog/site-b", "clear")
	values(map[string]string{"shop/site-a": "1", "blog/site-a": "0", "pay/site-a": "0"})
	override(0, "no verdict is pinned\n")

	for named, want := range map[string]string{
		"site-x":        `"site-x": no such site: want APP/SITE, or a site for all apps: site-a, site-b`,
		"shop":          `"shop": no such site of shop: want shop/ and one of site-a, site-b, site-c`,
		"pay/site-c":    `"pay/site-c": no such site of pay: want pay/ and one of site-a, site-b`,
		"shop/":         `"shop/": no such site of shop: want shop/ and one of site-a, site-b, site-c`,
		"/site-b":       `"/site-b": no such app: there are shop, blog, pay`,
		"x/site-a":      `"x/site-a": no such app: there are shop, blog, pay`,
		"shop/site-a/":  `"shop/site-a/": no such site of shop`,
		"shop%2Fsite-a": `"shop%2Fsite-a": no such site`,
	} {
		override(2, want, named, "down", "1h", "x")
		override(2, want, named, "clear")
	}
}

// TestStopWithHangingApps stops the monitor while the probes of twenty apps hang, and a poll waits
// for one of them.
func TestStopWithHangingApps(t *testing.T) {
	t.Parallel()
	m := start(t, appSites(manyApps(20), healthy(t), site(t, fakesite.Hang), "PROBE_TIMEOUT_SEC=30",
		"ANSWER_TIMEOUT_SEC=20", "FAILURE_THRESHOLD=3", "RETRY_INTERVAL_SEC=0.1")...)
	m.Verdict(t, "app-19/site-a", "up")
	waiting := make(chan string, 1)
	go func() {
		resp, err := http.Get(m.URL("/metric/app-7/site-a"))
		if err != nil {
			waiting <- err.Error()
			return
		}
		resp.Body.Close()
		waiting <- resp.Status
	}()
	time.Sleep(500 * time.Millisecond)
	if code, took := m.Stop(t, syscall.SIGTERM); code != 0 || took > 2*time.Second {
		t.Errorf("exit code %d after %v, want 0 within 2 s", code, took)
	}
	if got := <-waiting; got != "503 Service Unavailable" {
		t.Errorf("the pending request got %q, want a 503", got)
	}
	if log := m.Log(); strings.Contains(log, `"to":"down"`) {
		t.Errorf("an outage is in the log:\n%s", log)
	}
}
