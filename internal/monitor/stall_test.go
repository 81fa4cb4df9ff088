package monitor

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"failover-monitor/internal/probe"
)

// TestStallMeter has ticks that come in time, and one that comes late.
func TestStallMeter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := new(stallMeter)
		if lost := m.read(); lost != 0 {
			t.Errorf("before the start: %v lost", lost)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go m.run(ctx)
		time.Sleep(time.Second)
		if lost := m.read(); lost != 0 {
			t.Errorf("no tick was late: %v lost", lost)
		}
		m.stop(300 * time.Millisecond)
		if lost := m.read(); lost != 250*time.Millisecond {
			t.Errorf("before the late tick: %v lost, want 250ms", lost)
		}
		time.Sleep(time.Second)
		if lost := m.read(); lost != 250*time.Millisecond {
			t.Errorf("after it: %v lost, want 250ms", lost)
		}
	})
}

// stop makes the last tick seem that old.
func (m *stallMeter) stop(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last = time.Now().Add(-d)
}

// TestStalledProbe stops the monitor for more or less than a quarter of a probe's time: a failure counts or not, and a
// success always does.
func TestStalledProbe(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		stopped time.Duration
		up      bool
		counts  bool
	}{{0, false, true}, {200 * time.Millisecond, false, true}, {300 * time.Millisecond, false, false}, {300 * time.Millisecond, true, true}} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			w := &watch{stalls: new(stallMeter)}
			w.Timeout = time.Second
			w.Probe = func(context.Context) (probe.Result, error) {
				time.Sleep(100 * time.Millisecond)
				w.stalls.stop(stallTick + c.stopped)
				return probe.Result{Up: c.up}, nil
			}
			go w.stalls.run(ctx)
			time.Sleep(time.Second)
			if _, err := w.probe(ctx); (err == nil) != c.counts {
				t.Errorf("stopped for %v, up=%v: %v, want it to count: %v", c.stopped, c.up, err, c.counts)
			}
		})
	}
}
