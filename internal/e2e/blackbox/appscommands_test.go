package blackbox

import (
	"regexp"
	"strings"
	"testing"

	"failover-monitor/internal/e2e/rig"
)

// TestAppsCommands: check and config name app and site, and what config prints gives the same
// settings again.
func TestAppsCommands(t *testing.T) {
	t.Parallel()
	up, dead := healthy(t), bound(t)
	token := file(t, "token-shop", []byte("x"))
	ca := file(t, "ca.pem", rig.NewCA("Test CA").PEM)
	environ := appSites("shop,eu-blog,xn--bcher-kva", up, up, atSiteB("eu_blog", "http://"+dead),
		"SITE_C_HEALTH_URL=http://"+up+"/c/{app}", "APP_SHOP_SITE_C_HEALTH_URL=none # not there",
		"APP_XN__BCHER_KVA_SITE_D_HEALTH_URL=\"http://"+up+"/d\"", "FAILURE_THRESHOLD=3",
		"SITE_B_FAILURE_THRESHOLD=4", "APP_SHOP_FAILURE_THRESHOLD=2", "APP_SHOP_VERIFY_TLS=off",
		"EXTRA_HEADER_KEY=X-Token", "EXTRA_HEADER_VAL_FILE="+strings.TrimSuffix(token, "shop")+"{app}",
		"APP_EU_BLOG_SITE_B_EXTRA_HEADER_VAL=geheim", "SITE_A_OVERRIDE=up", "TLS_SERVER_NAME={app}.test",
		"APP_SHOP_SITE_A_OVERRIDE=down", "CA_BUNDLE="+ca, "APP_SHOP_SITE_B_REQUESTS_CA_BUNDLE="+ca,
		"WITNESS_URLS=tcp://"+up, "APP_EU_BLOG_SITE_C_EXTRA_HEADER_VAL_FILE="+token)
	code, printed, stderr := command(t, environ, "config")
	if code != 0 || stderr != "" || strings.Contains(printed, "geheim") ||
		strings.Contains(printed, "APP_SHOP_SITE_C") {
		t.Errorf("config: exit code %d, %s%s", code, stderr, printed)
	}
	for _, line := range []string{"APPS=shop,eu-blog,xn--bcher-kva",
		"APP_EU_BLOG_SITE_B_HEALTH_URL=http://" + dead, "APP_SHOP_SITE_B_FAILURE_THRESHOLD=2",
		"APP_EU_BLOG_SITE_B_FAILURE_THRESHOLD=4",
		"APP_XN__BCHER_KVA_SITE_D_HEALTH_URL=http://" + up + "/d",
		"APP_SHOP_SITE_A_OVERRIDE=down", "APP_SHOP_SITE_A_EXTRA_HEADER_VAL_FILE=" + token,
		"# eu-blog/site-b, xn--bcher-kva/site-b: 13s when it hangs, 10s when it refuses connections"} {
		if !strings.Contains(printed, line+"\n") {
			t.Errorf("%q is not in what config prints:\n%s", line, printed)
		}
	}
	printed, _, _ = strings.Cut(printed, "\n# warning: ") // which name the variables
	_, again, stderr := command(t, strings.Split(printed, "\n"), "config")
	if again, _, _ = strings.Cut(again, "\n# warning: "); again != printed {
		t.Errorf("read again it gives %s\n%s\nwant\n%s", stderr, again, printed)
	}

	code, stdout, _ := command(t, environ, "check")
	for _, line := range []string{`shop/site-a +up +- +200 `, `eu-blog/site-b +down +refused `,
		`eu-blog/site-c +up `, `xn--bcher-kva/site-a +unknown `, `witness tcp://` + up + ` +up `,
		`eu-blog/site-b is down: connection refused`,
		`xn--bcher-kva/site-a, .*, xn--bcher-kva/site-d are unknown: probe could not be made: EXTRA_`,
		`warning: shop/site-a is pinned down by its OVERRIDE`} {
		if code != 1 || !regexp.MustCompile("(?m)^"+line).MatchString(stdout) {
			t.Errorf("check: exit code %d, want 1 and %q in\n%s", code, line, stdout)
		}
	}
	if strings.Contains(stdout, "shop/site-c") {
		t.Errorf("check probes what is left out:\n%s", stdout)
	}
}

// TestAppsUsage: what is wrong is one line, and nothing starts.
func TestAppsUsage(t *testing.T) {
	t.Parallel()
	const names = ": want names of lower-case letters, digits and hyphens, with commas between " +
		"them, such as shop,blog"
	long := strings.Repeat("a", 64)
	for i, c := range []struct{ set, want string }{
		{"APPS=shop,blog,shop", `APPS="shop,blog,shop": "shop" is there twice` + names},
		{"APPS=shop,", `APPS="shop,": "" is no name for an app` + names},
		{"APPS=Shop", `APPS="Shop": "Shop" is no name for an app` + names},
		{"APPS=my shop", `APPS="my shop": "my shop" is no name for an app` + names},
		{"APPS=shop/site-a", `APPS="shop/site-a": "shop/site-a" is no name for an app` + names},
		{"APPS=" + long, `APPS="` + long[:60] + `…": "` + long + `" is no name for an app` + names},
		{"APP_SHP_SITE_A_HEALTH_URL=http://a.test",
			"APP_SHP_SITE_A_HEALTH_URL: no such setting; did you mean APP_SHOP_SITE_A_HEALTH_URL?"},
		{"APP_BLOG_PROBE_METHD=HEAD",
			"APP_BLOG_PROBE_METHD: no such setting; did you mean APP_BLOG_PROBE_METHOD?"},
		{"APP_SHOP_WITNESS_URLS=tcp://a.test:1", "APP_SHOP_WITNESS_URLS: no such setting; did you mean " +
			"WITNESS_URLS, which is one for all apps?"},
		{"APP_SHOP_SITE_A_HEALTH_URL=none", "want at least two sites for each app, such as " +
			"SITE_A_HEALTH_URL and SITE_B_HEALTH_URL; there are fewer for shop"},
		{"APP_SHOP_SITE_C_VERIFY_TLS=no", "APP_SHOP_SITE_C_VERIFY_TLS: shop has no site-c; set " +
			"APP_SHOP_SITE_C_HEALTH_URL to a URL, or remove it"},
		{"SITE_B_HEALTH_URL=http://b.test", "SITE_B_HEALTH_URL has no {app} in it, and there is no " +
			"APP_<APP>_SITE_B_HEALTH_URL for shop, blog: each app needs a URL of its own"},
		{"PROBE_TIMEOUT_SEC={app}", "PROBE_TIMEOUT_SEC: has {app} in it, which stands for an app " +
			"only in HEALTH_URL, TLS_SERVER_NAME, EXTRA_HEADER_VAL, EXTRA_HEADER_VAL_FILE"},
		{"APPS=", "SITE_A_HEALTH_URL: has {app} in it, and APPS is not set, which names the apps"},
	} {
		environ := append(appSites("shop,blog", "a.test", "b.test"), c.set)
		commands := [][]string{{"config"}, nil, {"check"}}
		if i > 0 {
			commands = commands[:1] // all read the settings in the same way
		}
		for _, args := range commands {
			code, stdout, stderr := command(t, environ, args...)
			lines := strings.Split(strings.TrimSuffix(stderr, "\n"), "\n")
			if code != 2 || stdout != "" || lines[0] != "failover-monitor: "+c.want ||
				len(lines) > 1 && c.set != "APPS=" { // that is for site B, too
				t.Errorf("%s: %q: exit code %d, %q\n got %s\nwant %s", c.set, args, code, stdout, stderr,
					c.want)
			}
		}
	}
}
