package blackbox

import (
	"encoding/json"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"failover-monitor/internal/e2e/rig"
	"failover-monitor/internal/fakesite"
)

// failoverStatus is the part of /status that this file looks at.
type failoverStatus struct {
	Sites []struct {
		Since     time.Time
		Failovers []struct {
			Explanation string
			FirstFailed time.Time `json:"first_failed_probe"`
			Down, Ended time.Time
			Told        []struct {
				Site string
				At   time.Time
			}
		}
	}
}

// TestFailoverOutlivesARestart follows an outage of site-b from its first failed probe over a
// restart of the monitor to its end.
func TestFailoverOutlivesARestart(t *testing.T) {
	t.Parallel()
	b := rig.Site(t, fakesite.Answer(http.StatusOK))
	m := start(t, sites(healthy(t), b.Address(), "CACHE_TTL_SEC=0.2", "FAILURE_THRESHOLD=2",
		"RETRY_INTERVAL_SEC=0.1", "STATE_DIRECTORY="+t.TempDir())...)
	siteB := func() (s failoverStatus) {
		t.Helper()
		_, text := m.Get(t, "/status")
		if err := json.Unmarshal([]byte(text), &s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	m.Verdict(t, "site-b", "up")
	b.Refuse()
	m.Verdict(t, "site-b", "down")
	m.WantValue(t, "site-a", "1")
	before := siteB().Sites[1]
	if len(before.Failovers) != 1 || len(before.Failovers[0].Told) != 1 ||
		before.Failovers[0].Told[0].Site != "site-a" {
		t.Fatalf("one failover that site-a was told of, but %+v", before.Failovers)
	}
	f := before.Failovers[0]
	if took := f.Down.Sub(f.FirstFailed); took < 100*time.Millisecond || took > 3*time.Second {
		t.Errorf("from the first failed probe to down it took %v", took)
	}
	m.WantMetrics(t, `failover_detection_seconds_count{site="site-b"} 1`,
		`failover_delivery_seconds_count{site="site-b"} 1`, `failover_untold_peers{site="site-b"} 0`)

	m.Signal(t, syscall.SIGTERM)
	m.Wait()
	m.Run(t)
	m.AwaitListening(t)
	m.Verdict(t, "site-b", "down")
	after := siteB().Sites[1]
	if !after.Since.Equal(f.Down) || len(after.Failovers) != 1 ||
		!after.Failovers[0].Down.Equal(f.Down) {
		t.Errorf("after a restart: since %v, failovers %+v; want down since %v", after.Since,
			after.Failovers, f.Down)
	}
	if err := b.Become(fakesite.Answer(http.StatusOK)); err != nil {
		t.Fatal(err)
	}
	m.Verdict(t, "site-b", "up")
	until(t, "the failover is over", func() bool {
		list := siteB().Sites[1].Failovers
		return len(list) == 1 && !list[0].Ended.IsZero()
	})
	if _, page := m.Get(t, "/"); !strings.Contains(page, "first failed probe") {
		t.Error("the page does not show the failover")
	}
}
