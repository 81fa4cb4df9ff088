package monitor

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"failover-monitor/internal/probe"
)

// stop makes the last tick seem older by that much.
func (m *stallMeter) stop(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last = m.last.Add(-d)
}

// TestStallMeter has ticks that come in time, and one that comes late.
func TestStallMeter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := new(stallMeter)
		if lost := m.begin(); lost != 0 {
			t.Errorf("at the start: %v lost", lost)
		}
		time.Sleep(time.Second + time.Millisecond) // between two ticks
		if lost := m.begin(); lost != 0 {
			t.Errorf("no tick was late: %v lost", lost)
		}
		m.stop(300 * time.Millisecond)
		if lost := m.end(); lost != 251*time.Millisecond {
			t.Errorf("before the late tick: %v lost, want 251ms", lost)
		}
		time.Sleep(time.Second)
		if lost := m.end(); lost != 251*time.Millisecond {
			t.Errorf("after it: %v lost, want 251ms", lost)
		}
		time.Sleep(time.Hour) // without a probe, there is nothing to lose
		if lost := m.begin(); lost != 251*time.Millisecond {
			t.Errorf("an hour later: %v lost, want 251ms", lost)
		}
		m.end()
	})
}

// TestStalledProbe stops the monitor for more or less than a quarter of a probe's time: a failure
// counts or not, and a success always does.
func TestStalledProbe(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		stopped time.Duration
		up      bool
		counts  bool
	}{{0, false, true}, {200 * time.Millisecond, false, true}, {300 * time.Millisecond, false, false},
		{300 * time.Millisecond, true, true}} {
		synctest.Test(t, func(t *testing.T) {
			s := &shared{Host: NewHost(nil)}
			site := &Site{Timeout: time.Second, Probe: func(context.Context) (probe.Result, error) {
				time.Sleep(101 * time.Millisecond) // a millisecond after a tick
				s.stalls.stop(stallTick + c.stopped)
				return probe.Result{Up: c.up}, nil
			}}
			if o := s.probe(t.Context(), t.Context(), site); (o.Discarded == nil) != c.counts {
				t.Errorf("stopped for %v, up=%v: %v, want it to count: %v",
					c.stopped, c.up, o.Discarded, c.counts)
			}
		})
	}
}
