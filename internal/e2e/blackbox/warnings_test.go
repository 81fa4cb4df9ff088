package blackbox

import (
	"strings"
	"testing"

	"failover-monitor/internal/e2e/rig"
)

// TestStartWarnings has settings that are allowed and dangerous: each is one line at the start, and
// one that check prints. Without what is dangerous there is none.
func TestStartWarnings(t *testing.T) {
	t.Parallel()
	refuses := bound(t)
	pod := "KUBERNETES_SERVICE_HOST=10.96.0.1"
	for name, c := range map[string]struct {
		environ []string
		want    []string
		never   string // is in no line
	}{
		"the defaults, in a pod": {sites(healthy(t), refuses, pod), []string{
			"FAILURE_THRESHOLD=1 without WITNESS_URLS: one lost packet can take site-a, site-b down " +
				"and scale the others; recommended: FAILURE_THRESHOLD=3, and WITNESS_URLS",
			"site-a, site-b: asked at localhost; that is the container itself, not its host",
		}, ""},
		"three failures": {sites(healthy(t), refuses, "FAILURE_THRESHOLD=3"), nil, "lost packet"},
		"a witness": {sites(healthy(t), refuses, "WITNESS_URLS=tcp://"+healthy(t)), nil,
			"lost packet"},
	} {
		m := start(t, c.environ...)
		_, stdout, _ := command(t, c.environ, "check")
		for _, line := range c.want {
			m.WaitFor(t, func(l rig.LogLine) bool { return l.Level == "WARN" && l.Msg == line })
			if n := strings.Count(m.Log(), line); n != 1 {
				t.Errorf("%s: %d lines say %q:\n%s", name, n, line, m.Log())
			}
			if strings.Count(stdout, "\nwarning: "+line+"\n") != 1 {
				t.Errorf("%s: %q is not in\n%s", name, line, stdout)
			}
		}
		if c.never != "" && strings.Contains(m.Log()+stdout, c.never) {
			t.Errorf("%s: %q is in\n%s%s", name, c.never, m.Log(), stdout)
		}
		if name != "the defaults, in a pod" {
			continue
		}
		want := "\nsite-b is down: connection refused, connecting to " + refuses +
			"; 127.0.0.1 is the container's own address\n"
		if !strings.Contains(stdout, want) {
			t.Errorf("%q is not in\n%s", want, stdout)
		}
	}
}
