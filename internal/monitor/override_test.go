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
	return monitor.Override{Verdict: v, Began: now, Ends: now.Add(lasts), Reason: "a drill", By: "uid 0"}
}

// TestOverride sets and clears overrides of site-b, which refuses from 12 s on with thresholds of 3 and 2.
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
		at      []time.Duration // when to look
		want    []string        // what site-a is told then
		events  []string
	}{
		{"it begins and ends at once", 0, []order{{3 * s, monitor.Down, 4 * s}},
			[]time.Duration{3 * s, 7*s - 1, 7 * s}, []string{"1", "1", "0"},
			[]string{"03.000 site-b pinned down", "07.000 site-b not down any more, by its time"}},
		{"it is cleared", 0, []order{{3 * s, monitor.Down, 40 * s}, {6 * s, 0, 0}},
			[]time.Duration{5 * s, 6 * s}, []string{"1", "0"},
			[]string{"03.000 site-b pinned down", "06.000 site-b not down any more, by uid 7"}},
		{"another takes its place", 0, []order{{3 * s, monitor.Down, 4 * s}, {5 * s, monitor.Up, 20 * s}},
			[]time.Duration{4 * s, 5 * s, 8 * s, 24 * s, 25 * s}, []string{"1", "0", "0", "0", "1"},
			[]string{"03.000 site-b pinned down", "05.000 site-b not down any more, by uid 0", "05.000 site-b pinned up",
				"17.000 site-b turned down after 3", "25.000 site-b not up any more, by its time"}},
		{"probes go on beside it, in the middle of a streak", 0, []order{{15500 * time.Millisecond, monitor.Up, 10 * s}},
			[]time.Duration{16 * s, 25 * s, 25500 * time.Millisecond}, []string{"0", "0", "1"},
			[]string{"15.500 site-b pinned up", "17.000 site-b turned down after 3", "25.500 site-b not up any more, by its time"}},
		{"it takes the place of a setting, which is back at its end", monitor.Up, []order{{3 * s, monitor.Down, 4 * s}},
			[]time.Duration{2 * s, 3 * s, 7 * s, 30 * s}, []string{"0", "1", "0", "0"},
			[]string{"03.000 site-b pinned down", "07.000 site-b not down any more, by its time", "17.000 site-b turned down after 3"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			sc := scenario{sites: []script{nil, dies(12*s, refuses)}, limits: monitor.Thresholds{Failure: 3, Success: 2}, override: map[int]monitor.Verdict{1: c.setting}}
			sc.run(t, func(t *testing.T, m *monitor.Monitor, events *recorder) {
				synctest.Wait()
				events.since()
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
				if got := events.since(); !slices.Equal(got, c.events) {
					t.Errorf("got\n %q\nwant\n %q", got, c.events)
				}
			})
		})
	}
}

// TestOverrideIsRefused for what is no site, and by a monitor that has stopped.
func TestOverrideIsRefused(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		m := monitor.New([]*monitor.Site{newSite('a', script(nil).probe(midnight)), newSite('b', script(nil).probe(midnight))}, silent)
		m.Start(ctx)
		if err := m.SetOverride(ctx, "site-c", pin(monitor.Up, time.Hour)); !errors.Is(err, monitor.ErrNoSite) {
			t.Errorf("got %v", err)
		}
		cancel()
		m.Wait()
		if err := m.SetOverride(t.Context(), "site-b", pin(monitor.Down, time.Hour)); !errors.Is(err, monitor.ErrStopped) {
			t.Errorf("got %v", err)
		}
	})
}

// TestOverrideOnDemand has nobody wait for a site that is pinned while the monitor runs.
func TestOverrideOnDemand(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T) {
		b := newFake()
		b.takes = time.Hour
		sites := []*monitor.Site{newSite('a', newFake().probe), newSite('b', b.probe)}
		sites[0].Interval, sites[1].Interval = 0, 0
		watch(t, sites, silent, func(m *monitor.Monitor) {
			if err := m.SetOverride(t.Context(), "site-b", pin(monitor.Down, time.Hour)); err != nil {
				t.Fatal(err)
			}
			wantAnswer(t, m, "site-a", "1")
			if waited := time.Since(midnight); waited != 0 {
				t.Errorf("waited %v", waited)
			}
		})
	})
}

// TestOverrideEndsOnAStuckLoop: whoever asks looks at the end itself.
func TestOverrideEndsOnAStuckLoop(t *testing.T) {
	t.Parallel()
	now := time.Now()
	s := &monitor.Snapshot{Site: &monitor.Site{}, Pinned: pin(monitor.Down, time.Minute)}
	for after, want := range map[time.Duration]monitor.Verdict{0: monitor.Down, 59 * time.Second: monitor.Down, 61 * time.Second: monitor.Unknown} {
		if got := s.Current(now.Add(after)); got != want {
			t.Errorf("after %v: %v, want %v", after, got, want)
		}
	}
}
