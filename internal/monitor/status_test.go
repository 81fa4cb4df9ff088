package monitor_test

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"failover-monitor/internal/monitor"
	"failover-monitor/internal/probe"
)

// TestSites has a row for each thing that /status can say of a site: site-b, at a time.
func TestSites(t *testing.T) {
	t.Parallel()
	s := time.Second
	noWitness := []script{{{0, refuses}}}
	for _, c := range []struct {
		name        string
		world       world
		at          time.Duration
		facts       string
		explanation string
	}{
		{"not known yet", world{sites: []script{nil, {{0, hangs}}}}, 1 * s,
			"unknown; probing", "no verdict on site-b: no probe of it has had a result yet"},
		{"up", world{sites: []script{nil, nil}}, 6 * s,
			"up since 0; observed up since 0; result up at 5; next at 10", "site-b is up since 00:00:00 UTC"},
		{"up, in a probe", world{sites: []script{nil, {{1 * s, hangs}}}}, 6 * s,
			"up since 0; observed up since 0; result up at 0; probing", "site-b is up since 00:00:00 UTC"},
		{"about to be down", world{sites: []script{nil, {{1 * s, hangs}}}, thresholds: thresholds{3, 2}}, 8500 * time.Millisecond,
			"up since 0; observed up since 0; streak 1; result timeout at 8; next at 9", "site-b is up since 00:00:00 UTC, but 1 of 3 probes have failed, last: hangs"},
		{"down", world{sites: []script{nil, {{1 * s, refuses}}}, thresholds: thresholds{3, 2}}, 30 * s,
			"down since 7; observed down since 7; result refused at 27; next at 32", "site-b is down since 00:00:07 UTC: 3 of 3 probes failed, last: refused"},
		{"down from the start", world{sites: []script{nil, {{0, refuses}}}, thresholds: thresholds{3, 2}}, 1 * s,
			"down since 0; observed down since 0; result refused at 0; next at 5", "site-b is down since 00:00:00 UTC: 1 of 1 probes failed, last: refused"},
		{"about to be up", world{sites: []script{nil, {{1 * s, refuses}, {8 * s, up}}}, thresholds: thresholds{3, 2}}, 12500 * time.Millisecond,
			"down since 7; observed down since 7; streak 1; result up at 12; next at 13", "site-b is down since 00:00:07 UTC: 1 of 2 probes have succeeded again"},
		{"offline", world{sites: []script{nil, {{1 * s, refuses}}}, witnesses: noWitness}, 6 * s,
			"up since 0; observed up since 0; result refused at 5; aside: the monitor has been offline since 00:00:05 UTC: no witness answers; next at 10",
			"site-b is up since 00:00:00 UTC; the last probe does not count: the monitor has been offline since 00:00:05 UTC: no witness answers"},
		{"offline for longer", world{sites: []script{nil, {{1 * s, refuses}}}, witnesses: noWitness}, 12 * s,
			"unknown since 11.000000001; observed up since 0; result refused at 10; aside: the monitor has been offline since 00:00:05 UTC: no witness answers; next at 15",
			"no verdict on site-b: the monitor has been offline since 00:00:05 UTC: no witness answers; the last result that counts is 12s old, and expired after 11s, last known: up"},
		{"the prober's fault", world{sites: []script{nil, {{1 * s, broken}}}}, 6 * s,
			"up since 0; observed up since 0; result up at 0; aside: broken; prober: broken; next at 10", "site-b is up since 00:00:00 UTC; the last probe does not count: broken"},
		{"in the last moment of a verdict's life", world{sites: []script{nil, {{1 * s, broken}}}}, 9 * s,
			"up since 0; observed up since 0; result up at 0; aside: broken; prober: broken; next at 10", "site-b is up since 00:00:00 UTC; the last probe does not count: broken"},
		{"in the next", world{sites: []script{nil, {{1 * s, broken}}}}, 9*s + 1,
			"unknown since 9.000000001; observed up since 0; result up at 0; aside: broken; prober: broken; next at 10", "no verdict on site-b: broken; the last result that counts is 9s old, and expired after 9s, last known: up"},
		{"known again", world{sites: []script{nil, {{1 * s, broken}, {14 * s, up}}}}, 16 * s,
			"up since 0; observed up since 0; result up at 15; next at 20", "site-b is up since 00:00:00 UTC"},
		{"pinned", world{sites: []script{nil, {{1 * s, refuses}}}, override: map[int]monitor.Verdict{1: monitor.Up}}, 6 * s,
			"up; pinned up; observed down since 5; result refused at 5; next at 10", "site-b is pinned up by its OVERRIDE; its probes say down"},
		{"for half a day", world{sites: []script{nil, nil}}, 12 * time.Hour,
			"up since 0; observed up since 0; result up at 43200; next at 43205", "site-b is up since 00:00:00 UTC"},
		{"for longer", world{sites: []script{nil, nil}}, 12*time.Hour + 1*s,
			"up since 0; observed up since 0; result up at 43200; next at 43205", "site-b is up since 2000-01-01 00:00:00 UTC"},
		{"on demand, not asked", world{sites: []script{nil, nil}, onDemand: true}, 6 * s,
			"unknown; observed up since 0; result up at 0", "no verdict on site-b: the last result that counts is 6s old, and expired after 4s, last known: up"},
		{"on demand, where retries are nothing to wait for", world{sites: []script{nil, nil}, onDemand: true, thresholds: thresholds{3, 2}, retry: 20 * s}, 4*s + 1,
			"unknown; observed up since 0; result up at 0", "no verdict on site-b: the last result that counts is 4s old, and expired after 4s, last known: up"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.world.run(t, func(t *testing.T, m *monitor.Monitor, _ *journal) {
				if c.world.onDemand {
					wantAnswer(t, m, "site-a", "0")
				}
				sleepUntil(c.at)
				synctest.Wait()
				site := m.Status().Sites[1]
				if got := facts(site); got != c.facts {
					t.Errorf("got\n %s\nwant\n %s", got, c.facts)
				}
				if site.Explanation != c.explanation {
					t.Errorf("it says\n %s\nwant\n %s", site.Explanation, c.explanation)
				}
			})
		})
	}
}

// facts are what a site's status says in numbers, in one line; times are in seconds after midnight.
func facts(s monitor.SiteStatus) string {
	all := []string{s.Verdict.String() + clock(" since ", s.Since)}
	add := func(format string, a any, there bool) {
		if there {
			all = append(all, fmt.Sprintf(format, a))
		}
	}
	add("pinned %s", s.Override, s.Override != "")
	add("observed %s", s.Observed.String()+clock(" since ", s.ObservedSince), s.Observed != monitor.Unknown)
	add("streak %d", s.Streak, s.Streak != 0)
	if r := s.LastResult; r != nil {
		add("result %s", cmp.Or(string(r.Reason), "up")+clock(" at ", r.Ended), true)
	}
	add("aside: %s", s.SetAside, s.SetAside != "")
	add("prober: %s", s.Prober, s.Prober != "")
	add("probing%s", "", s.Probing)
	add("next%s", clock(" at ", s.NextProbe), !s.NextProbe.IsZero())
	return strings.Join(all, "; ")
}

func clock(word string, t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return fmt.Sprintf("%s%.12g", word, t.Sub(midnight).Seconds())
}

// TestValues is what /status says of site-a's value, after 20 s.
func TestValues(t *testing.T) {
	t.Parallel()
	const noB = "no verdict on site-b: broken; no probe of it has had a result yet"
	dies := func(at time.Duration) script { return script{{at * time.Second, refuses}} }
	fault := script{{0, broken}}
	for _, c := range []struct {
		name  string
		world world
		want  string
	}{
		{"no peer is down", world{sites: []script{dies(1), nil, nil}}, "0, since no other site is down"},
		{"two are", world{sites: []script{nil, dies(1), dies(6)}}, "2, since site-b is down since 00:00:05 UTC: 1 of 1 probes failed, last: refused; " +
			"site-c is down since 00:00:10 UTC: 1 of 1 probes failed, last: refused"},
		{"more than one reads", world{sites: []script{nil, nil, nil, nil, nil, nil}, override: map[int]monitor.Verdict{1: 2, 2: 2, 3: 2, 4: 2, 5: 2}}, "5, since site-b is pinned down by its OVERRIDE; its probes say up; " +
			"site-c is pinned down by its OVERRIDE; its probes say up; site-d is pinned down by its OVERRIDE; its probes say up; and 2 more"},
		{"more than one reads, and the site itself", world{sites: []script{nil, nil, nil, nil, nil, nil}, override: map[int]monitor.Verdict{0: 2, 1: 2, 2: 2, 3: 2, 4: 2, 5: 2}}, "5, since site-b is pinned down by its OVERRIDE; its probes say up; " +
			"site-c is pinned down by its OVERRIDE; its probes say up; site-d is pinned down by its OVERRIDE; its probes say up; and 2 more"},
		{"one unknown beside one down", world{sites: []script{nil, fault, dies(1)}}, "null, since " + noB},
		{"two unknown", world{sites: []script{nil, fault, fault}}, "null, since " + noB + "; no verdict on site-c: broken; no probe of it has had a result yet"},
		{"all down, and nobody shall scale", world{sites: []script{dies(1), dies(1)}, errorWhen: true}, "null, since all sites are down, and ALL_DOWN_POLICY=error says not to scale on that"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.world.run(t, func(t *testing.T, m *monitor.Monitor, _ *journal) {
				sleepUntil(20*time.Second + 1)
				metric := m.Status().Metrics[0]
				value := "null"
				if metric.Value != nil {
					value = fmt.Sprint(*metric.Value)
				}
				if got := value + ", since " + metric.Explanation; got != c.want {
					t.Errorf("got\n %s\nwant\n %s", got, c.want)
				}
			})
		})
	}
}

// TestStatusIsOfOneMoment takes snapshots of a site whose verdict turns all the time.
func TestStatusIsOfOneMoment(t *testing.T) {
	t.Parallel()
	var probes atomic.Int64
	turns := func(context.Context) (probe.Result, error) {
		return probe.Result{Up: probes.Add(1)%2 == 0, Began: time.Now()}, nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	m := monitor.New([]monitor.Site{{Name: "site-a", Probe: turns, Interval: time.Nanosecond, Timeout: timeout, Thresholds: monitor.Thresholds{Failure: 1, Success: 1}}}, options(io.Discard))
	m.Start(ctx)
	torn := 0
	for probes.Load() < 20000 {
		if s := m.Status().Sites[0]; s.Verdict != s.Observed {
			torn++
		}
	}
	cancel()
	m.Wait()
	if torn > 0 {
		t.Errorf("%d snapshots are of two moments, between which the verdict turned", torn)
	}
}
