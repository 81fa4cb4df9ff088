package config_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"failover-monitor/internal/config"
)

// twoSites is the smallest environment that loads.
func twoSites(more ...string) []string {
	return append([]string{"SITE_A_HEALTH_URL=https://a.test/healthz",
		"SITE_B_HEALTH_URL=https://b.test/healthz"}, more...)
}

func load(t *testing.T, environ ...string) config.Config {
	t.Helper()
	cfg, err := config.Load(environ)
	if err != nil {
		t.Fatalf("Load(%q): %v", environ, err)
	}
	return cfg
}

const hasty = "FAILURE_THRESHOLD=1 without WITNESS_URLS: one lost packet can take "

// warnings are those of settings, without the one that the defaults have.
func warnings(cfg config.Config) []string {
	return slices.DeleteFunc(slices.Clone(cfg.Warnings), func(w string) bool {
		return strings.HasPrefix(w, hasty)
	})
}

// problems are the lines of Load's error.
func problems(environ ...string) []string {
	_, err := config.Load(environ)
	if err == nil {
		return nil
	}
	return strings.Split(err.Error(), "\n")
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	cfg := load(t, twoSites()...)
	var lines []string
	for _, s := range cfg.Settings() {
		lines = append(lines, s.Name+"="+s.Value)
	}
	want := []string{
		"PORT=8000", "LISTEN_ADDR=0.0.0.0:8000", "ANSWER_TIMEOUT_SEC=2", "WEB_CONFIG_FILE=",
		"LOG_LEVEL=info", "LOG_FORMAT=text", "STATE_DIRECTORY=", "APPS=", "WITNESS_URLS=",
		"ALL_DOWN_POLICY=scale",
		"HTTP_PROXY=", "HTTPS_PROXY=", "ALL_PROXY=", "NO_PROXY=",
		"PROBE_METHOD=GET", "PROBE_TIMEOUT_SEC=3", "VERIFY_TLS=true", `ACCEPT_STATUS_REGEX=^2\d\d$`,
		"EXPECT_BODY_REGEX=", "FOLLOW_REDIRECTS=",
		"CACHE_TTL_SEC=5", "EXTRA_HEADER_KEY=", "EXTRA_HEADER_VAL=", "EXTRA_HEADER_VAL_FILE=",
		"REQUESTS_CA_BUNDLE=", "CA_BUNDLE=",
		"CLIENT_CERT_FILE=", "CLIENT_KEY_FILE=", "TLS_SERVER_NAME=", "FAILURE_THRESHOLD=1",
		"SUCCESS_THRESHOLD=1", "RETRY_INTERVAL_SEC=1",
		"SITE_A_HEALTH_URL=https://a.test/healthz",
		"SITE_B_HEALTH_URL=https://b.test/healthz",
	}
	if !slices.Equal(lines, want) {
		t.Errorf("settings\n got %q\nwant %q", lines, want)
	}
	if len(warnings(cfg)) > 0 || len(cfg.Warnings) != 1 {
		t.Errorf("warnings %q, want that of FAILURE_THRESHOLD alone", cfg.Warnings)
	}
}

// TestAllMistakesAtOnce: the error has a line for every mistake.
func TestAllMistakesAtOnce(t *testing.T) {
	t.Parallel()
	got := problems("SITE_A_HEALTH_URL=https://a.test", "PORT=http", "PROBE_TIMEOUT_SEC=x",
		"SITE_A_PROBE_METHOD=x", "LOG_LEVEL=x")
	var names []string
	for _, line := range got {
		name, _, _ := strings.Cut(line, "=")
		names = append(names, name)
	}
	want := []string{"PORT", "LOG_LEVEL", "PROBE_TIMEOUT_SEC", "SITE_A_PROBE_METHOD",
		"site-a is the only site: want at least two, such as SITE_A_HEALTH_URL and SITE_B_HEALTH_URL"}
	if !slices.Equal(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
	if got := problems(); len(got) != 1 ||
		!strings.HasPrefix(got[0], "SITE_A_HEALTH_URL and SITE_B_HEALTH_URL are not set") {
		t.Errorf("empty environment: %q", got)
	}
	got = problems("SITE_A_HEALTH_URL=https://a.test",
		"site_b_health_url=https://b.test", "FAILURE_TRESHOLD=3")
	want = []string{
		"site-a is the only site: want at least two, such as SITE_A_HEALTH_URL and SITE_B_HEALTH_URL",
		"FAILURE_TRESHOLD is no setting and is ignored; did you mean FAILURE_THRESHOLD?",
		"site_b_health_url is no setting and is ignored; did you mean SITE_B_HEALTH_URL?"}
	if !slices.Equal(got, want) {
		t.Errorf("with names that are nearly right: %q, want %q", got, want)
	}
}

// TestSettingsOfOneSite: a site's own setting replaces the one for all sites.
func TestSettingsOfOneSite(t *testing.T) {
	t.Parallel()
	cfg := load(t, twoSites("PROBE_TIMEOUT_SEC=2", "SITE_B_PROBE_TIMEOUT_SEC=1",
		"SITE_B_VERIFY_TLS=off",
		"EXTRA_HEADER_KEY=X-Token", "EXTRA_HEADER_VAL=one", "SITE_B_EXTRA_HEADER_VAL=two")...)
	a, b := cfg.Sites[0], cfg.Sites[1]
	if a.Timeout != config.PositiveSeconds(2*time.Second) ||
		b.Timeout != config.PositiveSeconds(time.Second) {
		t.Errorf("timeouts %v and %v, want 2 and 1", a.Timeout, b.Timeout)
	}
	if !a.VerifyTLS || b.VerifyTLS {
		t.Errorf("VERIFY_TLS %v and %v, want true and false", a.VerifyTLS, b.VerifyTLS)
	}
	if a.HeaderVal.Reveal() != "one" || b.HeaderVal.Reveal() != "two" {
		t.Errorf("headers %q and %q, want one and two", a.HeaderVal.Reveal(), b.HeaderVal.Reveal())
	}
	var own []string
	for _, s := range cfg.Settings() {
		if strings.HasPrefix(s.Name, "SITE_B_") {
			own = append(own, s.Name+"="+s.Value)
		}
	}
	want := []string{"SITE_B_HEALTH_URL=https://b.test/healthz", "SITE_B_PROBE_TIMEOUT_SEC=1",
		"SITE_B_VERIFY_TLS=false", "SITE_B_EXTRA_HEADER_VAL=***"}
	if !slices.Equal(own, want) {
		t.Errorf("site-b's own settings %q, want %q", own, want)
	}
}
