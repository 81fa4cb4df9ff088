package blackbox

import (
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v2"

	"failover-monitor/internal/e2e/rig"
	"failover-monitor/internal/fakesite"
)

// sites is the least of an environment.
func sites(a, b string, more ...string) []string {
	return append([]string{"SITE_A_HEALTH_URL=http://" + a, "SITE_B_HEALTH_URL=http://" + b}, more...)
}

// TestPredecessorsEnvFile starts with the lines as podman hands them over: with comments, quotes
// and CRLF.
func TestPredecessorsEnvFile(t *testing.T) {
	t.Parallel()
	var seen requests
	m := start(t, "SITE_A_HEALTH_URL=http://"+web(t, seen.handler)+"/healthz\r",
		"SITE_B_HEALTH_URL=\"http://"+healthy(t)+"\"",
		"PROBE_METHOD=GET           # GET or HEAD", "PROBE_TIMEOUT_SEC=3          # seconds",
		"VERIFY_TLS=true            # false: self-signed",
		`ACCEPT_STATUS_REGEX=^2\d\d$`, "CACHE_TTL_SEC=5\r", "EXTRA_HEADER_KEY=Authorization",
		`EXTRA_HEADER_VAL="Bearer x"`, "REQUESTS_CA_BUNDLE=", "PORT=8000 # of the container")
	m.Verdict(t, "site-a", "up")
	m.Verdict(t, "site-b", "up")
	m.WantValue(t, "site-a", "0")
	m.WantValue(t, "site-b", "0")
	header := seen.all()[0]
	if header.Get("Authorization") != "Bearer x" ||
		header.Get("User-Agent") != "failover-monitor/dev" {
		t.Errorf("site-a was asked with %q by %q", header.Get("Authorization"), header.Get("User-Agent"))
	}
	if status, body := m.Get(t, "/healthz"); status != 200 || body != "ok\n" {
		t.Errorf("/healthz: %d %q", status, body)
	}
}

// TestPredecessorsConfigMap starts with the predecessor's ConfigMap: all its variables, an empty
// header, and a regular expression with two backslashes, of which YAML makes one.
func TestPredecessorsConfigMap(t *testing.T) {
	t.Parallel()
	const manifest = `
apiVersion: v1
kind: ConfigMap
metadata: {name: failover-monitor}
data:
  SITE_A_HEALTH_URL: "http://SITE_A/healthz"
  SITE_B_HEALTH_URL: "http://SITE_B/healthz"
  PROBE_METHOD: "GET"
  PROBE_TIMEOUT_SEC: "3"
  VERIFY_TLS: "true"
  ACCEPT_STATUS_REGEX: "^2\\d\\d$"
  CACHE_TTL_SEC: "5"
  EXTRA_HEADER_KEY: ""
  EXTRA_HEADER_VAL: ""
  REQUESTS_CA_BUNDLE: ""
`
	var configMap struct{ Data map[string]string }
	urls := strings.NewReplacer("SITE_A/", healthy(t)+"/",
		"SITE_B/", site(t, fakesite.Answer(503))+"/")
	if err := yaml.Unmarshal([]byte(urls.Replace(manifest)), &configMap); err != nil {
		t.Fatal(err)
	}
	var environ []string
	for name, value := range configMap.Data {
		environ = append(environ, name+"="+value)
	}
	m := start(t, environ...)
	m.Verdict(t, "site-b", "down")
	m.WantValue(t, "site-a", "1")
	m.WantValue(t, "site-b", "0")
	if status, body := m.Get(t, "/healthz"); status != 200 || body != "ok\n" { // what the probes ask
		t.Errorf("/healthz: %d %q", status, body)
	}
}

// TestBadSettings: every command reports all mistakes at once, and nothing else.
func TestBadSettings(t *testing.T) {
	t.Parallel()
	environ := sites("a", "b", "PROBE_TIMEOUT_SEC=3s", "PORT=http", "EXTRA_HEADER_VAL=geheim")
	const want = `failover-monitor: PORT="http": want a port number up to 65535, such as 8000
failover-monitor: PROBE_TIMEOUT_SEC="3s": want seconds as a plain number from 0.001 to 86400, ` +
		`such as 3 or 0.5
failover-monitor: EXTRA_HEADER_VAL is set but EXTRA_HEADER_KEY is not: set both or neither
`
	for _, args := range [][]string{nil, {"serve"}, {"config"}, {"check"}} {
		code, stdout, stderr := command(t, environ, args...)
		if code != 2 || stdout != "" || stderr != want {
			t.Errorf("%q: exit code %d, %q\n got %q\nwant %q", args, code, stdout, stderr, want)
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	up := healthy(t)
	code, stdout, stderr := command(t, sites(up, site(t, fakesite.Answer(503)),
		"PROBE_TIMEOUT_SEC=1", "FAILURE_THRESHOLD=3"), "check")
	table := regexp.MustCompile(
		`^SITE    PROBE  REASON  STATUS  DNS +CONNECT +TLS +FIRST BYTE +TOTAL +CERTIFICATE UNTIL +ADDRESS
site-a  up     -       200     - +[\d.]+ms +- +[\d.]+ms +[\d.]+ms +- +127.0.0.1:\d+
site-b  down   status  503     - +[\d.]+ms +- +[\d.]+ms +[\d.]+ms +- +127.0.0.1:\d+

site-b is down: status 503
(warning: site-a, site-b: asked at localhost; .*
)?$`) // where the test itself runs in a container
	if code != 1 || stderr != "" || !table.MatchString(stdout) {
		t.Errorf("one down: exit code %d, %q\n%s", code, stderr, stdout)
	}
	if code, stdout, _ := command(t, sites(up, healthy(t), "FAILURE_THRESHOLD=3"),
		"check"); code != 0 ||
		strings.Contains(stdout, "down") {
		t.Errorf("all up: exit code %d\n%s", code, stdout)
	}
	witnesses := "WITNESS_URLS=tcp://" + up + ",tcp://127.0.0.1:1"
	code, stdout, _ = command(t, sites(up, up, witnesses, "SITE_B_OVERRIDE=down"), "check")
	for _, line := range []string{"(?m)^site-b +up ", "(?m)^witness tcp://" + up + " +up ",
		"(?m)^witness tcp://127.0.0.1:1 +down +refused ",
		"(?m)^witness tcp://127.0.0.1:1 is down: connection refused",
		"(?m)^warning: site-b is pinned down "} {
		if code != 1 || !regexp.MustCompile(line).MatchString(stdout) {
			t.Errorf("a witness is dead: exit code %d, want 1 and %q\n%s", code, line, stdout)
		}
	}
	began := time.Now()
	code, stdout, _ = command(t, sites(site(t, fakesite.Hang), site(t, fakesite.Hang),
		"PROBE_TIMEOUT_SEC=1"), "check")
	if took := time.Since(began); code != 1 || strings.Count(stdout, "timeout") != 2 ||
		took > 1900*time.Millisecond {
		t.Errorf("all hang: exit code %d after %v, want 1 after a second for both at once\n%s", code,
			took, stdout)
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := command(t, []string{
		"SITE_A_HEALTH_URL=https://user:geheim@a.test/healthz?token=geheim",
		"SITE_B_HEALTH_URL=https://b.test",
		"EXTRA_HEADER_KEY=Authorization", "EXTRA_HEADER_VAL=Bearer geheim",
		"SITE_B_PROBE_TIMEOUT_SEC=0.5", "VERIFY_TLS=no",
	}, "config")
	if code != 0 || stderr != "" {
		t.Errorf("exit code %d, %q", code, stderr)
	}
	for _, line := range []string{
		"SITE_A_HEALTH_URL=https://***@a.test/healthz?***", "EXTRA_HEADER_VAL=***",
		"SITE_B_PROBE_TIMEOUT_SEC=0.5", "LISTEN_ADDR=0.0.0.0:8000",
		"# site-a: 8s when it hangs, 5s when it refuses connections",
		"# site-b: 5.5s when it hangs, 5s when it refuses connections",
		"# warning: VERIFY_TLS is off for site-a, site-b: whoever stands in " +
			"between can play a healthy site",
	} {
		if !strings.Contains(stdout, line+"\n") {
			t.Errorf("%q is not in\n%s", line, stdout)
		}
	}
	if strings.Contains(stdout, "geheim") {
		t.Errorf("a secret is in\n%s", stdout)
	}
	// What it prints is an env file that gives the same settings again, but for the secrets.
	again := strings.Split(strings.ReplaceAll(stdout, "***@", ""), "\n")
	if _, second, _ := command(t, again, "config"); second != strings.ReplaceAll(stdout, "***@", "") {
		t.Errorf("read again it gives\n%s", second)
	}
	_, stdout, _ = command(t, sites("a", "b", "CACHE_TTL_SEC=0", "FAILURE_THRESHOLD=3"), "config")
	for _, line := range []string{"# site-a: 9s when it hangs, 0s when it refuses connections",
		"#   CACHE_TTL_SEC 0: FAILURE_THRESHOLD 3 × one failing probe (at most 3), one with each " +
			"poll, and the time between these"} {
		if !strings.Contains(stdout, line+"\n") {
			t.Errorf("on demand: %q is not in\n%s", line, stdout)
		}
	}
}

// TestHealthcheck asks a monitor that is healthy, sick, silent, or not there.
func TestHealthcheck(t *testing.T) {
	t.Parallel()
	m := start(t, sites(healthy(t), healthy(t), "LISTEN_ADDR=127.0.0.1:0")...)
	address := m.Address
	_, port, _ := net.SplitHostPort(address)
	for _, environ := range [][]string{{"LISTEN_ADDR=" + address}, {"PORT=" + port},
		{"PORT=" + port, "HTTP_PROXY=http://127.0.0.1:1", "CACHE_TTL_SEC=wrong"}} {
		if code, stdout, stderr := command(t, environ, "healthcheck"); code != 0 || stdout != "ok\n" ||
			stderr != "" {
			t.Errorf("%q: exit code %d, %q, %q; want ok", environ, code, stdout, stderr)
		}
	}
	sick := start(t, sites(healthy(t), healthy(t), "CACHE_TTL_SEC=0.2", "PROBE_TIMEOUT_SEC=2",
		"SITE_B_EXTRA_HEADER_KEY=X", "SITE_B_EXTRA_HEADER_VAL_FILE=/nowhere/token")...)
	sick.WaitFor(t, func(l rig.LogLine) bool { return l.Msg == "probe does not count" })
	silent := rig.FreeAddress(t)
	listener, err := net.Listen("unix", "@failover-monitor/"+silent) // and nothing is accepted
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	for address, want := range map[string]string{
		bound(t):     "no monitor runs here with LISTEN_ADDR=",
		sick.Address: "the monitor is not well:\nfailover-monitor: site-b: probe could not be made: ",
		silent:       "ask the monitor at " + silent + ": context deadline exceeded",
	} {
		code, _, stderr := command(t, []string{"LISTEN_ADDR=" + address}, "healthcheck")
		if code != 1 || !strings.HasPrefix(stderr, "failover-monitor: "+want) {
			t.Errorf("exit code %d, %q, want 1, %q", code, stderr, want)
		}
	}
	if code, _, _ := command(t, []string{"PORT=x"}, "healthcheck"); code != 2 {
		t.Errorf("bad setting: exit code %d, want 2", code)
	}
}
