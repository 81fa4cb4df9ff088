package cluster

import (
	"encoding/json"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"failover-monitor/internal/e2e/rig"
	"failover-monitor/internal/fakesite"
)

// settings are those that env.example recommends; the rest is by default.
var settings = []string{"FAILURE_THRESHOLD=3", "SUCCESS_THRESHOLD=2"}

// They make the limits that are promised: 10 s until the verdict, one round of the HPA, and a
// second for all the answers in between.
const (
	monitorCycle = 5 * time.Second // CACHE_TTL_SEC
	worstLimit   = 10*time.Second + hpaSync + time.Second
	medianLimit  = 17 * time.Second
)

var healthy = fakesite.Answer(http.StatusOK)

// fault is a way in which the peer fails.
type fault struct {
	name  string
	count int // how often it is measured
	cause func(*fakesite.Site) error
}

var faults = []fault{
	{"hangs", 8, func(s *fakesite.Site) error { return s.Become(fakesite.Hang) }},
	{"refuses", 4, func(s *fakesite.Site) error { s.Refuse(); return nil }},
	{"answers 503", 4,
		func(s *fakesite.Site) error { return s.Become(fakesite.Answer(http.StatusServiceUnavailable)) }},
}

// fixture is one monitor and the two sites that it sees.
type fixture struct {
	*rig.Monitor
	peer  *fakesite.Site // of the site whose KEDA asks
	limit time.Duration  // how long a failover may take
	site  string         // whose KEDA asks
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
	monitor := rig.Start(t, command, slices.Concat(settings, sites, more)...)
	return &fixture{monitor, b, worstLimit, site}
}

func newSite(t *testing.T) *fakesite.Site {
	t.Helper()
	return rig.Site(t, healthy)
}

// status is when KEDA last asked, and since when the peer has its verdict; zero for neither.
func (w *fixture) status(t *testing.T) (polled, decided time.Time) {
	t.Helper()
	_, body := w.Get(t, "/status")
	var status struct {
		Sites []struct {
			Site  string
			Since time.Time
		}
		Metrics []struct {
			Site     string
			LastPoll time.Time `json:"last_poll"`
		}
	}
	must(t, json.Unmarshal([]byte(body), &status))
	for i, metric := range status.Metrics {
		if metric.Site == w.site {
			polled = metric.LastPoll
		} else {
			decided = status.Sites[i].Since
		}
	}
	return polled, decided
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
