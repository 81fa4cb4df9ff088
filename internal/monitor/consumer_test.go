package monitor_test

import (
	"slices"
	"testing"
	"time"

	"failover-monitor/internal/monitor"
)

func TestConsumers(t *testing.T) {
	t.Parallel()
	a, b := newFake(), newFake()
	bubble(t, 5*time.Second, []*fake{a, b}, func(t *testing.T, m *monitor.Monitor, log *journal) {
		armed := func() (all []bool) {
			for _, metric := range m.Status().Metrics {
				all = append(all, metric.Armed)
			}
			return all
		}
		time.Sleep(time.Second)
		_ = log.String()
		for range 10 { // site-a's KEDA asks for two and a half minutes, site-b's never
			time.Sleep(15 * time.Second)
			m.Polled("site-a", "Go-http-client/1.1")
		}
		if got := armed(); !slices.Equal(got, []bool{true, false}) {
			t.Errorf("armed %v, want site-a alone", got)
		}
		if got := m.Status().Metrics[0]; got.PolledBy != "Go-http-client/1.1" || !got.LastPoll.Equal(time.Now()) {
			t.Errorf("site-a was polled %v by %q", got.LastPoll, got.PolledBy)
		}
		want := "time=01:00.000 level=WARN msg=\"nobody asks for this site's value: its failover is disarmed\" site=site-b for=1m0s last_asked_by=\"\"\n"
		if got := log.String(); got != want {
			t.Errorf("the log says\n%swant\n%s", got, want)
		}
		time.Sleep(10 * time.Minute) // then site-a's stops
		if got := armed(); !slices.Equal(got, []bool{false, false}) {
			t.Errorf("armed %v, want none", got)
		}
		want = "time=03:31.000 level=WARN msg=\"nobody asks for this site's value: its failover is disarmed\" site=site-a for=1m0s last_asked_by=Go-http-client/1.1\n"
		if got := log.String(); got != want {
			t.Errorf("the log says\n%swant\n%s", got, want)
		}
		m.Polled("site-a", "curl/8")
		time.Sleep(time.Second)
		if got := armed(); !slices.Equal(got, []bool{true, false}) {
			t.Errorf("armed %v, want site-a again", got)
		}
		if got, want := log.String(), "time=12:31.000 level=INFO msg=\"this site's value is asked for again\" site=site-a by=curl/8\n"; got != want {
			t.Errorf("the log says\n%swant\n%s", got, want)
		}
	})
}
