package blackbox

import (
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"failover-monitor/internal/e2e/rig"
	"failover-monitor/internal/fakesite"
)

// manyApps are names of apps, with commas between them.
func manyApps(count int) string {
	names := make([]string, count)
	for i := range names {
		names[i] = fmt.Sprintf("app-%d", i)
	}
	return strings.Join(names, ",")
}

// TestAppsShareWitnesses has twenty apps fail at once: a witness is asked once a second, not once
// for each. While none answers, all apps stay as they were.
func TestAppsShareWitnesses(t *testing.T) {
	t.Parallel()
	const count = 20
	var asked atomic.Int32
	answers := func(conn net.Conn) {
		asked.Add(1)
		fakesite.Answer(http.StatusNotFound)(conn)
	}
	witness, b := rig.Site(t, answers), rig.Site(t, fakesite.Answer(http.StatusOK))
	m := start(t, appSites(manyApps(count), healthy(t), b.Address(), "CACHE_TTL_SEC=0.2",
		"PROBE_TIMEOUT_SEC=2", "WITNESS_URLS=http://"+witness.Address())...)
	turned := func(to string) {
		t.Helper()
		for i := range count {
			m.Verdict(t, fmt.Sprintf("app-%d/site-b", i), to)
		}
	}
	turned("up")
	witness.Refuse()
	b.Refuse()
	var polls sync.WaitGroup
	for i := range count {
		polls.Go(func() { // each waits for a probe, and that for the witnesses
			path, body := fmt.Sprintf("/metric/app-%d/site-a", i), ""
			until(t, "a 503 for each app", func() bool {
				var code int
				code, body = m.Get(t, path)
				return code == http.StatusServiceUnavailable
			})
			if !strings.Contains(body, "last known: up") {
				t.Errorf("%s: the 503 says %s", path, body)
			}
		})
	}
	polls.Wait()
	if log := m.Log(); strings.Contains(log, `"to":"down"`) ||
		strings.Count(log, `"monitor is offline`) != 1 {
		t.Errorf("want no outage, and that the monitor is offline once:\n%s", log)
	}

	began := time.Now()
	if err := witness.Become(answers); err != nil {
		t.Fatal(err)
	}
	turned("down")
	for i := range count {
		m.WantValue(t, fmt.Sprintf("app-%d/site-a", i), "1")
	}
	time.Sleep(2 * time.Second) // of failures
	most := int32(time.Since(began)/time.Second) + 2
	if got := asked.Load(); got < 2 || got > most {
		t.Errorf("the witness was asked %d times, want 2 to %d", got, most)
	}
	if log := m.Log(); strings.Count(log, `"monitor is online again"`) != 1 {
		t.Errorf("want once that the monitor is online again:\n%s", log)
	}
}

// TestThousandApps starts as many, at sites of which one is down: every KEDA is told so.
func TestThousandApps(t *testing.T) {
	t.Parallel()
	count := 1000
	if raceEnabled { // which takes ten times as long
		count = 100
	}
	m := start(t, appSites(manyApps(count), healthy(t), bound(t), "CACHE_TTL_SEC=30")...)
	for i := range count {
		id := fmt.Sprintf("app-%d/site-a", i)
		until(t, id+" is told 1", func() bool {
			_, body := m.Get(t, "/metric/"+id)
			return body == "{\"value\":1}\n"
		})
	}
	m.WantValue(t, "app-0/site-b", "0")
	for _, line := range strings.Split(m.Log(), "\n") {
		if strings.Contains(line, `"level":"WARN"`) && len(line) > 700 {
			t.Errorf("a warning of %d bytes: %.700s…", len(line), line)
		}
	}
	if code, took := m.Stop(t, syscall.SIGTERM); code != 0 || took > 2*time.Second {
		t.Errorf("stopped with exit code %d after %v", code, took)
	}
}

// TestCheckTakesItsTime: check spreads its probes. Thousands at once would make each other time
// out.
func TestCheckTakesItsTime(t *testing.T) {
	t.Parallel()
	const count = 200
	var mu sync.Mutex
	var first, last time.Time
	up := web(t, func(http.ResponseWriter, *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if last = time.Now(); first.IsZero() {
			first = last
		}
	})
	code, stdout, stderr := command(t, appSites(manyApps(count), up, up, "PROBE_TIMEOUT_SEC=20"),
		"check")
	if n := strings.Count(stdout, " up "); code != 0 || n != 2*count {
		t.Errorf("exit code %d, %d sites are up, %s", code, n, stderr)
	}
	if took := last.Sub(first); took < time.Millisecond*count {
		t.Errorf("%d probes began within %v", 2*count, took)
	}
}

// TestStrangeApps has names that could be taken for something else, and clusters that tell the apps
// apart by nothing but the Host header.
func TestStrangeApps(t *testing.T) {
	t.Parallel()
	longest := strings.Repeat("a", 63)
	names := []string{"site-a", "site-b", "metric", "metrics", "status", "app", "none", "all", "apps",
		"0", "1e3", "xn--bcher-kva", "a--b", "null", "site-a-probe-method", longest, "localhost"}
	var seen requests
	a, b := web(t, seen.handler), rig.Site(t, fakesite.Answer(http.StatusOK))
	m := start(t, "APPS="+strings.Join(names, " , "), "SITE_A_HEALTH_URL=http://"+a,
		"SITE_B_HEALTH_URL=http://"+b.Address(), "EXTRA_HEADER_KEY=Host", "EXTRA_HEADER_VAL={app}",
		"APP_SITE_A_SITE_B_OVERRIDE=down", "APP_SITE_B_SITE_A_OVERRIDE=down",
		"APP_NONE_SITE_A_HEALTH_URL=http://"+a+"/none")
	for _, name := range names {
		m.Verdict(t, name+"/site-b", "up")
		m.Verdict(t, name+"/site-a", "up")
		value := map[string]string{"site-a": "1"}[name]
		if value == "" {
			value = "0"
		}
		m.WantValue(t, name+"/site-a", value)
		if code, body := m.Get(t, "/status?app="+name); code != http.StatusOK ||
			strings.Count(body, `"app": "`+name+`"`) != 4 {
			t.Errorf("/status?app=%s: %d %s", name, code, body)
		}
	}
	m.WantValue(t, "site-b/site-b", "1")
	hosts := make(map[string]bool)
	for _, header := range seen.all() {
		hosts[header.Get("Host")] = true
	}
	for _, name := range names {
		if !hosts[name] {
			t.Errorf("no request with the Host %s, but with %v", name, hosts)
		}
	}
	environ := []string{"LISTEN_ADDR=" + m.Address}
	for named, pinned := range map[string]int{"metric/site-b": 1, "site-a/site-a": 1, "site-a": 17} {
		code, stdout, stderr := command(t, environ, "override", named, "up", "1h", "x")
		if n := strings.Count(stdout, " is pinned up "); code != 0 || n != pinned {
			t.Errorf("override %s: exit code %d, %s%s", named, code, stdout, stderr)
		}
	}
}

// TestAppsKeepSecrets searches all that the monitor prints, with sites that send the secrets back.
func TestAppsKeepSecrets(t *testing.T) {
	t.Parallel()
	echo := site(t, func(conn net.Conn) {
		request := make([]byte, 4096)
		n, _ := conn.Read(request)
		conn.Write(request[:n])
	})
	const secrets = "http://{app}:geheim-{app}@%s/{app}?token=geheim-{app}"
	token := file(t, "token-blog", []byte("geheim-blog-token\n"))
	environ := []string{"APPS=shop,blog", fmt.Sprintf("SITE_A_HEALTH_URL="+secrets, echo),
		fmt.Sprintf("SITE_B_HEALTH_URL="+secrets, healthy(t)),
		fmt.Sprintf("APP_SHOP_SITE_C_HEALTH_URL="+secrets, "{app}..geheim-not.test"),
		fmt.Sprintf("APP_BLOG_SITE_D_HEALTH_URL="+secrets, redirect(t, fmt.Sprintf(
			"http://%s/geheim-blog", echo))),
		"EXTRA_HEADER_KEY=X-Token", "EXTRA_HEADER_VAL=geheim-{app}-x",
		"APP_BLOG_EXTRA_HEADER_VAL_FILE=" + strings.TrimSuffix(token, "blog") + "{app}",
		"LOG_LEVEL=debug", "LISTEN_ADDR=" + rig.FreeAddress(t)}
	m := start(t, environ...)
	for _, id := range []string{"shop/site-a", "shop/site-c", "blog/site-a", "blog/site-d"} {
		m.Verdict(t, id, "down")
	}
	m.Verdict(t, "shop/site-b", "up")
	said := ""
	for _, path := range []string{"/metric/shop/site-a", "/metric/blog/site-b", "/healthz", "/status",
		"/status?app=shop", "/metrics", "/", "/?app=blog", "/nothing"} {
		_, body := m.Get(t, path)
		said += body
	}
	for _, args := range []string{"check", "config", "healthcheck"} {
		_, stdout, stderr := command(t, environ, args)
		_, _, wrong := command(t, append(environ, "APP_SHOP_SITE_A_HEALTH_URL=geheim-{app}@x",
			"APP_BLOG_SITE_A_HEALTH_URL=http://{app}:geheim@:x/", "APP_SHOP_EXTRA_HEADER_VAL=geheim\x01",
			"APP_BLOG_EXTRA_HEADER_VAL=geheim"), args)
		said += stdout + stderr + wrong
	}
	m.Stop(t, syscall.SIGTERM)
	said += m.Log()
	said = strings.ReplaceAll(said, "geheim-not.test", "") // the name of a host is none
	if i := regexp.MustCompile(`(?i)geheim|Z2VoZWlt`).FindStringIndex(said); i != nil {
		t.Errorf("a secret: …%s…", said[max(0, i[0]-300):min(len(said), i[0]+100)])
	}
	if !strings.Contains(said, "http://***@"+echo+"/shop?***") {
		t.Errorf("the URL with its secrets masked is not in\n%s", said)
	}
}
