package monitor_test

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"failover-monitor/internal/monitor"
	"failover-monitor/internal/probe"
)

// TestSnapshots has a row for each state of a site: of site-b, at some time.
func TestSnapshots(t *testing.T) {
	t.Parallel()
	const s = time.Second
	noWitness := []script{dies(0, refuses)}
	threeTwo := monitor.Thresholds{Failure: 3, Success: 2}
	for _, c := range []struct {
		name     string
		scenario scenario
		at       time.Duration
		want     string
	}{
		{"unknown", scenario{sites: []script{nil, dies(0, hangs)}}, 1 * s, "unknown; probing"},
		{"up", scenario{sites: []script{nil, nil}}, 6 * s,
			"up; probes say up since 0; result up at 5; next at 10"},
		{"up, during a probe", scenario{sites: []script{nil, dies(1*s, hangs)}}, 6 * s,
			"up; probes say up since 0; result up at 0; probing"},
		{"about to be down", scenario{sites: []script{nil, dies(1*s, hangs)}, limits: threeTwo},
			8500 * time.Millisecond,
			"up; probes say up since 0; streak 1; result timeout at 8; probing"},
		{"down", scenario{sites: []script{nil, dies(1*s, refuses)}, limits: threeTwo}, 29 * s,
			"down; probes say down since 7; result refused at 25; next at 30"},
		{"down from the start", scenario{sites: []script{nil, dies(0, refuses)}, limits: threeTwo}, 3 * s,
			"down; probes say down since 2; result refused at 2; next at 5"},
		{"about to be down from the start",
			scenario{sites: []script{nil, dies(0, refuses)}, limits: threeTwo}, 1500 * time.Millisecond,
			"unknown; streak 2; result refused at 1; next at 2"},
		{"about to be up",
			scenario{sites: []script{nil, {{1 * s, refuses}, {8 * s, up}}}, limits: threeTwo},
			10500 * time.Millisecond,
			"down; probes say down since 7; streak 1; result up at 10; next at 11"},
		{"offline", scenario{sites: []script{nil, dies(1*s, refuses)}, witnesses: noWitness}, 6 * s,
			"up; probes say up since 0; result refused at 5; discarded; next at 10"},
		{"offline for longer", scenario{sites: []script{nil, dies(1*s, refuses)}, witnesses: noWitness},
			12 * s, "unknown; probes say up since 0; expired at 11.000000001; result refused at 10; " +
				"discarded; next at 15"},
		{"the prober's fault", scenario{sites: []script{nil, dies(1*s, broken)}}, 6 * s,
			"up; probes say up since 0; result up at 0; discarded; fault; next at 10"},
		{"just before the verdict expires", scenario{sites: []script{nil, dies(1*s, broken)}}, 9 * s,
			"up; probes say up since 0; result up at 0; discarded; fault; next at 10"},
		{"just after", scenario{sites: []script{nil, dies(1*s, broken)}}, 9*s + 1,
			"unknown; probes say up since 0; expired at 9.000000001; result up at 0; " +
				"discarded; fault; next at 10"},
		{"known again", scenario{sites: []script{nil, {{1 * s, broken}, {14 * s, up}}}}, 16 * s,
			"up; probes say up since 0; result up at 15; next at 20"},
		{"pinned",
			scenario{sites: []script{nil, dies(1*s, refuses)},
				override: map[int]monitor.Verdict{1: monitor.Up}}, 6 * s,
			"up; probes say down since 5; result refused at 5; next at 10"},
		{"on demand, between polls", scenario{sites: []script{nil, nil}, onDemand: true}, 6 * s,
			"unknown; probes say up since 0; result up at 0"},
		{"on demand: the retry interval adds nothing to the lifetime",
			scenario{sites: []script{nil, nil}, onDemand: true, limits: threeTwo, retry: 20 * s}, 4*s + 1,
			"unknown; probes say up since 0; result up at 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.scenario.run(t, func(t *testing.T, m *monitor.Monitor, _ *recorder) {
				if c.scenario.onDemand {
					wantAnswer(t, m, "site-a", "0")
				}
				sleepUntil(c.at)
				synctest.Wait()
				o := m.Overview()
				if got := describeSnapshot(o.Sites[1], o.Time); got != c.want {
					t.Errorf("got\n %s\nwant\n %s", got, c.want)
				}
			})
		})
	}
}

// describeSnapshot gives a snapshot in one line. Times are in seconds after midnight.
func describeSnapshot(s *monitor.Snapshot, now time.Time) string {
	all := []string{s.Current(now).String()}
	add := func(there bool, words ...any) {
		if there {
			all = append(all, fmt.Sprint(words...))
		}
	}
	add(s.Verdict != monitor.Unknown, "probes say ", s.Verdict, atSecond(" since ", s.Since))
	add(!s.Expired.IsZero(), atSecond("expired at ", s.Expired))
	add(s.Streak != 0, "streak ", s.Streak)
	add(!s.Last.Began.IsZero(), "result ", cmp.Or(string(s.Last.Reason), "up"),
		atSecond(" at ", s.Last.Began.Add(s.Last.Duration)))
	add(s.Discarded != nil, "discarded")
	add(s.Fault() != nil, "fault")
	add(s.Probing, "probing")
	add(!s.NextProbe.IsZero(), atSecond("next at ", s.NextProbe))
	return strings.Join(all, "; ")
}

func atSecond(word string, t time.Time) string {
	return fmt.Sprintf("%s%.12g", word, t.Sub(midnight).Seconds())
}

// TestTold checks what site-a is told after 20 s, and which sites are the reason.
func TestTold(t *testing.T) {
	t.Parallel()
	const s = time.Second
	for _, c := range []struct {
		name     string
		scenario scenario
		want     string
	}{
		{"no peer is down", scenario{sites: []script{dies(1*s, refuses), nil, nil}}, "0 []"},
		{"two are", scenario{sites: []script{nil, dies(1*s, refuses), dies(6*s, refuses)}},
			"2 [site-b site-c]"},
		{"one unknown beside one down",
			scenario{sites: []script{nil, dies(0, broken), dies(1*s, refuses)}},
			"no verdict on site-b [site-b]"},
		{"two unknown", scenario{sites: []script{nil, dies(0, broken), dies(0, broken)}},
			"no verdict on site-b [site-b site-c]"},
		{"itself unknown", scenario{sites: []script{dies(0, broken), nil, dies(1*s, refuses)}},
			"1 [site-c]"},
		{"all down, with ErrorWhenAllDown",
			scenario{sites: []script{dies(1*s, refuses), dies(1*s, refuses)}, errorWhenAllDown: true},
			"all down [site-b]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.scenario.run(t, func(t *testing.T, m *monitor.Monitor, _ *recorder) {
				sleepUntil(20*time.Second + 1)
				o := m.Overview()
				value, because, err := o.Told(o.Sites[0])
				var names []string
				for _, site := range because {
					names = append(names, site.Name)
				}
				if got := fmt.Sprint(formatAnswer(value, err), " ", names); got != c.want {
					t.Errorf("got %s, want %s", got, c.want)
				}
			})
		})
	}
}

// TestSnapshotIsOfOneMoment reads snapshots of a site whose verdict turns all the time. None of
// them has half of a change.
func TestSnapshotIsOfOneMoment(t *testing.T) {
	t.Parallel()
	sites, probes := flappingSites(1)
	m := startMonitor(t, sites)
	for probes.Load() < 2000 {
		s := m.Overview().Sites[0]
		last := monitor.Down
		if s.Last.Up {
			last = monitor.Up
		}
		if s.Last.Began.IsZero() {
			continue
		}
		turned := map[monitor.Verdict]time.Time{monitor.Up: s.LastUp, monitor.Down: s.LastDown}[s.Verdict]
		if s.Verdict != last || s.Since.Before(turned) || !s.Counted.Equal(turned) ||
			s.History[len(s.History)-1].Up != s.Last.Up {
			t.Fatalf("a snapshot of two moments: %+v", s.State)
		}
	}
}

// TestOverviewIsOfOneMoment has two sites. The second site's probes find what the overview says of
// the first. So no overview may have a newer result of the second than of the first.
func TestOverviewIsOfOneMoment(t *testing.T) {
	t.Parallel()
	var m *monitor.Monitor
	var round atomic.Int64
	count := func(context.Context) (probe.Result, error) {
		return probe.Result{Up: true, Began: time.Now(), Status: int(round.Add(1))}, nil
	}
	follow := func(context.Context) (probe.Result, error) {
		return probe.Result{Up: true, Began: time.Now(), Status: m.Overview().Sites[1].Last.Status}, nil
	}
	first, second := newSite('b', count), newSite('a', follow) // read in the other order
	first.Interval, second.Interval = time.Microsecond, time.Microsecond
	m = monitor.New([]*monitor.Site{second, first}, noEvents)
	ctx, cancel := context.WithCancel(context.Background())
	m.Start(ctx)
	for round.Load() < 2000 {
		if o := m.Overview(); o.Sites[0].Last.Status > o.Sites[1].Last.Status {
			t.Errorf("of two moments: %d after %d", o.Sites[0].Last.Status, o.Sites[1].Last.Status)
			break
		}
	}
	cancel()
	m.Wait()
}

// flappingSites makes sites whose verdicts turn with each probe, and counts the probes.
func flappingSites(n int) (sites []*monitor.Site, probes *atomic.Int64) {
	probes = new(atomic.Int64)
	for i := range n {
		site := newSite('a'+rune(i), func(context.Context) (probe.Result, error) {
			return probe.Result{Up: probes.Add(1)%2 == 0, Began: time.Now()}, nil
		})
		site.Interval = time.Nanosecond
		sites = append(sites, site)
	}
	return sites, probes
}

// startMonitor starts a monitor in real time. It stops when the test ends.
func startMonitor(t *testing.T, sites []*monitor.Site) *monitor.Monitor {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	m := monitor.New(sites, noEvents)
	m.Start(ctx)
	t.Cleanup(func() { cancel(); m.Wait() })
	return m
}
