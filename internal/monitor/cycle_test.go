package monitor_test

import (
	"context"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"failover-monitor/internal/monitor"
)

// TestCycle has a site with a place in the cycle of 5 s: when its probes begin.
func TestCycle(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name         string
		delay, phase float64
		takes        float64
		dies, heals  float64
		want         []float64 // starts within 24 s
	}{
		{"no place: an interval after the one before", 0, 0, 0, 99, 0, []float64{0, 5, 10, 15, 20}},
		{"the first at once", 0, 1.25, 0, 99, 0, []float64{0, 1.25, 6.25, 11.25, 16.25, 21.25}},
		{"the last place is the interval", 0, 5, 0, 99, 0, []float64{0, 5, 10, 15, 20}},
		{"a first that is delayed", 0.5, 1.25, 0, 99, 0, []float64{0.5, 1.25, 6.25, 11.25, 16.25, 21.25}},
		{"beyond its place", 2, 1.25, 0, 99, 0, []float64{2, 6.25, 11.25, 16.25, 21.25}},
		{"beyond the interval", 12, 1.25, 0, 99, 0, []float64{12, 16.25, 21.25}},
		{"without a place", 0.5, 0, 0, 99, 0, []float64{0.5, 5.5, 10.5, 15.5, 20.5}},
		{"retries, and back", 0, 1.25, 0, 6, 99, []float64{0, 1.25, 6.25, 7.25, 8.25, 11.25, 16.25, 21.25}},
		{"retries of a success, too", 0, 1.25, 0, 6, 12, []float64{0, 1.25, 6.25, 7.25, 8.25, 11.25, 16.25, 17.25, 21.25}},
		{"retries without a place move the cycle", 0, 0, 0, 4, 99, []float64{0, 5, 6, 7, 12, 17, 22}},
		{"slow", 0, 1.25, 2, 99, 0, []float64{0, 2, 6.25, 11.25, 16.25, 21.25}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				zero := time.Now()
				f := newFake()
				f.takes = seconds(c.takes)
				site := monitor.Site{
					Name: "site-a", Probe: f.probe, Interval: 5 * time.Second, Delay: seconds(c.delay), Phase: seconds(c.phase),
					Retry: time.Second, Timeout: timeout, Thresholds: monitor.Thresholds{Failure: 3, Success: 2},
				}
				ctx, cancel := context.WithCancel(t.Context())
				m := monitor.New([]monitor.Site{site}, options(io.Discard))
				m.Start(ctx)
				for second := range 24 {
					down := float64(second) >= c.dies && float64(second) < c.heals
					f.set(func(f *fake) { f.down = down })
					time.Sleep(time.Second)
				}
				cancel()
				m.Wait()
				var want []time.Duration
				for _, at := range c.want {
					want = append(want, seconds(at))
				}
				if got := f.since(zero); !slices.Equal(got, want) {
					t.Errorf("probes began at %v, want %v", got, want)
				}
			})
		})
	}
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// TestDelayedFirstProbe: whoever asks before it has begun waits for it, and nothing is stuck.
func TestDelayedFirstProbe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		zero := time.Now()
		f := newFake()
		site := monitor.Site{Name: "site-a", Probe: f.probe, Interval: 5 * time.Second, Timeout: timeout, Thresholds: monitor.Thresholds{Failure: 1, Success: 1}}
		late := site
		late.Name, late.Delay = "site-b", 1500*time.Millisecond
		ctx, cancel := context.WithCancel(t.Context())
		m := monitor.New([]monitor.Site{site, late}, options(io.Discard))
		m.Start(ctx)
		wantAnswer(t, m, "site-a", "0")
		if waited := time.Since(zero); waited != late.Delay+f.takes {
			t.Errorf("waited %v", waited)
		}
		cancel()
		m.Wait()
	})
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		site := monitor.Site{Name: "site-a", Probe: f.probe, Interval: time.Second, Delay: 10 * time.Second, Timeout: timeout, Thresholds: monitor.Thresholds{Failure: 1, Success: 1}}
		ctx, cancel := context.WithCancel(t.Context())
		m := monitor.New([]monitor.Site{site}, options(io.Discard))
		m.Start(ctx)
		for range 15 {
			time.Sleep(time.Second)
			if err := m.Well(); err != nil {
				t.Error(err)
			}
		}
		cancel()
		m.Wait()
	})
}
