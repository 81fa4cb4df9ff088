package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"failover-monitor/internal/config"
	"failover-monitor/internal/e2e/rig"
)

// twoApps is the smallest environment with apps that loads.
func twoApps(more ...string) []string {
	return append([]string{"APPS=shop,eu-blog", "SITE_A_HEALTH_URL=https://{app}.a.test/healthz",
		"SITE_B_HEALTH_URL=https://{app}.b.test/healthz"}, more...)
}

// sitesOf lists the sites of a configuration with what is probed.
func sitesOf(cfg config.Config) (list []string) {
	for _, s := range cfg.Sites {
		list = append(list, s.ID()+" "+s.HealthURL.String())
	}
	return list
}

// TestSitesOfApps: apps are in the order of APPS, and sites in that of their names; an app has a
// URL of its own, an own site, or one less.
func TestSitesOfApps(t *testing.T) {
	t.Parallel()
	cfg := load(t, twoApps("APPS= shop , eu-blog", "SITE_C_HEALTH_URL=https://c.test/{app}",
		"APP_EU_BLOG_SITE_C_HEALTH_URL=None", "APP_SHOP_SITE_B_HEALTH_URL=https://old.b.test/?{app}",
		"APP_EU_BLOG_SITE_EU_WEST_HEALTH_URL=https://{app}.west.test")...)
	want := []string{
		"shop/site-a https://shop.a.test/healthz", "shop/site-b https://old.b.test/?***",
		"shop/site-c https://c.test/shop",
		"eu-blog/site-a https://eu-blog.a.test/healthz", "eu-blog/site-b https://eu-blog.b.test/healthz",
		"eu-blog/site-eu-west https://eu-blog.west.test",
	}
	if got := sitesOf(cfg); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := cfg.Sites[1].HealthURL.Reveal().RawQuery; got != "shop" {
		t.Errorf("the query of shop at site-b is %q, want shop", got)
	}
}

// TestMostSpecificSettingCounts goes from what holds for all to what holds for a site of an app:
// each reaches the sites that it is for, and no other.
func TestMostSpecificSettingCounts(t *testing.T) {
	t.Parallel()
	lines, want := twoApps(), []string{"3", "3", "3", "3"} // shop at a and b, eu-blog at a and b
	for _, step := range []struct {
		line  string
		sites []int
	}{
		{"PROBE_TIMEOUT_SEC=4", []int{0, 1, 2, 3}},
		{"SITE_B_PROBE_TIMEOUT_SEC=5", []int{1, 3}},
		{"APP_SHOP_PROBE_TIMEOUT_SEC=6", []int{0, 1}}, // the app counts more than the site
		{"APP_SHOP_SITE_A_PROBE_TIMEOUT_SEC=7", []int{0}},
		{"APP_EU_BLOG_SITE_B_PROBE_TIMEOUT_SEC=8", []int{3}},
		{"APP_EU_BLOG_SITE_A_PROBE_TIMEOUT_SEC=", nil}, // as if it was not there
	} {
		lines = append(lines, step.line)
		_, value, _ := strings.Cut(step.line, "=")
		for _, i := range step.sites {
			want[i] = value
		}
		var got []string
		for _, s := range load(t, lines...).Sites {
			got = append(got, s.Timeout.String())
		}
		if !slices.Equal(got, want) {
			t.Errorf("with %s: %q, want %q", step.line, got, want)
		}
	}
}

// TestGroupsOfApps: an app that gives one of the settings that belong together inherits none of the
// others.
func TestGroupsOfApps(t *testing.T) {
	t.Parallel()
	cfg := load(t, twoApps("EXTRA_HEADER_KEY=X-Token", "EXTRA_HEADER_VAL=all-{app}",
		"SITE_B_EXTRA_HEADER_VAL=b-{app}", "APP_SHOP_EXTRA_HEADER_VAL_FILE=/run/{app}",
		"APP_SHOP_SITE_B_EXTRA_HEADER_VAL={app}-at-b", "TLS_SERVER_NAME={app}.test")...)
	var got []string
	for _, s := range cfg.Sites {
		got = append(got, fmt.Sprintf("%q %q %s", s.HeaderVal.Reveal(), s.HeaderValFile, s.TLSServerName))
	}
	want := []string{`"" "/run/shop" shop.test`, `"shop-at-b" "" shop.test`,
		`"all-eu-blog" "" eu-blog.test`, `"b-eu-blog" "" eu-blog.test`}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestTakenBack: none has an app not inherit a setting that has no default. What is printed reads
// back as the same.
func TestTakenBack(t *testing.T) {
	t.Parallel()
	bundle := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(bundle, rig.NewCA("Test CA").PEM, 0o600); err != nil {
		t.Fatal(err)
	}
	given := twoApps("EXTRA_HEADER_KEY=X-Token", "EXTRA_HEADER_VAL=secret", "CA_BUNDLE="+bundle,
		"EXPECT_BODY_REGEX=ok", "FOLLOW_REDIRECTS=never", "TLS_SERVER_NAME={app}.test",
		"CLIENT_CERT_FILE=/c", "CLIENT_KEY_FILE=/k", "SITE_B_OVERRIDE=down",
		"APP_SHOP_EXTRA_HEADER_KEY=none", "APP_SHOP_CA_BUNDLE=None", "APP_SHOP_EXPECT_BODY_REGEX=none",
		"APP_SHOP_FOLLOW_REDIRECTS=none", "APP_SHOP_TLS_SERVER_NAME=none",
		"APP_SHOP_CLIENT_CERT_FILE=none", "APP_SHOP_SITE_B_OVERRIDE=none")
	cfg := load(t, given...)
	var printed []string
	for _, s := range cfg.Settings() {
		printed = append(printed, s.Name+"="+s.Value)
	}
	for _, read := range []config.Config{cfg, load(t, printed...)} {
		shop, blog := read.Sites[1], read.Sites[3]
		if shop.HeaderKey != "" || shop.HeaderVal != "" || shop.Bundle != nil || shop.ClientCert != "" ||
			shop.ExpectBody.Regexp() != nil || shop.FollowRedirects != "" || shop.TLSServerName != "" ||
			shop.Override != "" {
			t.Errorf("shop inherits %+v", shop)
		}
		if blog.HeaderKey != "X-Token" || blog.HeaderVal == "" || blog.Bundle == nil ||
			blog.ClientCert != "/c" || blog.ExpectBody.Regexp() == nil || blog.FollowRedirects != "never" ||
			blog.TLSServerName != "eu-blog.test" || blog.Override != "down" {
			t.Errorf("eu-blog has %+v", blog)
		}
	}
	const want = "APP_SHOP_EXTRA_HEADER_VAL is set but APP_SHOP_EXTRA_HEADER_KEY " +
		"is not: set both or neither"
	if got := problems(append(given, "APP_SHOP_EXTRA_HEADER_VAL=x")...); !slices.Equal(got,
		[]string{want}) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := problems(twoSites("SITE_B_FOLLOW_REDIRECTS=none")...); len(got) != 1 {
		t.Errorf("without apps: %q", got)
	}
}

// TestSettingsOfApps: what is printed reads back as the same sites.
func TestSettingsOfApps(t *testing.T) {
	t.Parallel()
	cfg := load(t, twoApps("FAILURE_THRESHOLD=3", "SITE_B_FAILURE_THRESHOLD=4",
		"APP_SHOP_SITE_B_OVERRIDE=down", "SITE_A_OVERRIDE=up", "TLS_SERVER_NAME={app}.test")...)
	var lines []string
	for _, s := range cfg.Settings() {
		lines = append(lines, s.Name+"="+s.Value)
	}
	if got := lines[len(lines)-4:]; !slices.Equal(got, []string{
		"APP_EU_BLOG_SITE_A_TLS_SERVER_NAME=eu-blog.test",
		"APP_EU_BLOG_SITE_B_HEALTH_URL=https://eu-blog.b.test/healthz",
		"APP_EU_BLOG_SITE_B_TLS_SERVER_NAME=eu-blog.test", "APP_EU_BLOG_SITE_B_FAILURE_THRESHOLD=4"}) {
		t.Errorf("the last settings are %q", got)
	}
	again := load(t, lines...)
	for i, s := range cfg.Sites {
		a := again.Sites[i]
		if s.ID() != a.ID() || s.FailureThreshold != a.FailureThreshold || s.Override != a.Override ||
			s.TLSServerName != a.TLSServerName || s.HealthURL.String() != a.HealthURL.String() {
			t.Errorf("%+v, read again it is %+v", s, a)
		}
	}
	if cfg.Sites[0].Override != "up" || cfg.Sites[1].Override != "down" ||
		cfg.Sites[3].Override != "" {
		t.Error("an override reached another site")
	}
}

// TestRefusedApps: each mistake has one line, which says what to write instead.
func TestRefusedApps(t *testing.T) {
	t.Parallel()
	const names = "want names of lower-case letters, digits and hyphens, with commas between them, " +
		"such as shop,blog"
	long := strings.Repeat("a", 64)
	for line, want := range map[string]string{
		"APPS=shop,eu-blog,Pay":  `APPS="shop,eu-blog,Pay": "Pay" is no name for an app: ` + names,
		"APPS=shop,,eu-blog":     `APPS="shop,,eu-blog": "" is no name for an app: ` + names,
		"APPS=shop,eu-blog,-x":   `APPS="shop,eu-blog,-x": "-x" is no name for an app: ` + names,
		"APPS=eu-blog,shop,shop": `APPS="eu-blog,shop,shop": "shop" is there twice: ` + names,
		"APPS=Shop,eu-blog,eu-blog,pay_x": `APPS="Shop,eu-blog,eu-blog,pay_x": ` +
			`"Shop" is no name for an ` +
			`app, "eu-blog" is there twice, "pay_x" is no name for an app: ` + names,
		"APPS=shop,eu-blog," + long: fmt.Sprintf(`APPS=%q: %q is no name for an app: `+names,
			("shop,eu-blog," + long)[:60]+"…", long),
		"APPS=eu_blog": `APPS="eu_blog": "eu_blog" is no name for an app: ` + names,
		"APP_SHOP_FAILURE_TRESHOLD=1": "APP_SHOP_FAILURE_TRESHOLD: no such setting; did you mean " +
			"APP_SHOP_FAILURE_THRESHOLD?",
		"APP_SHPO_VERIFY_TLS=1": "APP_SHPO_VERIFY_TLS: no such setting; did " +
			"you mean APP_SHOP_VERIFY_TLS?",
		"APP_EU_BLOK_SITE_A_HEALTH_URL=http://x": "APP_EU_BLOK_SITE_A_HEALTH_URL: no such setting; did " +
			"you mean APP_EU_BLOG_SITE_A_HEALTH_URL?",
		"APP_SHOP_SITE_A_HELTH_URL=http://x": "APP_SHOP_SITE_A_HELTH_URL: no " +
			"such setting; did you mean " +
			"APP_SHOP_SITE_A_HEALTH_URL?",
		"APP_ENV=production": "APP_ENV: no such setting; it begins with the " +
			"name of no app in APPS, such " +
			"as APP_SHOP_",
		"APP_SHOP_X=1": "APP_SHOP_X: no such setting; want a setting of an app, or of a site of it, " +
			"behind APP_SHOP_",
		"APP_SHOP_LOG_LEVEL=info": "APP_SHOP_LOG_LEVEL: no such setting; did you mean LOG_LEVEL, " +
			"which is one for all apps?",
		"APP_SHOP_FOO_VERIFY_TLS=1": "APP_SHOP_FOO_VERIFY_TLS: no such setting; did you mean " +
			"APP_SHOP_VERIFY_TLS?",
		"APP_SHOP_OVERRIDE=up": "APP_SHOP_OVERRIDE: no such setting; want a setting of an app, or of a " +
			"site of it, behind APP_SHOP_",
		"APP_SHOP_SITE_C_VERIFY_TLS=1": "APP_SHOP_SITE_C_VERIFY_TLS: shop has no site-c; set " +
			"APP_SHOP_SITE_C_HEALTH_URL to a URL, or remove it",
		"SITE_C_VERIFY_TLS=1": "SITE_C_VERIFY_TLS: there is no site-c; set SITE_C_HEALTH_URL, too",
		"APP_SHOP_SITE_C_HEALTH_URL=none": "APP_SHOP_SITE_C_HEALTH_URL=none: " +
			"shop has no site-c without " +
			"it: remove it",
		"APP_SHOP_SITE_B_HEALTH_URL=none": "want at least two sites for each app, such as " +
			"SITE_A_HEALTH_URL and SITE_B_HEALTH_URL; there are fewer for shop",
		"SITE_B_HEALTH_URL=https://b.test/healthz": "SITE_B_HEALTH_URL has no " +
			"{app} in it, and there is " +
			"no APP_<APP>_SITE_B_HEALTH_URL for shop, eu-blog: each app needs a URL of its own",
		"EXPECT_BODY_REGEX={app}": "EXPECT_BODY_REGEX: has {app} in it, which stands for an app " +
			"only in HEALTH_URL, TLS_SERVER_NAME, EXTRA_HEADER_VAL, EXTRA_HEADER_VAL_FILE",
		"SITE_B_HEALTH_URL=https://b.test/{{app}}": "SITE_B_HEALTH_URL: has " +
			"{{app}} in it: only {app} is " +
			"replaced, written like this",
		"SITE_B_HEALTH_URL=https://${app}.b.test/": "SITE_B_HEALTH_URL: has " +
			"${app} in it: only {app} is " +
			"replaced, written like this",
		"SITE_B_HEALTH_URL=https://{app}.test/%7Bapp%7D": "SITE_B_HEALTH_URL: " +
			"has %7Bapp%7D in it: only " +
			"{app} is replaced, written like this",
		"APPS_SHOP_SITE_A_VERIFY_TLS=0": "APPS_SHOP_SITE_A_VERIFY_TLS: no such setting; did you mean " +
			"APP_SHOP_SITE_A_VERIFY_TLS?",
		"APP_eu-blog_VERIFY_TLS=0": "APP_eu-blog_VERIFY_TLS: no such setting; did you mean " +
			"APP_EU_BLOG_VERIFY_TLS?",
		"SITE_B_HEALTH_URL={app}": `SITE_B_HEALTH_URL="shop": want a URL such as ` +
			"https://site.example.com/healthz",
		"SITE_B_HEALTH_URL=https://{app}.example.com/": "SITE_B_HEALTH_URL=" +
			`"https://shop.example.com/": shop.example.com is the host of an example: set your own`,
		"APP_SHOP_SITE_B_PROBE_TIMEOUT_SEC=x": `APP_SHOP_SITE_B_PROBE_TIMEOUT_SEC="x": want ` +
			"seconds as a plain number from 0.001 to 86400, such as 3 or 0.5",
	} {
		if got := problems(twoApps(line)...); !slices.Equal(got, []string{want}) {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}

// TestAmbiguousApps: what two apps could mean is refused, and not given to one of them.
func TestAmbiguousApps(t *testing.T) {
	t.Parallel()
	const names = `APPS=%q: a variable that begins with APP_%s_SITE_ could ` +
		`be of %s or of %s: rename ` +
		"one of them"
	for lines, want := range map[string]string{
		"APPS=shop,shop-site-a": fmt.Sprintf(names, "shop,shop-site-a", "SHOP", "shop", "shop-site-a"),
		"APPS=a-site-b-site,x,a-site-b": fmt.Sprintf(names, "a-site-b-site,x,a-site-b", "A_SITE_B",
			"a-site-b", "a-site-b-site"),
		"APPS=shop-requests,shop|APP_SHOP_REQUESTS_CA_BUNDLE=/x": "APP_SHOP_REQUESTS_CA_BUNDLE can be " +
			"read in two ways, as CA_BUNDLE of shop-requests and as " +
			"REQUESTS_CA_BUNDLE of shop: rename one " +
			"of the apps",
		"APPS=shop,shop-sitemap,site-a,my-site|APP_SHOP_SITEMAP_VERIFY_TLS=0": "",
	} {
		got := problems(twoApps(strings.Split(lines, "|")...)...)
		if want == "" && got != nil || want != "" && !slices.Equal(got, []string{want}) {
			t.Errorf("%s: %q, want %q", lines, got, want)
		}
	}
}

// TestAcceptedApps has what looks wrong, and is not.
func TestAcceptedApps(t *testing.T) {
	t.Parallel()
	for _, line := range []string{
		"APPS=shop", "APPS=xn--bcher-kva,site-a,metric,0," + strings.Repeat("a", 63),
		"APP_SHOP_SERVICE_HOST=10.0.0.1", "APP_SHOP_PORT_80_TCP_ADDR=10.0.0.1", "APP_=", "APP_X=",
		"APP_SERVICE_HOST=10.0.0.1|APP_SERVICE_PORT_HTTP=80|APP_PORT=tcp://10.0.0.1:80",
		"APP_PORT_80_TCP_ADDR=10.0.0.1", "SITE_SERVICE_HOST=10.0.0.1|SITE_PORT=tcp://10.0.0.1:80",
		"SITE_B_HEALTH_URL=https://10.0.0.1/|EXTRA_HEADER_KEY=host|EXTRA_HEADER_VAL={app}.test",
		"SITE_B_HEALTH_URL=https://b.test/|APP_SHOP_SITE_B_HEALTH_URL=https://shop.test/|" +
			"APP_EU_BLOG_SITE_B_HEALTH_URL=https://blog.test/",
		"APP_SHOP_SITE_C_HEALTH_URL=http://c|SITE_C_VERIFY_TLS=0|APP_SHOP_SITE_C_OVERRIDE=up",
		"APP_SHOP_SITE_B_HEALTH_URL=none|APP_SHOP_SITE_C_HEALTH_URL=http://c",
	} {
		if got := problems(twoApps(strings.Split(line, "|")...)...); got != nil {
			t.Errorf("%s: %q, want it accepted", line, got)
		}
	}
}

// TestWithoutApps: variables of apps change nothing, but for a hint where they are surely meant.
func TestWithoutApps(t *testing.T) {
	t.Parallel()
	plain := load(t, twoSites()...)
	cfg := load(t, twoSites("APP_ENV=x", "APP_SHOP_VERIFY_TLS=0", "APP_=1",
		"APP_SHOP_SITE_A_HEALTH_URL=http://x")...)
	if !slices.Equal(sitesOf(cfg), sitesOf(plain)) || !bool(cfg.Sites[0].VerifyTLS) ||
		cfg.Sites[0].App != "" {
		t.Errorf("got %+v, want the sites of %+v", cfg.Sites, plain.Sites)
	}
	if got, want := warnings(cfg), []string{
		"APP_SHOP_SITE_A_HEALTH_URL is ignored: APPS is not set, " +
			"which names the apps"}; !slices.Equal(got, want) {
		t.Errorf("warnings %q, want %q", got, want)
	}
	const want = "SITE_B_HEALTH_URL: has {app} in it, and APPS is not set, which names the apps"
	if got := problems(twoSites("SITE_B_HEALTH_URL=http://b.test/{app}")...); !slices.Equal(got,
		[]string{want}) {
		t.Errorf("got %q, want %q", got, want)
	}
	got := problems(twoSites("EXTRA_HEADER_KEY=X", "EXTRA_HEADER_VAL=geheim{app}")...)
	if len(got) != 1 || strings.Contains(got[0], "geheim") {
		t.Errorf("got %q, want one line without the secret", got)
	}
}

// TestHintsOfApps: names that are almost an app's setting have a warning.
func TestHintsOfApps(t *testing.T) {
	t.Parallel()
	cfg := load(t, twoApps("SHOP_SITE_A_HEALTH_URL=http://x", "app_shop_verify_tls=0", "SHOP_HOME=/x",
		"APPS_PORT=tcp://10.0.0.1:80", "EXTRA_HEADER_KEY=X", `EXTRA_HEADER_VAL={"a":1}`)...)
	want := []string{
		"SHOP_SITE_A_HEALTH_URL is no setting and is ignored; did you mean APP_SHOP_SITE_A_HEALTH_URL?",
		"app_shop_verify_tls is no setting and is ignored; did you mean APP_SHOP_VERIFY_TLS?",
	}
	if got := warnings(cfg); !slices.Equal(got, want) {
		t.Errorf("warnings %q, want %q", got, want)
	}
}

// TestManyAppsAreShort: what is wrong, or dangerous, for a thousand apps is said in a few lines.
func TestManyAppsAreShort(t *testing.T) {
	t.Parallel()
	var names []string
	for i := range 1000 {
		names = append(names, fmt.Sprintf("app-%03d", i))
	}
	lines := twoApps("APPS="+strings.Join(names, ","), "SITE_B_OVERRIDE=up", "RETRY_INTERVAL_SEC=7")
	cfg := load(t, lines...)
	if len(cfg.Sites) != 2000 || len(cfg.Warnings) > 40 {
		t.Errorf("%d sites, %d warnings", len(cfg.Sites), len(cfg.Warnings))
	}
	for _, warning := range cfg.Warnings {
		if len(warning) > 400 {
			t.Errorf("a warning of %d bytes: %s", len(warning), warning)
		}
	}
	if got := cfg.Warnings[len(cfg.Warnings)-1]; !strings.Contains(got,
		"more warnings like this one") {
		t.Errorf("the last warning is %q", got)
	}
	got := problems(append(lines, "SITE_B_HEALTH_URL=x{app}", "SITE_A_PROBE_TIMEOUT_SEC=0",
		"SITE_A_HEALTH_URL=http://a.test/")...)
	if len(got) != 3 || len(strings.Join(got, "")) > 1000 {
		t.Errorf("%d problems, %d bytes: %q", len(got), len(strings.Join(got, "")), got)
	}
}

// FuzzApps gives a setting to one app: the same environment never gives another reading, and no
// app's setting reaches another app.
func FuzzApps(f *testing.F) {
	f.Add("shop,eu-blog", "SHOP", "SITE_B_", "FAILURE_THRESHOLD", "7")
	f.Add("shop,shop-site-b", "SHOP", "SITE_B_", "VERIFY_TLS", "off")
	f.Add("shop,shop-requests", "SHOP", "", "REQUESTS_CA_BUNDLE", "/etc/ssl")
	f.Add("a,a-b,a-b-c", "A_B", "SITE_A_", "HEALTH_URL", "https://{app}.x")
	f.Add("shop,pay", "PAY", "SITE_C_", "HEALTH_URL", "none")
	f.Add("shop,pay", "PAY", "", "EXTRA_HEADER_VAL", "{app}")
	f.Fuzz(func(t *testing.T, apps, app, site, key, value string) {
		lines := twoApps("APPS=" + apps)
		before, err := config.Load(lines)
		if err != nil {
			return
		}
		line := "APP_" + app + "_" + site + key + "=" + value
		after, err := config.Load(append(lines, line))
		again, errAgain := config.Load(append([]string{line}, lines...))
		if fmt.Sprint(err) != fmt.Sprint(errAgain) ||
			fmt.Sprint(after.Settings()) != fmt.Sprint(again.Settings()) {
			t.Fatalf("%s: two readings", line)
		}
		if err != nil {
			return
		}
		changed := make(map[string]bool) // apps
		for _, diff := range [][2]config.Config{{before, after}, {after, before}} {
			known := settingsByApp(diff[0])
			for name, settings := range settingsByApp(diff[1]) {
				if settings != known[name] {
					changed[name] = true
				}
			}
		}
		if len(changed) > 1 {
			t.Errorf("APPS=%s with %s changes %v", apps, line, changed)
		}
	})
}

// settingsByApp are the effective settings of each app's sites.
func settingsByApp(cfg config.Config) map[string]string {
	settings := make(map[string]string)
	for _, s := range cfg.Sites {
		s.Bundle, s.AcceptStatus = nil, cfg.Defaults.AcceptStatus // pointers
		settings[s.App] += fmt.Sprintf("%+v\n", s)
	}
	return settings
}
