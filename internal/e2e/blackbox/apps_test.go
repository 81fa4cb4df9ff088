package blackbox

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"failover-monitor/internal/e2e/rig"
	"failover-monitor/internal/fakesite"
)

// Three apps share the clusters at the sites A, B and C, and one has a site of its own: EU_WEST.
// Each kind of setting is given in each of four ways, and the clusters see which one counts.

// asked is how a cluster is asked for an app.
type asked struct{ cluster, path, method, host, token, serverName string }

// cluster is a site where several apps run, each at a path of its own.
type cluster struct {
	address string

	mu   sync.Mutex
	seen []asked
}

// startCluster starts one that answers 200. issue makes its certificate for a server name; an empty
// host in what it has seen is its own address.
func startCluster(
	t *testing.T, name string, issue func(serverName string) tls.Certificate,
) *cluster {
	t.Helper()
	c := new(cluster)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		one := asked{name, r.URL.Path, r.Method, r.Host, r.Header.Get("X-Token"), r.TLS.ServerName}
		if one.host == c.address {
			one.host = ""
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.seen = append(c.seen, one)
	}))
	s.TLS = &tls.Config{GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		certificate := issue(hello.ServerName)
		return &certificate, nil
	}}
	c.address = s.Listener.Addr().String()
	s.StartTLS()
	t.Cleanup(s.Close)
	return c
}

func (c *cluster) all() []asked {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.seen)
}

// TestAppsSettings: what is most specific counts, as the clusters see it: app and site, app, site,
// all. What belongs together comes from one place.
func TestAppsSettings(t *testing.T) {
	t.Parallel()
	authorities := map[string]*rig.CA{} // by the name of the CA
	dir := t.TempDir()
	write := func(name string, content []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"all", "at-b", "pay", "pay-at-a", "unknown"} {
		authorities[name] = rig.NewCA(name)
		write(name+".pem", authorities[name].PEM)
	}
	write("b-blog", []byte("blog-file-of-b\n"))
	write("pay", []byte("pay-file\n"))

	// The CA that signs is the only one that the monitor should trust there.
	want := map[string]struct {
		asked
		ca string
	}{
		"shop/site-a": {asked{"a", "/shop", "OPTIONS", "", "shop-own", "shop.test"}, "all"},
		"shop/site-b": {asked{"b", "/shop", "POST", "", "shop-own", "shop.b.test"}, "at-b"},
		"blog/site-a": {asked{"a", "/blog", "GET", "", "all-blog", "blog-own.test"}, "all"},
		"blog/site-b": {asked{"b", "/blog", "HEAD", "", "blog-file-of-b", "blog-own.test"}, "at-b"},
		"blog/site-c": {asked{"c", "/blog", "GET", "blog.host.test", "", "blog.c.test"}, "unknown"},
		"pay/site-a":  {asked{"a", "/pay", "GET", "", "pay-of-a", "pay.test"}, "pay-at-a"},
		"pay/site-b":  {asked{"d", "/pay-at-b", "HEAD", "", "pay-file", "pay.b.test"}, "pay"},
		"pay/site-eu-west": {asked{"d", "/own", "GET", "", "pay-file", "pay.test"},
			"pay"},
	}
	clusters := make(map[string]*cluster)
	for _, name := range []string{"a", "b", "c", "d"} {
		clusters[name] = startCluster(t, name, func(serverName string) tls.Certificate {
			for _, w := range want {
				if w.cluster == name && w.serverName == serverName {
					return authorities[w.ca].Issue(time.Now().AddDate(0, 0, 1), serverName)
				}
			}
			return authorities["unknown"].Issue(time.Now().AddDate(0, 0, 1), "nobody.test")
		})
	}
	at := func(name, path string) string { return "https://" + clusters[name].address + path }
	m := start(t, "APPS=shop,blog,pay", "FAILURE_THRESHOLD=100",
		"SITE_A_HEALTH_URL="+at("a", "/{app}"), "SITE_B_HEALTH_URL="+at("b", "/{app}"),
		"SITE_C_HEALTH_URL="+at("c", "/{app}"), "APP_SHOP_SITE_C_HEALTH_URL=none",
		"APP_PAY_SITE_C_HEALTH_URL=none", "APP_PAY_SITE_B_HEALTH_URL="+at("d", "/{app}-at-b"),
		"APP_PAY_SITE_EU_WEST_HEALTH_URL="+at("d", "/own"),

		"PROBE_METHOD=GET", "SITE_B_PROBE_METHOD=HEAD", "APP_SHOP_PROBE_METHOD=OPTIONS",
		"APP_SHOP_SITE_B_PROBE_METHOD=POST",

		"EXTRA_HEADER_KEY=X-Token", "EXTRA_HEADER_VAL=all-{app}",
		"SITE_B_EXTRA_HEADER_VAL_FILE="+dir+"/b-{app}", "APP_SHOP_EXTRA_HEADER_VAL={app}-own",
		"APP_PAY_EXTRA_HEADER_VAL_FILE="+dir+"/{app}", "APP_PAY_SITE_A_EXTRA_HEADER_VAL={app}-of-a",
		"APP_BLOG_SITE_C_EXTRA_HEADER_KEY=Host", "APP_BLOG_SITE_C_EXTRA_HEADER_VAL={app}.host.test",

		"TLS_SERVER_NAME={app}.test", "SITE_B_TLS_SERVER_NAME={app}.b.test",
		"APP_BLOG_TLS_SERVER_NAME={app}-own.test", "APP_BLOG_SITE_C_TLS_SERVER_NAME=blog.c.test",

		"CA_BUNDLE="+dir+"/all.pem", "SITE_B_REQUESTS_CA_BUNDLE="+dir+"/at-b.pem",
		"APP_PAY_REQUESTS_CA_BUNDLE="+dir+"/pay.pem", "APP_PAY_SITE_A_CA_BUNDLE="+dir+"/pay-at-a.pem",

		"VERIFY_TLS=true", "APP_BLOG_SITE_C_VERIFY_TLS=false")

	var all []asked
	for id, w := range want {
		m.Verdict(t, id, "up")
		m.WantValue(t, id, "0")
		all = append(all, w.asked)
	}
	for name, c := range clusters {
		for _, one := range c.all() {
			if !slices.Contains(all, one) {
				t.Errorf("cluster %s was asked %+v", name, one)
			}
		}
	}
	for id, w := range want {
		if seen := clusters[w.cluster].all(); !slices.Contains(seen, w.asked) {
			t.Errorf("%s: cluster %s was not asked %+v, but %+v", id, w.cluster, w.asked, seen)
		}
	}
	for _, id := range []string{"shop/site-c", "pay/site-c", "shop/site-eu-west"} {
		if code, body := m.Get(t, "/metric/"+id); code != http.StatusNotFound {
			t.Errorf("/metric/%s: %d %s, want 404: it is left out", id, code, body)
		}
	}
}

// TestAppsThresholds has every site down from the start: the threshold of each is in the log.
func TestAppsThresholds(t *testing.T) {
	t.Parallel()
	dead := site(t, fakesite.Answer(http.StatusInternalServerError))
	m := start(t, "APPS=shop,blog", "SITE_A_HEALTH_URL=http://"+dead+"/{app}",
		"SITE_B_HEALTH_URL=http://"+dead+"/{app}", "RETRY_INTERVAL_SEC=0.1", "FAILURE_THRESHOLD=1",
		"SITE_B_FAILURE_THRESHOLD=2", "APP_SHOP_FAILURE_THRESHOLD=3",
		"APP_SHOP_SITE_B_FAILURE_THRESHOLD=4")
	for id, probes := range map[string]int{"blog/site-a": 1, "blog/site-b": 2, "shop/site-a": 3,
		"shop/site-b": 4} {
		if line := m.Verdict(t, id, "down"); line.Probes != probes {
			t.Errorf("%s is down after %d probes, want %d", id, line.Probes, probes)
		}
	}
}

// appSites is the least of an environment with apps: two sites for each at these addresses, where
// the app is the path.
func appSites(apps, a, b string, more ...string) []string {
	return append([]string{"APPS=" + apps, "SITE_A_HEALTH_URL=http://" + a + "/{app}",
		"SITE_B_HEALTH_URL=http://" + b + "/{app}"}, more...)
}

// atSiteB replaces the address of an app's site B.
func atSiteB(app, url string) string {
	return "APP_" + strings.ToUpper(app) + "_SITE_B_HEALTH_URL=" + url
}
