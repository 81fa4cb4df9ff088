package config_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// TestURLsAreRepaired: a percent sign that begins no escape stands for itself, and a path has no
// dots.
func TestURLsAreRepaired(t *testing.T) {
	t.Parallel()
	load(t, twoSites("SITE_B_HEALTH_URL=http://b:/healthz")...) // an empty port is that of the scheme
	for raw, want := range map[string]string{
		"http://b/100%/healthz": "http://b/100%25/healthz",
		"http://b/%":            "http://b/%25",
		"http://b/%zz/%2/%41":   "http://b/%25zz/%252/%41",
		"http://b/?full=100%":   "http://b/?full=100%25",
		"http://u:50%off@b/":    "http://u:50%25off@b/",
		"http://u:50%25off@b/":  "http://u:50%25off@b/",
		// what may not stand in a password
		"http://a@b:p^|{}ä@b/x":     "http://a%40b:p%5E%7C%7B%7D%C3%A4@b/x",
		`http://u:"<>[\]@[::1]:80/`: "http://u:%22%3C%3E%5B%5C%5D@[::1]:80/",
		"http://b/?at=x^@y":         "http://b/?at=x^@y",
		"http://[fe80::1%eth0]/":    "http://[fe80::1%25eth0]/",
		"http://b/a/../healthz/./x": "http://b/healthz/x",
		"http://b/healthz/../":      "http://b/",
		"http://b//a//b":            "http://b//a//b",
		"http://b/a%2Fb/..":         "http://b/",
	} {
		cfg := load(t, twoSites("SITE_B_HEALTH_URL="+raw)...)
		if got := cfg.Sites[1].HealthURL.Reveal().String(); got != want {
			t.Errorf("%s: %s, want %s", raw, got, want)
		}
	}
	cfg := load(t, twoSites("SITE_B_HEALTH_URL=http://u:50%off@b/")...)
	if password, _ := cfg.Sites[1].HealthURL.Reveal().User.Password(); password != "50%off" {
		t.Errorf("password %q, want 50%%off", password)
	}
}

// TestProxies reads proxies from the given environment, in either spelling, and hides their
// passwords.
func TestProxies(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		lines         []string
		plain, tls    string // the proxies for http://b.test and https://b.test
		shown, warned string // how config shows them; the warnings
	}{
		{nil, "", "", "HTTP_PROXY= HTTPS_PROXY= ALL_PROXY= NO_PROXY=", ""},
		{[]string{`HTTP_PROXY="http://u:geheim@proxy:3128"  # ours`, "export https_proxy=proxy:3129\r"},
			"http://u:geheim@proxy:3128", "http://proxy:3129",
			"HTTP_PROXY=http://***@proxy:3128 HTTPS_PROXY=http://proxy:3129 ALL_PROXY= NO_PROXY=", ""},
		{[]string{"ALL_PROXY=socks5h://proxy", "HTTPS_PROXY=https://proxy"}, "socks5h://proxy",
			"https://proxy",
			"HTTP_PROXY= HTTPS_PROXY=https://proxy ALL_PROXY=socks5h://proxy NO_PROXY=", ""},
		{[]string{"HTTP_PROXY=http://one", "http_proxy=http://two"}, "http://two", "",
			"HTTP_PROXY=http://two HTTPS_PROXY= ALL_PROXY= NO_PROXY=",
			"HTTP_PROXY and http_proxy differ: http_proxy counts"},
		{[]string{"HTTP_PROXY=http://proxy", "no_proxy=.test,10.0.0.0/8"}, "", "",
			"HTTP_PROXY=http://proxy HTTPS_PROXY= ALL_PROXY= NO_PROXY=.test,10.0.0.0/8", ""},
		{[]string{"ALL_PROXY=http://proxy", "NO_PROXY=.x.test, .b.test"}, "", "",
			"HTTP_PROXY= HTTPS_PROXY= ALL_PROXY=http://proxy NO_PROXY=.x.test, .b.test", ""},
		{[]string{"HTTP_PROXY=http://u:p^w@proxy"}, "http://u:p%5Ew@proxy", "",
			"HTTP_PROXY=http://***@proxy HTTPS_PROXY= ALL_PROXY= NO_PROXY=", ""},
		{[]string{"HTTP_PROXY=http://proxy", "REQUEST_METHOD=GET"}, "http://proxy", "",
			"HTTP_PROXY=http://proxy HTTPS_PROXY= ALL_PROXY= NO_PROXY=", ""},
	} {
		cfg := load(t, twoSites(c.lines...)...)
		for address, want := range map[string]string{"http://b.test/": c.plain,
			"https://b.test/": c.tls, "http://127.0.0.1/": ""} {
			u, _ := url.Parse(address)
			via, err := cfg.Proxies.For()(u)
			if got := fmt.Sprint(via); err != nil || (via == nil) != (want == "") ||
				via != nil && got != want {
				t.Errorf("%q: %s goes through %s, %v; want %s", c.lines, address, got, err, want)
			}
		}
		var shown []string
		for _, s := range cfg.Settings() {
			if strings.HasSuffix(s.Name, "_PROXY") {
				shown = append(shown, s.Name+"="+s.Value)
			}
		}
		if got, warned := strings.Join(shown, " "), strings.Join(warnings(cfg), "|"); got != c.shown ||
			warned != c.warned {
			t.Errorf("%q: shown as %s, warnings %q", c.lines, got, warned)
		}
	}
}

// TestExampleHosts are refused as health URLs, and nowhere else.
func TestExampleHosts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ url, want string }{
		{"https://site-a.example.com/healthz",
			`SITE_A_HEALTH_URL="https://site-a.example.com/healthz": site-a.example.com`},
		{"https://example.com", `SITE_A_HEALTH_URL="https://example.com": example.com`},
		{"http://example.net:8080/", `SITE_A_HEALTH_URL="http://example.net:8080/": example.net`},
		{"http://A.Example.ORG./x", `SITE_A_HEALTH_URL="http://A.Example.ORG./x": A.Example.ORG.`},
		{"http://shop.example", `SITE_A_HEALTH_URL="http://shop.example": shop.example`},
		{"http://example/", `SITE_A_HEALTH_URL="http://example/": example`},
		{"http://u:geheim@a.example/?geheim", `SITE_A_HEALTH_URL="http://***@a.example/?***": a.example`},
		{"https://myexample.com", ""}, {"https://example.com.internal", ""}, {"https://example.de", ""},
		{"https://a.test", ""},
		{"https://my-example/", ""}, {"http://a.internal/example.com", ""},
		{"http://example.com@a.test/", ""},
	} {
		want := ""
		if c.want != "" {
			want = c.want + " is the host of an example: set your own"
		}
		if got := strings.Join(problems(twoSites("SITE_A_HEALTH_URL="+c.url)...), "|"); got != want {
			t.Errorf("%s:\n got %q\nwant %q", c.url, got, want)
		}
	}
	load(t,
		twoSites("WITNESS_URLS=https://www.example.com", "HTTP_PROXY=http://proxy.example.com:3128",
			"TLS_SERVER_NAME=app.example.com", "EXTRA_HEADER_KEY=Host",
			"EXTRA_HEADER_VAL=app.example.com")...)
}
