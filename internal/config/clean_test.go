package config_test

import (
	"strings"
	"testing"
	"time"
)

// TestDamagedEnvFile reads the predecessor's env file as podman passes it on: comments, quotes,
// CRLF.
func TestDamagedEnvFile(t *testing.T) {
	t.Parallel()
	cfg := load(t,
		"\ufeffSITE_A_HEALTH_URL=https://a.test/healthz\r",
		"SITE_B_HEALTH_URL = \"https://b.test/healthz\"",
		"PROBE_METHOD=GET           # GET or HEAD",
		`EXTRA_HEADER_VAL="Bearer x"`,
		"export EXTRA_HEADER_KEY=authorization",
		"PROBE_TIMEOUT_SEC='2.5'  # seconds\r",
		`ACCEPT_STATUS_REGEX=^2\d\d$`,
		"CA_BUNDLE=           # path to a PEM file",
		"PORT=tcp://10.96.0.1:8000",
	)
	site := cfg.Sites[1]
	for _, c := range []struct{ what, got, want string }{
		{"method", string(site.Method), "GET"},
		{"header", string(site.HeaderKey) + ": " + site.HeaderVal.Reveal(), "Authorization: Bearer x"},
		{"timeout", time.Duration(site.Timeout).String(), "2.5s"},
		{"url", site.HealthURL.Reveal().String(), "https://b.test/healthz"},
		{"bundle", site.CABundle, ""},
		{"address", string(cfg.ListenAddr), "0.0.0.0:8000"},
		{"warning", strings.Join(warnings(cfg), "|"),
			"PORT looks like a Kubernetes service link and is ignored; the default holds"},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %q, want %q", c.what, c.got, c.want)
		}
	}
}

func TestCleanedValues(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"Bearer x":               "Bearer x",
		"  Bearer x \r":          "Bearer x",
		`"Bearer x"`:             "Bearer x",
		`'Bearer x'`:             "Bearer x",
		`" x "`:                  " x ",
		`"Bearer x" # token`:     "Bearer x",
		`"Bearer # x"`:           "Bearer # x",
		`"a" # "b"`:              "a",
		`"status": *"up"`:        `"status": *"up"`,
		`'"status": *"up"'`:      `"status": *"up"`,
		`"\"status\": *\"up\""`:  `\"status\": *\"up\"`,
		`"{"a":1}"`:              `"{"a":1}"`,
		`"open`:                  `"open`,
		`it's`:                   `it's`,
		"Bearer x\t#token":       "Bearer x",
		"Bearer#x":               "Bearer#x",
		"#x":                     "#x",
		`x "y" # z`:              `x "y"`,
		`"`:                      `"`,
		"\u00a0Bearer x\u00a0\r": "Bearer x",
	} {
		cfg := load(t, twoSites("EXTRA_HEADER_KEY=X-Token", "EXTRA_HEADER_VAL="+raw)...)
		if got := cfg.Defaults.HeaderVal.Reveal(); got != want {
			t.Errorf("%q: got %q, want %q", raw, got, want)
		}
	}
	for _, empty := range []string{"", "   ", "# none", "  # none", `""`, "''  # none", "#"} {
		if cfg := load(t, twoSites("EXTRA_HEADER_VAL="+empty)...); cfg.Defaults.HeaderVal != "" {
			t.Errorf("%q: got %q, want nothing", empty, cfg.Defaults.HeaderVal.Reveal())
		}
	}
}
