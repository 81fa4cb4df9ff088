//go:build e2e

package podman

import (
	"strings"
	"testing"
)

// TestEnvFile gives podman lines as people write them. Podman hands most of them on as they are:
// quotes, comments and all. raw is what it makes of a line, and want what the monitor makes of
// that.
func TestEnvFile(t *testing.T) {
	for _, line := range []struct{ text, raw, want string }{
		{`EXPECT_BODY_REGEX="x y"`, `EXPECT_BODY_REGEX="x y"`, "EXPECT_BODY_REGEX=x y"},
		{`EXPECT_BODY_REGEX='x y'`, `EXPECT_BODY_REGEX='x y'`, "EXPECT_BODY_REGEX=x y"},
		{`EXPECT_BODY_REGEX="x # y" # z`, `EXPECT_BODY_REGEX="x # y" # z`, "EXPECT_BODY_REGEX=x # y"},
		{`ACCEPT_STATUS_REGEX=^20\d$`, `ACCEPT_STATUS_REGEX=^20\d$`, `ACCEPT_STATUS_REGEX=^20\d$`},
		{"PROBE_METHOD=HEAD # not GET", "PROBE_METHOD=HEAD # not GET", "PROBE_METHOD=HEAD"},
		{"PROBE_METHOD=HEAD   ", "PROBE_METHOD=HEAD   ", "PROBE_METHOD=HEAD"},
		{"PROBE_METHOD = HEAD", "PROBE_METHOD = HEAD", "PROBE_METHOD=HEAD"},
		{"export PROBE_METHOD=HEAD", "export PROBE_METHOD=HEAD", "PROBE_METHOD=HEAD"},
		{"PROBE_METHOD=HEAD\r", "PROBE_METHOD=HEAD", "PROBE_METHOD=HEAD"},
		{"PROBE_METHOD=", "PROBE_METHOD=", "PROBE_METHOD=GET"},
		{"PROBE_METHD=HEAD", "PROBE_METHD=HEAD",
			"# warning: PROBE_METHD is no setting and is ignored; did you mean PROBE_METHOD?"},
	} {
		code, stdout, stderr := config(t, line.text, line.raw)
		if code != 0 || !strings.Contains(stdout, "\n"+line.want+"\n") {
			t.Errorf("%q: got exit code %d and %s%s, want %q", line.text, code, stdout, stderr, line.want)
		}
	}
}

// TestEnvFileRefused has what cannot be put right: one line says why.
func TestEnvFileRefused(t *testing.T) {
	for _, line := range []struct{ text, want string }{
		{`PROBE_METHOD="HEAD`, `PROBE_METHOD="\"HEAD": want one of GET, HEAD, OPTIONS, POST`},
		{"PROBE_METHOD=HEAD#", `PROBE_METHOD="HEAD#": want one of GET, HEAD, OPTIONS, POST`},
		{"SITE_B_PROBE_METHD=HEAD", "SITE_B_PROBE_METHD"},
	} {
		code, stdout, stderr := config(t, line.text, line.text)
		if code != 2 || stdout != "" || strings.Count(stderr, "\n") != 1 ||
			!strings.Contains(stderr, line.want) {
			t.Errorf("%q: got exit code %d and %s%q, want 2 and %q", line.text, code, stdout, stderr,
				line.want)
		}
	}
}

// config runs the config command with an env file that ends with a line, of which podman makes raw.
func config(t *testing.T, line, raw string) (code int, stdout, stderr string) {
	t.Helper()
	file := write(t, "env", urls("http://a.test", "http://b.test")+line+"\n")
	id := must(t, "podman create --network none --env-file "+file+" "+image+" config")
	if environ := inspect(t, id, "{{range .Config.Env}}{{println .}}{{end}}end"); !strings.Contains(
		"\n"+environ, "\n"+raw+"\n") {
		t.Errorf("podman makes of %q\n%s, want %q", line, environ, raw)
	}
	return shell(t, "podman start --attach "+id)
}
