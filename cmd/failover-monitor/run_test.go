package main

import (
	"bytes"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"failover-monitor/internal/e2e/rig"
	"failover-monitor/internal/fakesite"
)

// site starts a site and returns its URL.
func site(t *testing.T, behave fakesite.Behaviour) string {
	t.Helper()
	return "http://" + rig.Site(t, behave).Address()
}

// pair is an environment with two healthy sites.
func pair(t *testing.T, more ...string) []string {
	t.Helper()
	return append([]string{
		"SITE_A_HEALTH_URL=" + site(t, fakesite.Answer(200)),
		"SITE_B_HEALTH_URL=" + site(t, fakesite.Answer(200)), "LISTEN_ADDR=127.0.0.1:0",
	}, more...)
}

// TestExitCodes covers what every command does with right and wrong arguments.
func TestExitCodes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args           []string
		code           int
		stdout, stderr string // how they begin
	}{
		{[]string{"help"}, 0, "Usage: failover-monitor [command]\n", ""},
		{[]string{"--help"}, 0, "Usage: failover-monitor [command]\n", ""},
		{[]string{"-h"}, 0, "Usage: failover-monitor [command]\n", ""},
		{[]string{"version"}, 0, "failover-monitor dev go1.", ""},
		{[]string{"--version"}, 0, "failover-monitor dev go1.", ""},
		{[]string{"-v"}, 0, "failover-monitor dev go1.", ""},
		{[]string{"sreve"}, 2, "", "failover-monitor: \"sreve\": no such command\n\nUsage:"},
		{[]string{"serve", "--port", "1"}, 2, "",
			"failover-monitor: \"serve --port 1\": want one command and nothing behind it\n\nUsage:"},
		{nil, 2, "",
			"failover-monitor: SITE_A_HEALTH_URL and SITE_B_HEALTH_URL are not set: " +
				"want at least two sites\n"},
		{[]string{"healthcheck"}, 2, "", "failover-monitor: PORT=\"x\": want a port number"},
		{[]string{"healthcheck", "alive"}, 2, "",
			"failover-monitor: \"alive\": want healthcheck, healthcheck live or healthcheck ready\n"},
		{[]string{"demo"}, 2, "", "failover-monitor: PORT=\"x\": want a port number"},
	} {
		environ := []string{}
		if len(c.args) == 1 && (c.args[0] == "healthcheck" || c.args[0] == "demo") {
			environ = []string{"PORT=x"}
		}
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), c.args, environ, &stdout, &stderr)
		if code != c.code || !strings.HasPrefix(stdout.String(), c.stdout) ||
			!strings.HasPrefix(stderr.String(), c.stderr) || (stderr.Len() == 0) != (c.stderr == "") {
			t.Errorf("%q: exit code %d, %q, %q; want %d, %q…, %q…", c.args, code, &stdout, &stderr, c.code,
				c.stdout, c.stderr)
		}
	}
}

func TestVersionLine(t *testing.T) {
	t.Parallel()
	for commit, want := range map[string]string{
		"":        "failover-monitor v1.2.3 go1.",
		"0de7a5a": "failover-monitor v1.2.3 (commit 0de7a5a, 2026-11-26T01:05:21Z) go1.",
	} {
		got := versionLine("v1.2.3", commit, "2026-11-26T01:05:21Z")
		if !strings.HasPrefix(got, want) {
			t.Errorf("commit %q: %q, want %q…", commit, got, want)
		}
	}
}

// TestFullOutputFails checks that a command fails when it cannot print its result.
func TestFullOutputFails(t *testing.T) {
	t.Parallel()
	for _, args := range []string{"help", "version", "config", "check"} {
		var stderr bytes.Buffer
		code := run(t.Context(), []string{args}, pair(t), &disk{full: 1 << 30}, &stderr)
		if code != 1 || !strings.Contains(stderr.String(), "standard output: no space left on device") {
			t.Errorf("%s: exit code %d, %q", args, code, &stderr)
		}
	}
}

// TestOnDemandWarning checks the warning about polls that may take longer than KEDA waits.
func TestOnDemandWarning(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		environ []string
		want    string
	}{
		{[]string{"SITE_B_CACHE_TTL_SEC=0"},
			"CACHE_TTL_SEC=0 lets every poll wait for a probe of site-b, up to 3s; KEDA gives up after 3s"},
		{[]string{"CACHE_TTL_SEC=0", "PROBE_TIMEOUT_SEC=2"}, ""},
		{[]string{"SITE_A_CACHE_TTL_SEC=0", "PROBE_TIMEOUT_SEC=2", "WITNESS_URLS=tcp://w:53"},
			"CACHE_TTL_SEC=0 lets every poll wait for a probe of site-a, up to 4s; KEDA gives up after 3s"},
	} {
		s, err := loadSetup(pair(t, c.environ...), machine{fstest.MapFS{}})
		others := func(w string) bool { return !strings.HasPrefix(w, "CACHE_TTL_SEC=0") }
		if got := strings.Join(slices.DeleteFunc(s.Warnings, others), "|"); err != nil || got != c.want {
			t.Errorf("%q: %v, warnings %q, want %q", c.environ, err, got, c.want)
		}
	}
}

// TestCheckCommand has sites that are up, down, up by way of a redirect, or cannot be probed; and
// witnesses.
func TestCheckCommand(t *testing.T) {
	t.Parallel()
	up, elsewhere := site(t, fakesite.Answer(200)), site(t, fakesite.Answer(200))
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), []string{"check"}, []string{
		"SITE_A_HEALTH_URL=" + up, "SITE_B_HEALTH_URL=" + site(t, fakesite.Answer(503)),
		"SITE_C_HEALTH_URL=" +
			site(t, fakesite.Respond("HTTP/1.1 302 Found\r\nLocation: "+elsewhere+"\r\n\r\n")),
		"SITE_D_HEALTH_URL=" + up, "SITE_D_EXTRA_HEADER_KEY=X",
		"SITE_D_EXTRA_HEADER_VAL_FILE=/nowhere/token",
		"WITNESS_URLS=tcp://" + strings.TrimPrefix(up, "http://") + "," + elsewhere,
	}, &stdout, &stderr)
	for _, line := range []string{`^site-a +up +-`, `^site-b +down +status +503`, `^site-c +up +`,
		`^site-d +unknown`, `^witness tcp://.* +up `, `^witness http://.* +up `,
		`^site-b is down: status 503$`, `^site-c was answered after a redirect, from ` +
			regexp.QuoteMeta(elsewhere) + ` \(127\.0\.0\.1:\d+\)$`,
		`^site-d is unknown: probe could not be made: EXTRA_HEADER_VAL_FILE: `,
		`^warning: SITE_D_EXTRA_HEADER_VAL_FILE: `} {
		if !regexp.MustCompile("(?m)" + line).MatchString(stdout.String()) {
			t.Errorf("%s is not in\n%s", line, &stdout)
		}
	}
	if code != 1 || stderr.Len() > 0 {
		t.Errorf("exit code %d, %q", code, &stderr)
	}
	if code := run(t.Context(), []string{"check"}, pair(t), io.Discard, io.Discard); code != 0 {
		t.Errorf("all are up: exit code %d", code)
	}
}
