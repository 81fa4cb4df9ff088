package monitor_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"failover-monitor/internal/monitor"
)

// TestStuckProber is a probe that never comes back: the verdict ages, and is then no longer told.
func TestStuckProber(t *testing.T) {
	t.Parallel()
	a, b := newFake(), newFake()
	bubble(t, 5*time.Second, []*fake{a, b}, func(t *testing.T, m *monitor.Monitor, log *journal) {
		zero := time.Now()
		time.Sleep(time.Second)
		b.set(func(f *fake) { f.stuck = true }) // from the probe at 5 s on
		at := func(d time.Duration) { time.Sleep(d - time.Since(zero)) }

		at(8500 * time.Millisecond)
		if err := m.Alive(); err != nil {
			t.Errorf("a probe within its timeout: %v", err)
		}
		at(9 * time.Second) // result at 0.01 s, which counts for 5 + 3 + 1 s
		wantAnswer(t, m, "site-a", "0")
		at(9500 * time.Millisecond)
		if err := m.Alive(); err == nil || err.Error() != "site-b: its probe loop is stuck, 500ms late" {
			t.Errorf("a stuck probe: %v", err)
		}
		want := "no verdict on site-b: its last result is 11.5s old, and expired after 9s, last known: up" // it waits 2 s for a new one
		wantAnswer(t, m, "site-a", want)
		wantAnswer(t, m, "site-b", "0")
		at(12 * time.Second)
		if got := ask(t, m, "site-a"); !strings.Contains(got, "last known: up") {
			t.Errorf("got %q", got)
		}
		logged := log.String()
		if n := strings.Count(logged, "verdict expired"); n != 1 {
			t.Errorf("%d lines in the log about it, want 1:\n%s", n, logged)
		}
		if len(b.since(zero)) != 2 {
			t.Errorf("%d probes, want no third beside the one that is stuck", len(b.since(zero)))
		}

		b.set(func(f *fake) { f.stuck = false })
		b.free <- true
		time.Sleep(time.Second)
		wantAnswer(t, m, "site-a", "0")
		if err := m.Alive(); err != nil {
			t.Errorf("well again: %v", err)
		}
		if logged := log.String(); !strings.Contains(logged, "verdict known again") {
			t.Errorf("the log does not say that all is well again:\n%s", logged)
		}
	})
}

// TestFaultOfTheMonitor is a probe that cannot be made: it is not the site's fault, the verdict ages.
func TestFaultOfTheMonitor(t *testing.T) {
	t.Parallel()
	a, b := newFake(), newFake()
	bubble(t, 5*time.Second, []*fake{a, b}, func(t *testing.T, m *monitor.Monitor, log *journal) {
		time.Sleep(time.Second)
		b.set(func(f *fake) { f.fault = errors.New("too many open files") })
		time.Sleep(7 * time.Second)
		wantAnswer(t, m, "site-a", "0")
		time.Sleep(2 * time.Second)
		wantAnswer(t, m, "site-a", "no verdict on site-b: too many open files; its last result is 10s old, and expired after 9s, last known: up")
		if err := m.Well(); err == nil || err.Error() != "site-b: too many open files" || m.Alive() != nil {
			t.Errorf("the prober is not well: %v", err)
		}
		b.set(func(f *fake) { f.fault = nil })
		time.Sleep(6 * time.Second)
		wantAnswer(t, m, "site-a", "0")
		logged := log.String()
		for _, line := range []string{"probe does not count", "probes count again"} {
			if n := strings.Count(logged, line); n != 1 {
				t.Errorf("%d times %q in the log, want 1:\n%s", n, line, logged)
			}
		}
	})
}
