package blackbox

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"failover-monitor/internal/e2e/rig"
)

// do sends a request with this target as it stands, which no client has cleaned.
func do(t *testing.T, m *rig.Monitor, method, target string) (
	code int, header http.Header, body string,
) {
	t.Helper()
	client := http.Client{Timeout: 3 * time.Second,
		Transport: &http.Transport{DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(t.Context(), method, m.URL("/"), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.URL.Opaque = target
	if strings.HasPrefix(target, "//") { // Opaque would be a host
		req.URL.Opaque = "http://" + m.Address + target
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(text)
}

// TestAppsAnswers asks each route of a monitor of three apps for what there is, and for what there
// is not. A site that one app alone has is no site of the others.
func TestAppsAnswers(t *testing.T) {
	t.Parallel()
	up := healthy(t)
	m := start(t, appSites("shop,blog,metric", up, up, "APP_BLOG_SITE_X_HEALTH_URL=http://"+up,
		atSiteB("shop", "http://"+bound(t)))...)
	m.Verdict(t, "shop/site-b", "down")
	for _, id := range []string{"blog/site-x", "metric/site-a", "metric/site-b", "blog/site-a",
		"blog/site-b"} {
		m.Verdict(t, id, "up")
	}
	for id, value := range map[string]string{"shop/site-a": "1", "shop/site-b": "0",
		"blog/site-x": "0", "metric/site-a": "0"} {
		m.WantValue(t, id, value)
		code, header, body := do(t, m, http.MethodHead, "/metric/"+id)
		if code != http.StatusOK || body != "" || header.Get("Content-Length") != "12" ||
			header.Get("Cache-Control") != "no-store" {
			t.Errorf("HEAD /metric/%s: %d %v %q", id, code, header, body)
		}
		for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete} {
			code, header, body := do(t, m, method, "/metric/"+id)
			if code != http.StatusMethodNotAllowed || header.Get("Allow") != "GET, HEAD" ||
				body != "{\"error\":\"only GET and HEAD are answered here\"}\n" {
				t.Errorf("%s /metric/%s: %d %v %q", method, id, code, header, body)
			}
		}
	}

	const apps, ofShop = `"apps":["shop","blog","metric"]`, `"sites":["site-a","site-b"]`
	const lists = "/metric/{app}/{site}\"," // and then what there is
	long := strings.Repeat("a", 10000)
	for target, want := range map[string]string{
		"/metric/site-a":            lists + apps,
		"/metric/nope/site-a":       lists + apps,
		"/metric/SHOP/site-a":       lists + apps,
		"/metric/":                  lists + apps,
		"/metric":                   lists + apps,
		"/metric//shop/site-a":      lists + apps,
		"//metric/shop/site-a":      lists + apps,
		"/metric/%2E%2E/site-a":     lists + apps,
		"/metric/shop%00/site-a":    lists + apps,
		"/metric/" + long + "/x":    lists + apps,
		"/shop/site-a":              lists + apps,
		"/metric/shop":              lists + ofShop,
		"/metric/shop/":             lists + ofShop,
		"/metric/shop//site-a":      lists + ofShop,
		"/metric/shop/site-a/":      lists + ofShop,
		"/metric/shop/site-x":       lists + ofShop,
		"/metric/shop/Site-A":       lists + ofShop,
		"/metric/shop/shop/site-a":  lists + ofShop,
		"/metric/blog/nope":         lists + `"sites":["site-a","site-b","site-x"]`,
		"/status?app=nope":          `{"error":"no app is called \"nope\"",` + apps,
		"/status?app=":              `{"error":"no app is called \"\"",` + apps,
		"/status?app=nope&app=shop": `{"error":"no app is called \"nope\"",` + apps,
		"/status?app=" + long:       `{"error":"no app is called \"` + long + `\"",` + apps,
	} {
		code, header, body := do(t, m, http.MethodGet, target)
		if code != http.StatusNotFound || !strings.HasSuffix(body, want+"}\n") ||
			header.Get("Content-Type") != "application/json" {
			t.Errorf("%.100s: %d %.300s, want 404 …%.100s}", target, code, body, want)
		}
	}
	// As HTTP has it, these are the same path.
	for _, target := range []string{"/metric/shop%2Fsite-a", "/metric/%73hop/site%2Da",
		"/metric/shop/site-a?app=blog", "/metric/shop/site-a?"} {
		if code, _, body := do(t, m, http.MethodGet, target); code != 200 || body != "{\"value\":1}\n" {
			t.Errorf("%s: %d %s", target, code, body)
		}
	}

	for target, want := range map[string]string{"/status": "shop shop blog blog blog metric metric",
		"/status?app=blog": "blog blog blog", "/status?app=metric&app=shop": "metric metric"} {
		code, _, body := do(t, m, http.MethodGet, target)
		var status struct {
			Sites, Metrics []struct{ App, Site, Explanation string }
		}
		if err := json.Unmarshal([]byte(body), &status); code != http.StatusOK || err != nil {
			t.Fatalf("%s: %d %v %s", target, code, err, body)
		}
		var sites, metrics []string
		for i, s := range status.Sites {
			sites, metrics = append(sites, s.App), append(metrics, status.Metrics[i].App)
		}
		if got := strings.Join(sites, " "); got != want || strings.Join(metrics, " ") != want {
			t.Errorf("%s has the sites of %s, and the metrics of %s; want %s", target, got, metrics, want)
		}
		if len(status.Sites) == 7 && !strings.HasPrefix(status.Metrics[0].Explanation,
			"shop/site-b is down since ") {
			t.Errorf("shop/site-a's value is explained with %q", status.Metrics[0].Explanation)
		}
	}
	if code, body := m.Get(t, "/healthz"); code != http.StatusOK || body != "ok\n" {
		t.Errorf("/healthz: %d %q", code, body)
	}
	if log := m.Log(); !strings.Contains(log, `"msg":"site is down","app":"shop","site":"site-b"`) {
		t.Errorf("the log does not say the app before the site:\n%s", log)
	}
}

// TestAllSitesOfAnAppDown: ALL_DOWN_POLICY is about the sites of an app, whatever the others are.
func TestAllSitesOfAnAppDown(t *testing.T) {
	t.Parallel()
	up, dead := healthy(t), bound(t)
	m := start(t, appSites("shop,blog,pay", up, dead, "APP_SHOP_SITE_A_HEALTH_URL=http://"+dead,
		"APP_PAY_SITE_B_HEALTH_URL=http://"+up, "ALL_DOWN_POLICY=error")...)
	for id, to := range map[string]string{"shop/site-a": "down", "shop/site-b": "down",
		"blog/site-a": "up", "blog/site-b": "down", "pay/site-a": "up", "pay/site-b": "up"} {
		m.Verdict(t, id, to)
	}
	for id, value := range map[string]string{"blog/site-a": "1", "blog/site-b": "0",
		"pay/site-a": "0"} {
		m.WantValue(t, id, value)
	}
	for _, id := range []string{"shop/site-a", "shop/site-b"} {
		if code, body := m.Get(t, "/metric/"+id); code != http.StatusServiceUnavailable ||
			!strings.Contains(body, "all sites are down") {
			t.Errorf("/metric/%s: %d %s, want 503", id, code, body)
		}
	}
}

// TestAppsAreListed: a 404 lists the first 50 apps, and says how many more there are.
func TestAppsAreListed(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{50: `"app-49"]}`, 52: `"app-49"],"more":2}`} {
		up := healthy(t)
		m := start(t, appSites(manyApps(n), up, up)...)
		for _, path := range []string{"/metric/nope/site-a", "/metric/site-a", "/status?app=nope"} {
			code, body := m.Get(t, path)
			if code != http.StatusNotFound || !strings.HasSuffix(body, want+"\n") ||
				!strings.Contains(body, `"apps":["app-0","app-1",`) {
				t.Errorf("%d apps: %s: %d %s, want …%s", n, path, code, body, want)
			}
		}
	}
}

// series matches one of /metrics and its labels.
var series = regexp.MustCompile(`(?m)^([a-z_]+)\{(.*)\} `)

// TestAppLabel: with apps, each series that has a site has an app, and the other way round. Without
// them none has.
func TestAppLabel(t *testing.T) {
	t.Parallel()
	up, dead := healthy(t), bound(t)
	apps := start(t, appSites("shop,blog", up, dead, "APP_BLOG_SITE_B_OVERRIDE=up")...)
	apps.Verdict(t, "shop/site-b", "down")
	plain := start(t, sites(up, dead, "APP_SHOP_SITE_B_OVERRIDE=up")...)
	plain.Verdict(t, "site-b", "down")
	plain.WantValue(t, "site-a", "1")
	apps.WantValue(t, "shop/site-a", "1")
	apps.WantValue(t, "blog/site-a", "0")

	names := func(m *rig.Monitor, wantApp bool) map[string]bool {
		found := make(map[string]bool)
		_, text := m.Get(t, "/metrics")
		for _, one := range series.FindAllStringSubmatch(text, -1) {
			site, app := strings.Contains(one[2], `site="`), strings.Contains(one[2], `app="`)
			if app != (site && wantApp) {
				t.Errorf("the series %s{%s} has the label site (%v) and app (%v)", one[1], one[2], site, app)
			}
			if site {
				found[one[1]] = true
			}
		}
		return found
	}
	withApps, without := names(apps, true), names(plain, false)
	if fmt.Sprint(withApps) != fmt.Sprint(without) || len(without) < 20 {
		t.Errorf("with apps %v have a site, without %v", withApps, without)
	}
	if _, text := apps.Get(t, "/metrics"); !strings.Contains(text,
		`failover_metric_value{app="shop",site="site-a"} 1`) ||
		!strings.Contains(text, `failover_metric_value{app="blog",site="site-a"} 0`) {
		t.Errorf("the values are not in\n%s", text)
	}
}

// TestWithoutApps: variables of apps and a parameter app change nothing while APPS is not set.
func TestWithoutApps(t *testing.T) {
	t.Parallel()
	up, dead := healthy(t), bound(t)
	environ := sites(up, dead)
	strange := append(sites(up, dead), "APPS= # shop,blog", "APP_ENV=production",
		"APP_SHOP_SITE_A_HEALTH_URL=nonsense", "APP_SHOP_SITE_B_OVERRIDE=up", "APP_PROBE_METHOD=X",
		"APP_SHOP_EXTRA_HEADER_VAL=x")
	_, plain, _ := command(t, environ, "config")
	plain, _, _ = strings.Cut(plain, "# warning: ")
	if code, stdout, stderr := command(t, strange, "config"); code != 0 ||
		!strings.HasPrefix(stdout, plain+"# warning: ") {
		t.Errorf("config: exit code %d, %s\n%s\nwant\n%s", code, stderr, stdout, plain)
	}
	m := start(t, strange...)
	m.Verdict(t, "site-b", "down")
	for _, query := range []string{"", "?app=x", "?app=", "?app=site-a&app=y"} {
		m.WantValue(t, "site-a"+query, "1")
		if code, body := m.Get(t, "/status"+query); code != 200 || strings.Contains(body, `"app"`) ||
			strings.Count(body, `"verdict": "`) != 2 {
			t.Errorf("/status%s: %d %s", query, code, body)
		}
		if code, body := m.Get(t, "/"+query); code != 200 || !strings.Contains(body, "site-b") {
			t.Errorf("/%s: %d %s", query, code, body)
		}
	}
	want := " and, for each site, /metric/{site}\",\"sites\":[\"site-a\",\"site-b\"]}\n"
	for _, path := range []string{"/metric//site-a", "/metric/shop/site-a", "/metric/x", "/shop"} {
		if code, body := m.Get(t, path); code != 404 || !strings.HasSuffix(body, want) {
			t.Errorf("%s: %d %s, want 404 …%s", path, code, body, want)
		}
	}
	for _, named := range []string{"/site-b", "shop/site-b"} {
		code, _, stderr := command(t, []string{"LISTEN_ADDR=" + m.Address}, "override", named, "up", "1h",
			"x")
		if code != 2 || !strings.Contains(stderr, ": no such site: there are site-a, site-b\n") {
			t.Errorf("override %s: exit code %d, %s", named, code, stderr)
		}
	}
	if log := m.Log(); strings.Contains(log, `"app"`) {
		t.Errorf("an app is in the log:\n%s", log)
	}
}
