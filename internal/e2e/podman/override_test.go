//go:build e2e

package podman

import (
	"net/http"
	"strings"
	"testing"

	"failover-monitor/internal/fakesite"
)

// TestOverride pins a verdict by "podman exec" in the hardened container, and has it outlive the
// container where a volume keeps it.
func TestOverride(t *testing.T) {
	up := fakesite.Answer(http.StatusOK)
	settings := urls("http://"+site(t, up).Address(), "http://"+site(t, up).Address())
	mount := flags(t, "-v failover-monitor-state:")
	name := run(t, settings, mount)
	wait(t, name, "/metric/site-a", `{"value":0}`)
	command := "podman exec " + name + " /failover-monitor override"
	if got := must(t, command+" site-b down 1h drill"); !strings.HasPrefix(got,
		"site-b is pinned down by uid 65532 until ") ||
		!strings.HasSuffix(got, "\na restart does not end it") {
		t.Errorf("got %q", got)
	}
	wait(t, name, "/metric/site-a", `{"value":1}`)
	must(t, "podman rm --force --time 5 "+name)

	name = run(t, settings, mount)
	wait(t, name, "/metric/site-a", `{"value":1}`)
	must(t, command+" site-b clear")
	wait(t, name, "/metric/site-a", `{"value":0}`)
	must(t, command+" site-b down 2s drill")
	wait(t, name, "/metric/site-a", `{"value":1}`)
	wait(t, name, "/metric/site-a", `{"value":0}`) // its time is over

	as := strings.Replace(command, "podman exec", "podman exec --user 1000", 1)
	code, _, stderr := shell(t, as+" site-b down 1h drill")
	if code != 1 ||
		!strings.Contains(stderr, "only root and the monitor's own user may override a verdict") {
		t.Errorf("another user: exit code %d, %q", code, stderr)
	}
	must(t, "podman rm --force --time 5 "+name)

	name = run(t, settings, "")
	wait(t, name, "/metric/site-a", `{"value":0}`)
	if got := must(t, command+" site-b down 1h drill"); !strings.HasSuffix(got,
		"no STATE_DIRECTORY is set") {
		t.Errorf("got %q", got)
	}
}
