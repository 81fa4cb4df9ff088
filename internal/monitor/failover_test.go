package monitor_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"failover-monitor/internal/monitor"
)

// describeFailovers gives the failovers of a site in one line each; times are in seconds after
// midnight.
func describeFailovers(list []monitor.Failover) (lines []string) {
	at := func(t time.Time) string {
		if t.IsZero() {
			return "-"
		}
		return fmt.Sprintf("%.12g", t.Sub(midnight).Seconds())
	}
	for _, f := range list {
		line := "failed " + at(f.Failed) + " down " + at(f.Down)
		for _, t := range f.Told {
			line += " " + t.Peer + " " + at(t.At)
		}
		if line += " ended " + at(f.Ended); f.Drill {
			line += " drill"
		}
		lines = append(lines, line)
	}
	return lines
}

// TestFailovers has a row for each way in which a failover of site-b can go. Site-a polls every
// 10 s from 8 s on, site-c never.
func TestFailovers(t *testing.T) {
	t.Parallel()
	const s = time.Second
	threeTwo := monitor.Thresholds{Failure: 3, Success: 2}
	for _, c := range []struct {
		name     string
		sites    []script
		limits   monitor.Thresholds
		override map[int]monitor.Verdict
		orders   map[time.Duration]monitor.Override // of site-b
		restored []monitor.Failover
		until    time.Duration
		want     []string
		since    string // of the snapshot
	}{
		{name: "refuses and comes back", limits: threeTwo, until: 39 * s,
			sites: []script{nil, {{11 * s, refuses}, {31 * s, up}}, nil},
			want:  []string{"failed 15 down 17 site-a 18 ended 36"}, since: "36"},
		{name: "hangs, and is still down", limits: threeTwo, until: 39 * s,
			sites: []script{nil, {{11 * s, hangs}}, nil},
			want:  []string{"failed 15 down 20 site-a 28 ended -"}, since: "20"},
		{name: "the streak is cleared", limits: threeTwo, until: 39 * s,
			sites: []script{nil, {{11 * s, refuses}, {16500 * time.Millisecond, up}}, nil}, since: "0"},
		{name: "is up again before anyone is told", until: 39 * s,
			sites: []script{nil, {{19 * s, refuses}, {24 * s, up}}, nil},
			want:  []string{"failed 20 down 20 ended 25"}, since: "25"},
		{name: "twice", until: 39 * s,
			sites: []script{nil, {{4 * s, refuses}, {9 * s, up}, {24 * s, refuses}}, nil},
			want:  []string{"failed 5 down 5 site-a 8 ended 10", "failed 25 down 25 site-a 28 ended -"},
			since: "25"},
		{name: "a poll that is told nothing does not count", until: 39 * s,
			sites: []script{nil, {{4 * s, refuses}}, {{0, broken}, {23 * s, up}}},
			want:  []string{"failed 5 down 5 site-a 28 ended -"}, since: "5"},
		{name: "the verdict expires meanwhile", until: 49 * s,
			sites: []script{nil, {{4 * s, refuses}, {14 * s, broken}, {34 * s, up}}, nil},
			want:  []string{"failed 5 down 5 site-a 8 ended 35"}, since: "35"},
		{name: "a drill", until: 39 * s, sites: []script{nil, nil, nil},
			orders: map[time.Duration]monitor.Override{
				10 * s: {Verdict: monitor.Down, Ends: midnight.Add(30 * s), By: "uid 0"}},
			want: []string{"failed - down 10 site-a 18 ended 30 drill"}, since: "0"},
		{name: "a drill in which the site dies", until: 39 * s,
			sites: []script{nil, {{11 * s, refuses}}, nil},
			orders: map[time.Duration]monitor.Override{
				10 * s: {Verdict: monitor.Down, Ends: midnight.Add(21 * s), By: "uid 0"}},
			want:  []string{"failed - down 10 site-a 18 ended 21 drill", "failed - down 21 site-a 28 ended -"},
			since: "15"},
		{name: "pinned up while it died: down when the pin ends", until: 39 * s,
			sites: []script{nil, {{4 * s, refuses}}, nil},
			orders: map[time.Duration]monitor.Override{
				2 * s: {Verdict: monitor.Up, Ends: midnight.Add(21 * s), By: "uid 0"}},
			want: []string{"failed - down 21 site-a 28 ended -"}, since: "5"},
		{name: "pinned down by a setting", until: 19 * s, sites: []script{nil, nil, nil},
			override: map[int]monitor.Verdict{1: monitor.Down},
			want:     []string{"failed - down 0 site-a 8 ended - drill"}, since: "0"},
		{name: "peers of before a restart that are gone", until: 19 * s,
			sites: []script{nil, {{0, refuses}}, nil},
			restored: []monitor.Failover{{Down: midnight.Add(-7 * s),
				Told: []monitor.Told{{Peer: "site-x", At: midnight}, {Peer: "site-y", At: midnight}}}},
			want: []string{"failed - down -7 site-a 8 ended -"}, since: "-7"},
		{name: "pinned up in an outage: nobody is told", until: 39 * s,
			sites: []script{nil, {{4 * s, refuses}}, nil}, override: map[int]monitor.Verdict{1: monitor.Up},
			since: "5"},
		{name: "down before and after a restart", until: 39 * s,
			sites:    []script{nil, {{0, refuses}}, nil},
			restored: []monitor.Failover{{Failed: midnight.Add(-9 * s), Down: midnight.Add(-7 * s)}},
			want:     []string{"failed -9 down -7 site-a 8 ended -"}, since: "-7"},
		{name: "up again after a restart", until: 39 * s, sites: []script{nil, nil, nil},
			restored: []monitor.Failover{{Failed: midnight.Add(-9 * s), Down: midnight.Add(-7 * s)}},
			want:     []string{"failed -9 down -7 ended 0"}, since: "0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				sc := scenario{sites: c.sites, limits: c.limits, override: c.override}
				ctx, cancel := context.WithCancel(t.Context())
				m := monitor.New(sc.list(), noEvents)
				m.Restore(nil, map[string][]monitor.Failover{"site-b": c.restored, "site-x": c.restored})
				m.Start(ctx)
				for second := range int(c.until / s) {
					sleepUntil(time.Duration(second) * s)
					synctest.Wait()
					if o, ok := c.orders[time.Duration(second)*s]; ok {
						if err := m.SetOverride(ctx, "site-b", o); err != nil {
							t.Fatal(err)
						}
					}
					if second%10 == 8 {
						value, _ := m.Value(ctx, "site-a")
						m.Polled("site-a", "KEDA", value)
					}
				}
				o := m.Overview()
				cancel()
				m.Wait()
				if got := describeFailovers(o.Failovers[1]); !slices.Equal(got, c.want) {
					t.Errorf("got\n %q\nwant\n %q", got, c.want)
				}
				if got := atSecond("", o.Sites[1].State.Since); got != c.since {
					t.Errorf("since %s, want %s", got, c.since)
				}
				if len(o.Failovers[0])+len(o.Failovers[2]) > 0 {
					t.Errorf("failovers of the others: %v %v", o.Failovers[0], o.Failovers[2])
				}
			})
		})
	}
}

// TestFailoversKept keeps the last 20 of a site, and a reader's list stays as it was.
func TestFailoversKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var flaps script
		for i := range 60 {
			flaps = append(flaps, change{time.Duration(10*i) * time.Second, refuses},
				change{time.Duration(10*i+5) * time.Second, up})
		}
		sites := scenario{sites: []script{nil, flaps}}.list()
		watch := func(m *monitor.Monitor) []monitor.Failover { return m.Overview().Failovers[1] }
		runMonitor(t, sites, noEvents, func(m *monitor.Monitor) {
			time.Sleep(32 * time.Second)
			early := watch(m)
			before := strings.Join(describeFailovers(early), "|")
			time.Sleep(9 * time.Minute)
			m.Polled("site-a", "KEDA", 1)
			if after := strings.Join(describeFailovers(early), "|"); after != before {
				t.Errorf("a reader's list changed from\n %s\nto\n %s", before, after)
			}
			list := watch(m)
			if first := list[0].Down.Sub(midnight); len(list) != 20 || first < 5*time.Minute {
				t.Errorf("%d failovers, the first at %v", len(list), first)
			}
		})
	})
}

// TestNobodyIsToldByAnError: while all sites are down, and that is an error, a poll is told nothing.
func TestNobodyIsToldByAnError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sites := scenario{sites: []script{dies(0, refuses), dies(0, refuses)}}.list()
		o := noEvents
		o.ErrorWhenAllDown = true
		runMonitor(t, sites, o, func(m *monitor.Monitor) {
			time.Sleep(time.Second)
			value, err := m.Value(t.Context(), "site-a")
			if value != 0 || err == nil {
				t.Errorf("got %d, %v, want 0 and an error", value, err)
			}
		})
	})
}

// TestPollThatLearnsOfAnOutage is told of it: on demand, and before the first result.
func TestPollThatLearnsOfAnOutage(t *testing.T) {
	t.Parallel()
	for _, onDemand := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			b := newFake()
			b.takes, b.down = time.Second, true
			sites := []*monitor.Site{newSite('a', newFake().probe), newSite('b', b.probe)}
			if onDemand {
				sites[0].Interval, sites[1].Interval = 0, 0
			}
			o := noEvents
			o.Observe = func(monitor.Event) { time.Sleep(time.Millisecond) } // the poll goes on first
			runMonitor(t, sites, o, func(m *monitor.Monitor) {
				value, _ := m.Value(t.Context(), "site-a")
				m.Polled("site-a", "KEDA", value)
				got := describeFailovers(m.Overview().Failovers[1])
				if want := []string{"failed 0 down 1 site-a 1 ended -"}; !slices.Equal(got, want) {
					t.Errorf("on demand %v: got %q, want %q", onDemand, got, want)
				}
			})
		})
	}
}

// TestRestoredOverride holds from the first moment on, and ends in its time.
func TestRestoredOverride(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sites := scenario{sites: []script{nil, dies(0, refuses)}}.list()
		m := monitor.New(sites, noEvents)
		m.Restore(map[string]monitor.Override{"site-b": pin(monitor.Up, 10*time.Second)}, nil)
		ctx, cancel := context.WithCancel(t.Context())
		m.Start(ctx)
		for at, want := range []string{0: "0", 9: "0", 10: "1"} {
			if want != "" {
				sleepUntil(time.Duration(at) * time.Second)
				synctest.Wait()
				wantAnswer(t, m, "site-a", want)
			}
		}
		got := describeFailovers(m.Overview().Failovers[1])
		if want := []string{"failed - down 10 ended -"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		cancel()
		m.Wait()
	})
}

// TestPollInterval follows the rhythm of the polls.
func TestPollInterval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sites := scenario{sites: []script{nil, nil}}.list()
		runMonitor(t, sites, noEvents, func(m *monitor.Monitor) {
			want := func(low, high time.Duration) {
				t.Helper()
				if got := m.Overview().Polls[0].Interval; got < low || got > high {
					t.Errorf("got %v, want %v to %v", got, low, high)
				}
			}
			want(0, 0)
			m.Polled("site-a", "KEDA", 0)
			want(0, 0)
			for range 30 {
				time.Sleep(15 * time.Second)
				m.Polled("site-a", "KEDA", 0)
			}
			want(15*time.Second, 15*time.Second)
			for range 30 {
				time.Sleep(30 * time.Second)
				m.Polled("site-a", "KEDA", 0)
			}
			want(29*time.Second, 30*time.Second)
		})
	})
}
