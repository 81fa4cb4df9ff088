package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

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
		twice = "two backslashes ask for one in the HTTP status, and none has one; write \\d with a " +
			"single one, or ^2[0-9][0-9]$ (YAML makes one of two between double quotes only)"
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
		{`ACCEPT_STATUS_REGEX=^2\\d\\d$`, `ACCEPT_STATUS_REGEX="^2\\d\\d$": `, twice},
		{`ACCEPT_STATUS_REGEX=^2\\d[0-9]$`, `ACCEPT_STATUS_REGEX="^2\\d[0-9]$": `, twice},
		{`ACCEPT_STATUS_REGEX=^2\d\\d$`, `ACCEPT_STATUS_REGEX="^2\d\\d$": `, twice},
		{"ACCEPT_STATUS_REGEX=^9[0-9][0-9]$", `ACCEPT_STATUS_REGEX="^9[0-9][0-9]$": `, noStatus},
		{"ACCEPT_STATUS_REGEX=2)|(3", `ACCEPT_STATUS_REGEX="2)|(3": `,
			"not a regular expression (unexpected )); want one such as ^2[0-9][0-9]$"},
		{"ACCEPT_STATUS_REGEX=^(?!5)\\d\\d\\d$", `ACCEPT_STATUS_REGEX="^(?!5)\d\d\d$": ` + python,
			statuses},
		{`ACCEPT_STATUS_REGEX=^2\d\d\Z`, `ACCEPT_STATUS_REGEX="^2\d\d\Z": ` + python, statuses},
		{`ACCEPT_STATUS_REGEX=^(?<!3)2..`, `ACCEPT_STATUS_REGEX="^(?<!3)2..": ` + python, statuses},
		{`ACCEPT_STATUS_REGEX=^(2)\1.`, `ACCEPT_STATUS_REGEX="^(2)\1.": ` + python, statuses},
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
		{"SITE_C_HEALTH_URL=c.test/healthz", `SITE_C_HEALTH_URL="c.test/healthz": `, url},
		{"SITE_C_HEALTH_URL=ftp://c.test", `SITE_C_HEALTH_URL="ftp://c.test": `, url},
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
