package blackbox

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestOverrideCommand pins site-b with the command, sees it everywhere, and has it outlive a
// restart, but not its end.
func TestOverrideCommand(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	m := start(t, sites(healthy(t), healthy(t), "CACHE_TTL_SEC=0.2", "STATE_DIRECTORY="+state)...)
	environ := []string{"LISTEN_ADDR=" + m.Address}
	override := func(wantCode int, want string, args ...string) {
		t.Helper()
		code, stdout, stderr := command(t, environ, append([]string{"override"}, args...)...)
		if code != wantCode || !strings.Contains(stdout+stderr, want) {
			t.Errorf("%q: exit code %d, %q, %q; want %d, %q", args, code, stdout, stderr, wantCode, want)
		}
	}
	m.WantValue(t, "site-a", "0")
	override(0, "no verdict is pinned\n")
	override(0, "(a drill of the failover); its probes say up\na restart does not end it\n", "site-b",
		"down", "1h", "a drill", "of the failover")
	m.WantValue(t, "site-a", "1")
	override(0, "site-b is pinned down by uid ")
	_, status := m.Get(t, "/status")
	_, metrics := m.Get(t, "/metrics")
	_, page := m.Get(t, "/")
	for _, c := range []struct{ where, text, want string }{
		{"/status", status, `"override_reason": "a drill of the failover"`},
		{"/status", status, `"override_ends": "20`},
		{"/metrics", metrics, `failover_site_override{site="site-b"} 1`},
		{"/metrics", metrics, `failover_site_override_end_timestamp_seconds{site="site-b"} `},
		{"/", page, "(a drill of the failover)"},
	} {
		if !strings.Contains(c.text, c.want) {
			t.Errorf("%s: want %q in\n%s", c.where, c.want, c.text)
		}
	}

	m.Signal(t, syscall.SIGTERM)
	m.Wait()
	m.Run(t)
	m.AwaitListening(t)
	m.WantValue(t, "site-a", "1")
	override(0, "site-b is up since", "site-b", "clear")
	m.WantValue(t, "site-a", "0")
	override(0, "site-b is pinned down", "site-b", "down", "1s", "<script>alert(1)</script>")
	m.WantValue(t, "site-a", "1")
	if _, page := m.Get(t, "/"); strings.Contains(page, "<script>alert") {
		t.Errorf("the page has the reason unescaped:\n%s", page)
	}
	until(t, "its time is over",
		func() bool { _, value := m.Get(t, "/metric/site-a"); return value == "{\"value\":0}\n" })

	override(2, `"tomorrow": want how long, such as 30m or 2h, from 1s to 72h`, "site-b", "down",
		"tomorrow", "x")
	override(2, `"site-c": no such site: there are site-a, site-b`, "site-c", "down", "1h", "x")
	override(2, "want one of\n", "site-b")
	override(2, "want one of\n", "site-b", "down")
}

// TestOverrideWithoutAPlaceToKeepIt says so, and a file that cannot be read pins nothing.
func TestOverrideWithoutAPlaceToKeepIt(t *testing.T) {
	t.Parallel()
	m := start(t, sites(healthy(t), healthy(t))...)
	code, stdout, stderr := command(t, []string{"LISTEN_ADDR=" + m.Address}, "override", "site-b",
		"down", "1h", "x")
	if want := "until the monitor restarts, if that is sooner: no STATE_DIRECTORY is " +
		"set\n"; code != 0 || !strings.HasSuffix(stdout, want) {
		t.Errorf("exit code %d, %q, %q", code, stdout, stderr)
	}

	state := t.TempDir()
	ends := time.Now().Add(time.Hour).Format(time.RFC3339)
	for _, c := range []struct{ text, want string }{
		{`{"overrides": {"site-b": {"verdict": "down"`, "overrides from before the start are lost"},
		{`{"overrides": {"site-x": {"verdict": "down", "began": "` + time.Now().Format(time.RFC3339) +
			`", "ends": "` + ends + `", "reason": "x", "by": "uid 0"}}}`,
			"an override from before the start is ignored: no such site"},
	} {
		if err := os.WriteFile(filepath.Join(state, "overrides.json"), []byte(c.text),
			0o600); err != nil {
			t.Fatal(err)
		}
		m := start(t, sites(healthy(t), healthy(t), "STATE_DIRECTORY="+state)...)
		m.WantValue(t, "site-a", "0")
		if log := m.Log(); !strings.Contains(log, c.want) {
			t.Errorf("%s: want %q in the log:\n%s", c.text, c.want, log)
		}
	}
}

// TestOverrideOfNobody names the monitors that run, for those who type the command without their
// settings.
func TestOverrideOfNobody(t *testing.T) {
	t.Parallel()
	m := start(t, sites(healthy(t), healthy(t))...)
	code, _, stderr := command(t, []string{"LISTEN_ADDR=" + bound(t)}, "override")
	if code != 1 || !strings.Contains(stderr, "no monitor runs here with LISTEN_ADDR=") ||
		!strings.Contains(stderr, m.Address) {
		t.Errorf("exit code %d, %q", code, stderr)
	}
}
