package monitor_test

import (
	"slices"
	"testing"
	"time"

	"failover-monitor/internal/monitor"
)

// TestPolls has polls of site-a for two and a half minutes, none for ten minutes, and one more.
// Site-b is never polled.
func TestPolls(t *testing.T) {
	t.Parallel()
	sites := fakes{newFake(), newFake()}
	runFakes(t, 5*time.Second, sites, func(t *testing.T, m *monitor.Monitor, events *recorder) {
		want := func(armedA, armedB bool, lines ...string) {
			t.Helper()
			polls := m.Overview().Polls
			if polls[0].Armed != armedA || polls[1].Armed != armedB {
				t.Errorf("at %v: %+v, want armed %v and %v", time.Since(midnight), polls, armedA, armedB)
			}
			if got := events.take(); !slices.Equal(got, lines) {
				t.Errorf("at %v: %q, want %q", time.Since(midnight), got, lines)
			}
		}
		time.Sleep(time.Second)
		want(true, true, "00.010 site-a turned up after 1", "00.010 site-b turned up after 1")
		for range 10 {
			time.Sleep(15 * time.Second)
			m.Polled("site-a", "Go-http-client/1.1", 0)
		}
		want(true, false, "60.000 site-b armed: false")
		if got := m.Overview().Polls[0]; got.By != "Go-http-client/1.1" || !got.At.Equal(time.Now()) {
			t.Errorf("site-a was polled %+v", got)
		}
		time.Sleep(10 * time.Minute)
		want(false, false, "211.000 site-a armed: false")
		m.Polled("site-a", "curl/8", 0)
		time.Sleep(time.Second)
		want(true, false, "751.000 site-a armed: true")
	})
}
