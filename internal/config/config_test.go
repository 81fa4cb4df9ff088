package config_test

import (
	"crypto/x509"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"failover-monitor/internal/config"
	"failover-monitor/internal/e2e/rig"
)

// twoSites is the least that loads.
func twoSites(more ...string) []string {
	return append([]string{"SITE_A_HEALTH_URL=https://a.example.com/healthz",
		"SITE_B_HEALTH_URL=https://b.example.com/healthz"}, more...)
}

func load(t *testing.T, environ ...string) config.Config {
	t.Helper()
	cfg, err := config.Load(environ)
	if err != nil {
		t.Fatalf("Load(%q): %v", environ, err)
	}
	return cfg
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
		"LOG_LEVEL=info", "LOG_FORMAT=text", "WITNESS_URLS=", "ALL_DOWN_POLICY=scale",
		"HTTP_PROXY=", "HTTPS_PROXY=", "ALL_PROXY=", "NO_PROXY=",
		"PROBE_METHOD=GET", "PROBE_TIMEOUT_SEC=3", "VERIFY_TLS=true", `ACCEPT_STATUS_REGEX=^2\d\d$`,
		"EXPECT_BODY_REGEX=", "FOLLOW_REDIRECTS=",
		"CACHE_TTL_SEC=5", "EXTRA_HEADER_KEY=", "EXTRA_HEADER_VAL=", "EXTRA_HEADER_VAL_FILE=",
		"REQUESTS_CA_BUNDLE=", "CA_BUNDLE=",
		"CLIENT_CERT_FILE=", "CLIENT_KEY_FILE=", "TLS_SERVER_NAME=", "FAILURE_THRESHOLD=1",
		"SUCCESS_THRESHOLD=1", "RETRY_INTERVAL_SEC=1",
		"SITE_A_HEALTH_URL=https://a.example.com/healthz",
		"SITE_B_HEALTH_URL=https://b.example.com/healthz",
	}
	if !slices.Equal(lines, want) {
		t.Errorf("settings\n got %q\nwant %q", lines, want)
	}
	if cfg.Warnings != nil {
		t.Errorf("warnings %q, want none", cfg.Warnings)
	}
}

// TestDamagedEnvFile is the predecessor's env file as podman hands it over: comments, quotes, CRLF.
func TestDamagedEnvFile(t *testing.T) {
	t.Parallel()
	cfg := load(t,
		"\ufeffSITE_A_HEALTH_URL=https://a.example.com/healthz\r",
		"SITE_B_HEALTH_URL = \"https://b.example.com/healthz\"",
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
		{"url", site.HealthURL.Reveal().String(), "https://b.example.com/healthz"},
		{"bundle", site.CABundle, ""},
		{"address", string(cfg.ListenAddr), "0.0.0.0:8000"},
		{"warning", strings.Join(cfg.Warnings, "|"),
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

func TestAcceptedValues(t *testing.T) {
	t.Parallel()
	for _, line := range []string{
		"PROBE_METHOD=head", "PROBE_METHOD=OPTIONS", "PROBE_METHOD=post",
		"VERIFY_TLS=True", "VERIFY_TLS=1", "VERIFY_TLS=YES", "VERIFY_TLS=on",
		"PROBE_TIMEOUT_SEC=0.001", "CACHE_TTL_SEC=0.5", "CACHE_TTL_SEC=86400",
		"ACCEPT_STATUS_REGEX=2", "ACCEPT_STATUS_REGEX=^(2[0-9]{2}|401)$", `ACCEPT_STATUS_REGEX=\w`,
		"ACCEPT_STATUS_REGEX=.",
		"FOLLOW_REDIRECTS=Same-Host", "LOG_LEVEL=WARN", "LOG_FORMAT=JSON", "PORT=0",
		"LISTEN_ADDR=[::]:8000", "LISTEN_ADDR=:9000",
		"SITE_B_PROBE_TIMEOUT_SEC=1", "SITE_EU_WEST_HEALTH_URL=http://c:8080", "SITE_C_VERIFY_TLS=",
		"SITE_A_SERVICE_HOST=10.0.0.1", "SITE_A_SERVICE_PORT_HTTP=80", "SITE_A_PORT=tcp://10.0.0.1:80",
		"SITE_A_PORT_80_TCP_ADDR=10.0.0.1", "SITE_A_SERVICE_PORT_HEALTH_URL=http://c",
		"FAILURE_THRESHOLD=3", "SITE_B_SUCCESS_THRESHOLD=1000", "RETRY_INTERVAL_SEC=0.5",
		"ALL_DOWN_POLICY=Error", "SITE_B_OVERRIDE=Down",
		"OVERRIDE=rubbish", "EXPECT_BODY_REGEX=\"status\": *\"up\"", "TLS_SERVER_NAME=app.example.com",
		"WITNESS_URLS=https://user:pw@w.example.com/?x, tcp://10.0.0.53:53,tcp://w:53/,http://[::1]",
		"HTTP_PROXY=http://user:pw@proxy:3128", "https_proxy=proxy:3128",
		"NO_PROXY=.example.com,10.0.0.0/8",
	} {
		if got := problems(twoSites(line)...); got != nil {
			t.Errorf("%s: %q, want it accepted", line, got)
		}
	}
}

func TestRefusedValues(t *testing.T) {
	t.Parallel()
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	const (
		seconds = "want seconds as a plain number"
		url     = "want a URL such as https://site.example.com/healthz"
		bundle  = "want a PEM file with a certificate, or a directory of such files, that " +
			"the monitor can see and read"
		systemd = "asks for a \"d\" in an HTTP status; if you wrote \\d, systemd's EnvironmentFile " +
			"took the backslash away: write ^2[0-9][0-9]$"
		noStatus = "asks for what no HTTP status has; want one such as ^2[0-9][0-9]$ or ^(200|204)$"
		python   = "not a regular expression: look-ahead, look-behind, references to groups and \\Z " +
			"are Python's, and not known here; "
		statuses = "say which statuses are up, such as ^[1-4]\\d\\d$, or ^[1-4][0-9][0-9]$ for systemd"
	)
	for _, c := range []struct{ line, start, end string }{
		{"PROBE_METHOD=PUT", `PROBE_METHOD="PUT": `, "want one of GET, HEAD, OPTIONS, POST"},
		{"VERIFY_TLS=maybe", `VERIFY_TLS="maybe": `, "want true or false"},
		{"PROBE_TIMEOUT_SEC=3s", `PROBE_TIMEOUT_SEC="3s": ` + seconds, "such as 3 or 0.5"},
		{"PROBE_TIMEOUT_SEC=0", `PROBE_TIMEOUT_SEC="0": ` + seconds, ""},
		{"PROBE_TIMEOUT_SEC=-1", `PROBE_TIMEOUT_SEC="-1": ` + seconds, ""},
		{"PROBE_TIMEOUT_SEC=NaN", `PROBE_TIMEOUT_SEC="NaN": ` + seconds, ""},
		{"PROBE_TIMEOUT_SEC=Inf", `PROBE_TIMEOUT_SEC="Inf": ` + seconds, ""},
		{"CACHE_TTL_SEC=1e-9", `CACHE_TTL_SEC="1e-9": ` + seconds, "such as 5 or 0.5"},
		{"CACHE_TTL_SEC=86401", `CACHE_TTL_SEC="86401": ` + seconds, ""},
		{"CACHE_TTL_SEC=1e400", `CACHE_TTL_SEC="1e400": ` + seconds, ""},
		{"SITE_B_CACHE_TTL_SEC=x", `SITE_B_CACHE_TTL_SEC="x": ` + seconds, ""},
		{"ANSWER_TIMEOUT_SEC=0", `ANSWER_TIMEOUT_SEC="0": ` + seconds, ""},
		{"ACCEPT_STATUS_REGEX=^2dd$", `ACCEPT_STATUS_REGEX="^2dd$": `, systemd},
		{"ACCEPT_STATUS_REGEX=^(2dd|401)$", `ACCEPT_STATUS_REGEX="^(2dd|401)$": `, systemd},
		{"ACCEPT_STATUS_REGEX=^9[0-9][0-9]$", `ACCEPT_STATUS_REGEX="^9[0-9][0-9]$": `, noStatus},
		{"ACCEPT_STATUS_REGEX=2)|(3", `ACCEPT_STATUS_REGEX="2)|(3": `,
			"not a regular expression (unexpected )); want one such as ^2[0-9][0-9]$"},
		{"ACCEPT_STATUS_REGEX=^(?!5)\\d\\d\\d$", `ACCEPT_STATUS_REGEX="^(?!5)\\d\\d\\d$": ` + python,
			statuses},
		{`ACCEPT_STATUS_REGEX=^2\d\d\Z`, `ACCEPT_STATUS_REGEX="^2\\d\\d\\Z": ` + python, statuses},
		{`ACCEPT_STATUS_REGEX=^(?<!3)2..`, `ACCEPT_STATUS_REGEX="^(?<!3)2..": ` + python, statuses},
		{`ACCEPT_STATUS_REGEX=^(2)\1.`, `ACCEPT_STATUS_REGEX="^(2)\\1.": ` + python, statuses},
		{`EXPECT_BODY_REGEX=(?=.*up)(?=.*ready)`, `EXPECT_BODY_REGEX="(?=.*up)(?=.*ready)": ` + python,
			"want one such as database.*ok"},
		{"FOLLOW_REDIRECTS=yes", `FOLLOW_REDIRECTS="yes": `, "want one of always, same-host, never"},
		{"LOG_LEVEL=verbose", `LOG_LEVEL="verbose": `, "want one of debug, info, warn, error"},
		{"LOG_FORMAT=xml", `LOG_FORMAT="xml": `, "want one of text, json"},
		{"PORT=99999", `PORT="99999": `, "want a port number up to 65535, such as 8000"},
		{"LISTEN_ADDR=127.0.0.1", `LISTEN_ADDR="127.0.0.1": `,
			"want host:port, such as 127.0.0.1:8000 or [::]:8000"},
		{"LISTEN_ADDR=a host:8000", `LISTEN_ADDR="a host:8000": `,
			"want host:port, such as 127.0.0.1:8000 or [::]:8000"},
		{"LISTEN_ADDR=127.0.0.1:http", `LISTEN_ADDR="127.0.0.1:http": `, ""},
		{"EXTRA_HEADER_KEY=X-Token",
			"EXTRA_HEADER_KEY is set, and neither EXTRA_HEADER_VAL nor " +
				"EXTRA_HEADER_VAL_FILE is: set one of them", ""},
		{"EXTRA_HEADER_VAL=geheim",
			"EXTRA_HEADER_VAL is set but EXTRA_HEADER_KEY is not: set both or neither", ""},
		{"SITE_B_EXTRA_HEADER_VAL=geheim",
			"SITE_B_EXTRA_HEADER_VAL is set but EXTRA_HEADER_KEY is not: set both or neither", ""},
		{"ACCEPT_STATUS_REGEX=200|OK", `ACCEPT_STATUS_REGEX="200|OK": `, noStatus},
		{"EXTRA_HEADER_KEY=x\x00EXTRA_HEADER_VAL=a\nb",
			"EXTRA_HEADER_VAL: value not shown: has a control character in it", ""},
		{"EXTRA_HEADER_KEY=Bearer geheim\x00EXTRA_HEADER_VAL=x",
			"EXTRA_HEADER_KEY: value not shown, it may be the secret itself: ",
			"want the name of a request header, such as Authorization"},
		{"EXTRA_HEADER_KEY=content-length\x00EXTRA_HEADER_VAL=x", `EXTRA_HEADER_KEY="content-length": `,
			""},
		{"CA_BUNDLE=/nowhere/ca.pem", `CA_BUNDLE="/nowhere/ca.pem": no such file or directory; `, bundle},
		{"REQUESTS_CA_BUNDLE=" + empty, `REQUESTS_CA_BUNDLE="` + empty + `": holds no certificate; `,
			bundle},
		{"CA_BUNDLE=" + filepath.Dir(empty), `CA_BUNDLE="` + filepath.Dir(empty) +
			`": holds no certificate; `, bundle},
		{"SITE_C_HEALTH_URL=c.example.com/healthz", `SITE_C_HEALTH_URL="c.example.com/healthz": `, url},
		{"SITE_C_HEALTH_URL=ftp://c.example.com", `SITE_C_HEALTH_URL="ftp://c.example.com": `, url},
		{"SITE_C_HEALTH_URL=https:///healthz", `SITE_C_HEALTH_URL="https:///healthz": `, url},
		{"SITE_C_HEALTH_URL=http://c:99999/", `SITE_C_HEALTH_URL="http://c:99999/": `, url},
		{"SITE_C_HEALTH_URL=https://https://c/", `SITE_C_HEALTH_URL="https://https://c/": `, url},
		{"SITE_C_HEALTH_URL=https://c,https://d", `SITE_C_HEALTH_URL="https://c,https://d": `, url},
		{"SITE_C_HEALTH_URL=https://$HOST/", `SITE_C_HEALTH_URL="https://$HOST/": `, url},
		{"SITE_C_HEALTH_URL=https://*.example.com/", `SITE_C_HEALTH_URL="https://*.example.com/": `, url},
		{"SITE_C_HEALTH_URL=http://u:geheim#@c/",
			"SITE_C_HEALTH_URL: value not shown, it may hold a password: " + url,
			"; in a user or password write %2F for /, %3F for ?, %23 for # and %40 for @"},
		{"SITE_C_HEALTH_URL=c/?token=geheim",
			"SITE_C_HEALTH_URL: value not shown, it may hold a password: ", url},
		{"SITE_C_VERIFY_TLS=no", "SITE_C_VERIFY_TLS: there is no site-c; set SITE_C_HEALTH_URL, too", ""},
		{"SITE_B_HEALTH_ULR=x", "SITE_B_HEALTH_ULR: no such setting; did you mean SITE_B_HEALTH_URL?",
			""},
		{"SITE_EU_WEST_VERIFY_TSL=x",
			"SITE_EU_WEST_VERIFY_TSL: no such setting; did you mean SITE_EU_WEST_VERIFY_TLS?", ""},
		{"SITE_b_PROBE_METHOD=GET",
			"SITE_b_PROBE_METHOD: no such setting; did you mean SITE_B_PROBE_METHOD?", ""},
		{"SITE_HEALTH_URL=x", "SITE_HEALTH_URL: no such setting; did you mean SITE_A_HEALTH_URL?", ""},
		{"SITE_B_URL=x",
			"SITE_B_URL: no such setting; every variable that begins with SITE_ must be a " +
				"setting of the monitor", ""},
		{"SITE_TOKEN=x",
			"SITE_TOKEN: no such setting; every variable that begins with SITE_ must be a " +
				"setting of the monitor", ""},
		{"SITE_B_LOG_LEVEL=x",
			"SITE_B_LOG_LEVEL: no such setting; did you mean LOG_LEVEL, which is one for all sites?", ""},
		{"FAILURE_THRESHOLD=0", `FAILURE_THRESHOLD="0": `, "want a whole number from 1 to 1000"},
		{"SITE_B_SUCCESS_THRESHOLD=1.5", `SITE_B_SUCCESS_THRESHOLD="1.5": `,
			"want a whole number from 1 to 1000"},
		{"RETRY_INTERVAL_SEC=0", `RETRY_INTERVAL_SEC="0": ` + seconds, ""},
		{"ALL_DOWN_POLICY=hold", `ALL_DOWN_POLICY="hold": `, "want one of scale, error"},
		{"SITE_B_OVERRIDE=on", `SITE_B_OVERRIDE="on": `, "want one of up, down"},
		{"SITE_C_OVERRIDE=up", "SITE_C_OVERRIDE: there is no site-c; set SITE_C_HEALTH_URL, too", ""},
		{"EXPECT_BODY_REGEX=(",
			`EXPECT_BODY_REGEX="(": not a regular expression; want one such as database.*ok`, ""},
		{"EXPECT_BODY_REGEX=ok\x00PROBE_METHOD=HEAD",
			"EXPECT_BODY_REGEX is set, and PROBE_METHOD is HEAD, which has no body: use GET", ""},
		{"WITNESS_URLS=https://w.example.com,8.8.8.8", `WITNESS_URLS="8.8.8.8": want URLs such as `, ""},
		{"WITNESS_URLS=tcp://10.0.0.53:99999", `WITNESS_URLS="tcp://10.0.0.53:99999": want URLs such as `,
			""},
		{"WITNESS_URLS=tcp://10.0.0.53:53/x", `WITNESS_URLS="tcp://10.0.0.53:53/x": want URLs such as `,
			""},
		{"WITNESS_URLS=tcp://10.0.0.53", `WITNESS_URLS="tcp://10.0.0.53": want URLs such as `, ""},
		{"WITNESS_URLS=tcp://10.0.0.53:53,", `WITNESS_URLS="tcp://10.0.0.53:53,": want URLs such as `,
			"with commas between them"},
		{"WITNESS_URLS=ftp://u:geheim@w",
			"WITNESS_URLS: value not shown, it may hold a password: want URLs such as ", ""},
		{"CLIENT_CERT_FILE=/x", "CLIENT_CERT_FILE is set but CLIENT_KEY_FILE is not: set both or neither",
			""},
		{"SITE_B_CLIENT_KEY_FILE=/x",
			"SITE_B_CLIENT_KEY_FILE is set but SITE_B_CLIENT_CERT_FILE is not: set both or neither", ""},
		{"CLIENT_CERT_FILE=/x\x00CLIENT_KEY_FILE=/x\x00SITE_B_CLIENT_CERT_FILE=/y",
			"SITE_B_CLIENT_CERT_FILE is set but SITE_B_CLIENT_KEY_FILE is not: set both or neither", ""},
		{"EXTRA_HEADER_VAL_FILE=/x",
			"EXTRA_HEADER_VAL_FILE is set but EXTRA_HEADER_KEY is not: set both or neither", ""},
		{"EXTRA_HEADER_KEY=X\x00EXTRA_HEADER_VAL=geheim\x00EXTRA_HEADER_VAL_FILE=/x",
			"EXTRA_HEADER_VAL and EXTRA_HEADER_VAL_FILE are set: keep one of them", ""},
		{"TLS_SERVER_NAME=app:8443",
			`TLS_SERVER_NAME="app:8443": want a host name without a port, such as app.example.com`, ""},
		{"TLS_SERVER_NAME=https://app",
			`TLS_SERVER_NAME="https://app": want a host name without a port, such as app.example.com`, ""},
		{"SITE_B_FAILURE_TRESHOLD=3",
			"SITE_B_FAILURE_TRESHOLD: no such setting; did you mean SITE_B_FAILURE_THRESHOLD?", ""},
		{"SITE_B_WITNESS_URLS=x",
			"SITE_B_WITNESS_URLS: no such setting; did you mean WITNESS_URLS, which is one for all sites?",
			""},
		{"HTTP_PROXY=http://u:geh/eim@proxy:3128",
			"HTTP_PROXY: value not shown, it may hold a password: want a URL", "%23 for # and %40 for @"},
		{"HTTP_PROXY=http://proxy:31x8", `HTTP_PROXY="http://proxy:31x8": want a URL`,
			"such as http://proxy.example.com:3128"},
		{"http_proxy=http://proxy:99999", `HTTP_PROXY="http://proxy:99999": want a URL`, ""},
		{"HTTP_PROXY=http:/proxy:3128", `HTTP_PROXY="http:/proxy:3128": want a URL`, ""},
		{"EXTRA_HEADER_KEY=a b\x00EXTRA_HEADER_VAL=geheim", "EXTRA_HEADER_KEY: value not shown", ""},
		{"EXTRA_HEADER_KEY=Host\x00EXTRA_HEADER_VAL=https://app",
			"EXTRA_HEADER_VAL: value not shown: for EXTRA_HEADER_KEY=Host want a host", ""},
		{"EXTRA_HEADER_KEY=host\x00EXTRA_HEADER_VAL_FILE=/x",
			"EXTRA_HEADER_VAL_FILE is set, and EXTRA_HEADER_KEY is Host, which is no secret and does not " +
				"change: use EXTRA_HEADER_VAL", ""},
		{"HTTPS_PROXY=ftp://u:geheim@proxy",
			"HTTPS_PROXY: value not shown, it may hold a password: want a URL such as " +
				"http://proxy.example.com:3128; in a user or password write ", ""},
	} {
		got := problems(twoSites(strings.Split(c.line, "\x00")...)...)
		if len(got) != 1 || !strings.HasPrefix(got[0], c.start) || !strings.HasSuffix(got[0], c.end) {
			t.Errorf("%s:\n got %q\nwant %q … %q", c.line, got, c.start, c.end)
		}
		if strings.Contains(strings.Join(got, ""), "geheim") {
			t.Errorf("%s: the secret is in %q", c.line, got)
		}
	}
}

func TestAllMistakesAtOnce(t *testing.T) {
	t.Parallel()
	got := problems("SITE_A_HEALTH_URL=https://a.example.com", "PORT=http", "PROBE_TIMEOUT_SEC=x",
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
	got = problems("SITE_A_HEALTH_URL=https://a.example.com",
		"site_b_health_url=https://b.example.com", "FAILURE_TRESHOLD=3")
	if want := []string{
		"site-a is the only site: want at least two, such as SITE_A_HEALTH_URL and SITE_B_HEALTH_URL",
		"FAILURE_TRESHOLD is no setting and is ignored; did you mean FAILURE_THRESHOLD?",
		"site_b_health_url is no setting and is ignored; did you mean SITE_B_HEALTH_URL?"}; !slices.Equal(
		got, want) {
		t.Errorf("with names that are nearly right: %q, want %q", got, want)
	}
}

func TestOneSiteOnItsOwn(t *testing.T) {
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
	want := []string{"SITE_B_HEALTH_URL=https://b.example.com/healthz", "SITE_B_PROBE_TIMEOUT_SEC=1",
		"SITE_B_VERIFY_TLS=false", "SITE_B_EXTRA_HEADER_VAL=***"}
	if !slices.Equal(own, want) {
		t.Errorf("site-b's own settings %q, want %q", own, want)
	}
}

// TestPercent has a percent sign that begins no escape: it stands for itself. And a path is as
// short as it can be.
func TestPercent(t *testing.T) {
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

// TestBodyRegexp finds a line by its beginning and end.
func TestBodyRegexp(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, body string
		want          bool
	}{
		{"^OK$", "OK", true}, {"^OK$", "a\nOK\nb", true}, {"^OK$", "NOT OK", false},
		{"(?i)^ok$", "x\nOK", true}, {`\Aok`, "x\nok", false}, {"a.b", "a\nb", false},
	} {
		cfg := load(t, twoSites("EXPECT_BODY_REGEX="+c.pattern)...)
		if got := cfg.Defaults.ExpectBody.Regexp().MatchString(c.body); got != c.want ||
			cfg.Defaults.ExpectBody.String() != c.pattern {
			t.Errorf("%s (shown as %s) on %q: %v, want %v", c.pattern, cfg.Defaults.ExpectBody, c.body, got,
				c.want)
		}
	}
}

// TestProxies takes them from the environment that it is given, under either spelling, and hides
// their passwords.
func TestProxies(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		lines       []string
		plain, tls  string // the proxies for http://b.example.com and https://b.example.com
		shown, told string // how config shows them; the warnings
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
		{[]string{"HTTP_PROXY=http://proxy", "no_proxy=.example.com,10.0.0.0/8"}, "", "",
			"HTTP_PROXY=http://proxy HTTPS_PROXY= ALL_PROXY= NO_PROXY=.example.com,10.0.0.0/8", ""},
		{[]string{"ALL_PROXY=http://proxy", "NO_PROXY=.x.example.com, .b.example.com"}, "", "",
			"HTTP_PROXY= HTTPS_PROXY= ALL_PROXY=http://proxy NO_PROXY=.x.example.com, .b.example.com", ""},
		{[]string{"HTTP_PROXY=http://u:p^w@proxy"}, "http://u:p%5Ew@proxy", "",
			"HTTP_PROXY=http://***@proxy HTTPS_PROXY= ALL_PROXY= NO_PROXY=", ""},
		{[]string{"HTTP_PROXY=http://proxy", "REQUEST_METHOD=GET"}, "http://proxy", "",
			"HTTP_PROXY=http://proxy HTTPS_PROXY= ALL_PROXY= NO_PROXY=", ""},
	} {
		cfg := load(t, twoSites(c.lines...)...)
		for address, want := range map[string]string{"http://b.example.com/": c.plain,
			"https://b.example.com/": c.tls, "http://127.0.0.1/": ""} {
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
		if got, told := strings.Join(shown, " "), strings.Join(cfg.Warnings, "|"); got != c.shown ||
			told != c.told {
			t.Errorf("%q: shown as %s, warnings %q", c.lines, got, told)
		}
	}
}

func TestStatusRegexpMatchesFromTheStart(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern string
		status  int
		want    bool
	}{
		{"2", 200, true}, {"2", 302, false}, {`^2\d\d$`, 204, true}, {`^2\d\d$`, 2045, false},
		{"200|301", 301, true}, {"200|301", 1301, false}, {`\Q200`, 200, true}, {"4|3", 234, false},
	} {
		cfg := load(t, twoSites("ACCEPT_STATUS_REGEX="+c.pattern)...)
		if got := cfg.Defaults.AcceptStatus.Match(c.status); got != c.want {
			t.Errorf("%s on %d: %v, want %v", c.pattern, c.status, got, c.want)
		}
	}
}

// TestBrokenCABundle has a certificate that cannot be read before one that can: the latter is
// trusted, and the other is told. A byte order mark breaks nothing.
func TestBrokenCABundle(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ca.pem")
	pem := rig.NewCA("Test CA").PEM
	half := pem[:len(pem)/2]
	for want, content := range map[string][]byte{
		"CA_BUNDLE=\"" + path +
			"\": certificates in it that cannot be read: 1; they are not trusted": slices.Concat(half,
			[]byte("\n"), pem),
		"": slices.Concat([]byte("\ufeff"), pem),
	} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(load(t, twoSites("CA_BUNDLE="+path)...).Warnings, "|"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestCABundle(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	dir = filepath.Join(dir, "ca[1]") // no pattern
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	bundle, ca := filepath.Join(dir, "ca.pem"), rig.NewCA("Test CA").PEM
	if err := os.WriteFile(bundle, ca, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "README"), []byte("not a certificate"),
		0o600); err != nil {
		t.Fatal(err)
	}
	both, _ := x509.SystemCertPool()
	both.AppendCertsFromPEM(ca)
	for _, line := range []string{"CA_BUNDLE=" + bundle, "REQUESTS_CA_BUNDLE=" + dir} {
		cfg := load(t, twoSites(line)...)
		if len(cfg.Warnings) > 0 {
			t.Errorf("%s: %q", line, cfg.Warnings)
		}
		pool, err := cfg.Sites[0].Bundle.Pool()
		if err != nil || !both.Equal(pool) {
			t.Errorf("%s: the certificate was not added to the system's: %v", line, err)
		}
		if cfg.Sites[0].Bundle != cfg.Sites[1].Bundle {
			t.Errorf("%s: loaded once for each site", line)
		}
	}
	load(t, twoSites("CA_BUNDLE="+bundle, "REQUESTS_CA_BUNDLE="+bundle)...)
	got := problems(twoSites("CA_BUNDLE="+bundle, "REQUESTS_CA_BUNDLE="+dir)...)
	want := `REQUESTS_CA_BUNDLE="` + dir + `" and CA_BUNDLE="` + bundle +
		`": both name the CA bundle: keep one of them`
	if len(got) != 1 || got[0] != want {
		t.Errorf("two different bundles: %q, want %q", got, want)
	}
	cfg := load(t, twoSites("REQUESTS_CA_BUNDLE="+dir, "SITE_B_CA_BUNDLE="+bundle)...)
	if b := cfg.Sites[1].Probing; b.CABundle != bundle || b.RequestsCA != "" {
		t.Errorf("site-b: CA_BUNDLE %q and REQUESTS_CA_BUNDLE %q, want its own alone", b.CABundle,
			b.RequestsCA)
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	const comment = "what stands behind a # in it is taken for a comment; if it belongs to the " +
		"value, put the value between quotes"
	for _, c := range []struct {
		lines []string
		want  string
	}{
		{[]string{"VERIFY_TLS=false"},
			"VERIFY_TLS is off for site-a, site-b: whoever stands in between can play a healthy site"},
		{[]string{"SITE_B_VERIFY_TLS=false"},
			"VERIFY_TLS is off for site-b: whoever stands in between can play a healthy site"},
		{[]string{"PROBE_TIMEOUT=3", "CACHE_TLL_SEC=9", "log_level=debug", "LOGNAME=root", "PORTS=1"},
			"CACHE_TLL_SEC is no setting and is ignored; did you mean CACHE_TTL_SEC?|" +
				"PROBE_TIMEOUT is no setting and is ignored; did you mean PROBE_TIMEOUT_SEC?|log_level is no " +
				"setting and is ignored; did you mean LOG_LEVEL?"},
		{[]string{"SITE_B_HEALTH_URL=https://a.example.com/healthz"},
			"site-a and site-b have the same health URL: they can only be down together"},
		{[]string{"SITE_B_HEALTH_URL=https://a.example.com/healthz", "EXTRA_HEADER_KEY=Host",
			"SITE_A_EXTRA_HEADER_VAL=a", "SITE_B_EXTRA_HEADER_VAL=b"}, ""},
		{[]string{"SITE_B_OVERRIDE=down"},
			"site-b is pinned down by its OVERRIDE, whatever its probes say"},
		{[]string{"RETRY_INTERVAL_SEC=4", "SITE_B_FAILURE_THRESHOLD=2"},
			"RETRY_INTERVAL_SEC=4 is longer than PROBE_TIMEOUT_SEC=3: the probes that confirm a failure " +
				"of site-b do not overlap, and it is found down later than need be"},
		{[]string{"RETRY_INTERVAL_SEC=6", "PROBE_TIMEOUT_SEC=6", "SITE_B_FAILURE_THRESHOLD=2"},
			"RETRY_INTERVAL_SEC=6 is longer than CACHE_TTL_SEC=5: site-b is probed less often " +
				"when its verdict is in doubt"},
		{[]string{"EXTRA_HEADER_KEY=X", "SITE_B_EXTRA_HEADER_VAL_FILE=/nowhere/token",
			"EXTRA_HEADER_VAL=x"},
			"SITE_B_EXTRA_HEADER_VAL_FILE: open /nowhere/token: no such file or directory: site-b cannot " +
				"be probed before that file can be read"},
		{[]string{"WITNESS_URLS=tcp://w:53,https://b.example.com"},
			"WITNESS_URLS has the host of site-b, which cannot witness its own death: name one that " +
				"is independent of all sites"},
		{[]string{"ANSWER_TIMEOUT_SEC=3"}, "ANSWER_TIMEOUT_SEC=3 is too long: KEDA gives up after 3 s"},
		{[]string{"SITE_B_CACHE_TTL_SEC=0", "SITE_B_PROBE_TIMEOUT_SEC=1", "SUCCESS_THRESHOLD=2"},
			"CACHE_TTL_SEC=0 has site-b probed only when somebody asks: with a threshold of 2 its " +
				"verdict turns after as many polls, however long that takes"},
		{[]string{"CACHE_TTL_SEC=0", "PROBE_TIMEOUT_SEC=2"}, ""},
		{[]string{"SITE_B_ACCEPT_STATUS_REGEX=200|"},
			"ACCEPT_STATUS_REGEX=200|: site-b is up even when it answers 500 or 503"},
		{[]string{"ACCEPT_STATUS_REGEX=^(2..|5.0)$"}, ""},
		{[]string{"Site_C_HEALTH_URL=http://c"},
			"Site_C_HEALTH_URL is no setting and is ignored; did you mean SITE_C_HEALTH_URL?"},
		{[]string{"site_b_override=down"},
			"site_b_override is no setting and is ignored; did you mean SITE_B_OVERRIDE?"},
		{[]string{"SITEC_HEALTH_URL=http://c"},
			"SITEC_HEALTH_URL is no setting and is ignored; did you mean SITE_A_HEALTH_URL?"},
		{[]string{"ftp_proxy=http://proxy:3128", "FTP_PROXY=http://proxy:3128",
			"http_proxy=http://proxy:3128"}, ""},
		{[]string{"VERIFY_TLS=1"},
			"VERIFY_TLS=1 is on; the predecessor took it for off: write true, or false"},
		{[]string{"VERIFY_TLS=Yes"},
			"VERIFY_TLS=Yes is on; the predecessor took it for off: write true, or false"},
		{[]string{"VERIFY_TLS=TRUE"}, ""},
		{[]string{"EXTRA_HEADER_KEY=X", "EXTRA_HEADER_VAL=abc #def"}, "EXTRA_HEADER_VAL: " + comment},
		{[]string{"EXTRA_HEADER_KEY=X", "EXTRA_HEADER_VAL=x", "SITE_B_EXTRA_HEADER_VAL=abc\t#def"},
			"SITE_B_EXTRA_HEADER_VAL: " + comment},
		{[]string{"EXTRA_HEADER_KEY=X", `EXTRA_HEADER_VAL="abc #def"  # ours`}, ""},
		{[]string{"EXTRA_HEADER_VAL=   # optional", "PROBE_METHOD=GET   # or HEAD",
			"SITE_B_HEALTH_URL=https://b.example.com/ # B"}, ""},
		{[]string{"SITE_B_HEALTH_URL=https://b.example.com/ # ops@example.com"},
			"SITE_B_HEALTH_URL: " + comment},
		{[]string{`EXPECT_BODY_REGEX="status": *"up"`},
			"EXPECT_BODY_REGEX: its quotes are taken for its own, since there are more of them inside; " +
				"if they are not, put the value between quotes of the other kind"},
		{[]string{`EXPECT_BODY_REGEX='"status": *"up"'`, `SITE_B_EXPECT_BODY_REGEX="\"ok\""`}, ""},
		{[]string{"HTTPS_PROXY=https://proxy:3128"}, ""},
		{[]string{"HTTP_PROXY=https://proxy:3128", "SITE_B_TLS_SERVER_NAME=b"}, ""},
		{[]string{"ACCEPT_STATUS_REGEX=.", "EXPECT_BODY_REGEX=ok"}, ""},
		{[]string{"HTTPS_PROXY=https://proxy:3128", "SITE_B_TLS_SERVER_NAME=b"}, ""},
	} {
		if got := strings.Join(load(t, twoSites(c.lines...)...).Warnings, "|"); got != c.want {
			t.Errorf("%q:\n got %q\nwant %q", c.lines, got, c.want)
		}
	}
}
