package monitor_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"failover-monitor/internal/monitor"
)

// pin is an override that begins now.
func pin(v monitor.Verdict, lasts time.Duration) monitor.Override {
	now := time.Now()
	return monitor.Override{
		Verdict: v, Began: now, Ends: now.Add(lasts), Reason: "a drill", By: "uid 0",
	}
}

// TestOverride sets and clears overrides of site-b, which refuses from 12 s on with thresholds of 3
// and 2.
func TestOverride(t *testing.T) {
	t.Parallel()
	const s = time.Second
	type order struct {
		at    time.Duration
		to    monitor.Verdict // Unknown: clear
		lasts time.Duration
	}
	for _, c := range []struct {
		name    string
		setting monitor.Verdict
		orders  []order
		at      []time.Duration // when site-a's value is polled
		want    []string        // the values
		events  []string
	}{
		{"it begins and ends at once", 0, []order{{3 * s, monitor.Down, 4 * s}},
			[]time.Duration{3 * s, 7*s - 1, 7 * s}, []string{"1", "1", "0"},
			[]string{"03.000 site-b pinned down", "07.000 site-b no longer pinned down, by its time"}},
		{"it is cleared", 0, []order{{3 * s, monitor.Down, 40 * s}, {6 * s, 0, 0}},
			[]time.Duration{5 * s, 6 * s}, []string{"1", "0"},
			[]string{"03.000 site-b pinned down", "06.000 site-b no longer pinned down, by uid 7"}},
		{"another takes its place", 0, []order{{3 * s, monitor.Down, 4 * s}, {5 * s, monitor.Up, 20 * s}},
			[]time.Duration{4 * s, 5 * s, 8 * s, 24 * s, 25 * s}, []string{"1", "0", "0", "0", "1"},
			[]string{"03.000 site-b pinned down",
				"05.000 site-b no longer pinned down, by uid 0", "05.000 site-b pinned up",
				"17.000 site-b turned down after 3", "25.000 site-b no longer pinned up, by its time"}},
		{"probes go on beside it, in the middle of a streak", 0,
			[]order{{15500 * time.Millisecond, monitor.Up, 10 * s}},
			[]time.Duration{16 * s, 25 * s, 25500 * time.Millisecond}, []string{"0", "0", "1"},
			[]string{"15.500 site-b pinned up", "17.000 site-b turned down after 3",
				"25.500 site-b no longer pinned up, by its time"}},
		{"it takes the place of a setting, which is back at its end", monitor.Up,
			[]order{{3 * s, monitor.Down, 4 * s}},
			[]time.Duration{2 * s, 3 * s, 7 * s, 30 * s}, []string{"0", "1", "0", "0"},
			[]string{"03.000 site-b pinned down", "07.000 site-b no longer pinned down, by its time",
				"17.000 site-b turned down after 3"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			sc := scenario{
				sites:    []script{nil, dies(12*s, refuses)},
				limits:   monitor.Thresholds{Failure: 3, Success: 2},
				override: map[int]monitor.Verdict{1: c.setting},
			}
			sc.run(t, func(t *testing.T, m *monitor.Monitor, events *recorder) {
				synctest.Wait()
				events.take()
				orders := c.orders
				for i, at := range c.at {
					for len(orders) > 0 && orders[0].at <= at {
						sleepUntil(orders[0].at)
						o := monitor.Override{By: "uid 7"}
						if orders[0].to != monitor.Unknown {
							o = pin(orders[0].to, orders[0].lasts)
						}
						if err := m.SetOverride(t.Context(), "site-b", o); err != nil {
							t.Fatal(err)
						}
						orders = orders[1:]
					}
					sleepUntil(at)
					wantAnswer(t, m, "site-a", c.want[i])
				}
				time.Sleep(time.Millisecond)
				if got := events.take(); !slices.Equal(got, c.events) {
					t.Errorf("got\n %q\nwant\n %q", got, c.events)
				}
			})
		})
	}
}

// TestOverrideIsRefused sets an override of an unknown site, and one after the monitor has stopped.
func TestOverrideIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		m := monitor.New(scenario{sites: []script{nil, nil}}.list(), noEvents)
		m.Start(ctx)
		err := m.SetOverride(ctx, "site-c", pin(monitor.Up, time.Hour))
		if !errors.Is(err, monitor.ErrNoSite) {
			t.Errorf("got %v, want %v", err, monitor.ErrNoSite)
		}
		cancel()
		m.Wait()
		err = m.SetOverride(t.Context(), "site-b", pin(monitor.Down, time.Hour))
		if !errors.Is(err, monitor.ErrStopped) {
			t.Errorf("got %v, want %v", err, monitor.ErrStopped)
		}
	})
}

// TestOverrideEndsOnAStuckLoop: readers of a snapshot check the end of the override themselves.
func TestOverrideEndsOnAStuckLoop(t *testing.T) {
	t.Parallel()
	now := time.Now()
	s := &monitor.Snapshot{Site: &monitor.Site{}, Pinned: pin(monitor.Down, time.Minute)}
	for after, want := range map[time.Duration]monitor.Verdict{
		0: monitor.Down, 59 * time.Second: monitor.Down, 61 * time.Second: monitor.Unknown,
	} {
		if got := s.Current(now.Add(after)); got != want {
			t.Errorf("after %v: %v, want %v", after, got, want)
		}
	}
}
