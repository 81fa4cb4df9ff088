package cluster

import (
	"net/http"
	"path/filepath"
	"testing"

	"failover-monitor/internal/fakesite"
)

// settings are those that env.example recommends, and its defaults. What they mean is in timings.print.
var settings = []string{"FAILURE_THRESHOLD=3", "SUCCESS_THRESHOLD=2"}

var well = fakesite.Answer(http.StatusOK)

// faults are the ways in which the peer fails.
var faults = []struct {
	name  string
	cause func(*fakesite.Site) error
}{
	{"hangs", func(s *fakesite.Site) error { return s.Become(fakesite.Hang) }},
	{"refuses", func(s *fakesite.Site) error { s.Refuse(); return nil }},
	{"answers 503", func(s *fakesite.Site) error { return s.Become(fakesite.Answer(http.StatusServiceUnavailable)) }},
}

// world is one monitor and the two sites that it sees.
type world struct {
	address   string // of the monitor
	own, peer *fakesite.Site
	settings  []string
	monitor   *process
}

// newWorld starts a monitor with two sites that are well, for the KEDA of the one that is named.
func newWorld(t *testing.T, site string, more ...string) *world {
	t.Helper()
	w := &world{own: newSite(t), peer: newSite(t)}
	a, b := w.own, w.peer
	if site == "site-b" {
		a, b = b, a
	}
	w.settings = append([]string{"SITE_A_HEALTH_URL=http://" + a.Address(), "SITE_B_HEALTH_URL=http://" + b.Address()}, append(settings, more...)...)
	return w.another(t)
}

// another starts one more monitor in the same world.
func (w world) another(t *testing.T) *world {
	t.Helper()
	ports, err := freePorts(1)
	must(t, err)
	w.address = "127.0.0.1:" + ports[0]
	w.start(t)
	t.Cleanup(w.kill)
	return &w
}

func newSite(t *testing.T) *fakesite.Site {
	t.Helper()
	site, err := fakesite.Start("127.0.0.1:0", well)
	must(t, err)
	t.Cleanup(site.Close)
	return site
}

func (w *world) start(t *testing.T) {
	t.Helper()
	var err error
	w.monitor, err = startProcess(t.TempDir(), filepath.Join(binaries, "failover-monitor"), append([]string{"LISTEN_ADDR=" + w.address}, w.settings...))
	must(t, err)
}

func (w *world) kill() {
	w.monitor.cmd.Process.Kill()
	<-w.monitor.ended
}

// heal makes the peer well.
func (w *world) heal(t *testing.T) {
	t.Helper()
	must(t, w.peer.Become(well))
}

// fail makes the peer hang.
func (w *world) fail(t *testing.T) {
	t.Helper()
	must(t, w.peer.Become(fakesite.Hang))
}
