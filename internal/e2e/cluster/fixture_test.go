package cluster

import (
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"failover-monitor/internal/e2e/rig"
	"failover-monitor/internal/fakesite"
)

// settings are those that env.example recommends; the rest is by default.
var settings = []string{"FAILURE_THRESHOLD=3", "SUCCESS_THRESHOLD=2"}

var healthy = fakesite.Answer(http.StatusOK)

// fault is a way in which the peer fails.
type fault struct {
	name  string
	cause func(*fakesite.Site) error
}

var faults = []fault{
	{"hangs", func(s *fakesite.Site) error { return s.Become(fakesite.Hang) }},
	{"refuses", func(s *fakesite.Site) error { s.Refuse(); return nil }},
	{"answers 503",
		func(s *fakesite.Site) error { return s.Become(fakesite.Answer(http.StatusServiceUnavailable)) }},
}

// fixture is one monitor and the two sites that it sees.
type fixture struct {
	*rig.Monitor
	peer *fakesite.Site // of the site whose KEDA asks
}

// newFixture starts a monitor with two sites that are well, for the KEDA of the one that is named.
func newFixture(t *testing.T, site string, more ...string) *fixture {
	t.Helper()
	a, b := newSite(t), newSite(t)
	sites := []string{"SITE_A_HEALTH_URL=http://" + a.Address(),
		"SITE_B_HEALTH_URL=http://" + b.Address()}
	if site == "site-b" {
		b = a
	}
	command := exec.Command(filepath.Join(binaries, "failover-monitor"))
	return &fixture{rig.Start(t, command, slices.Concat(settings, sites, more)...), b}
}

func newSite(t *testing.T) *fakesite.Site {
	t.Helper()
	return rig.Site(t, healthy)
}

// heal makes the peer well.
func (w *fixture) heal(t *testing.T) {
	t.Helper()
	must(t, w.peer.Become(healthy))
}

// fail makes the peer hang.
func (w *fixture) fail(t *testing.T) {
	t.Helper()
	must(t, w.peer.Become(fakesite.Hang))
}
