package server

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"failover-monitor/internal/monitor"
	"failover-monitor/internal/probe"
)

var (
	threeTwo = monitor.Thresholds{Failure: 3, Success: 2}
	midnight = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	refused  = probe.Result{
		Began: midnight, Reason: probe.ReasonRefused, Detail: "nothing listens there",
	}
	errNoToken = errors.New("no token")
	offline    = &monitor.OfflineError{Since: midnight.Add(5 * time.Second)}
)

func after(seconds float64) time.Time {
	return midnight.Add(time.Duration(seconds * float64(time.Second)))
}

// snapshot makes a snapshot of a site.
func snapshot(name string, override monitor.Verdict, state monitor.State) *monitor.Snapshot {
	site := &monitor.Site{Name: name, Override: override, Thresholds: threeTwo}
	return &monitor.Snapshot{Site: site, State: state, Lifetime: 9 * time.Second}
}

// TestExplain has a row for each sentence on a site.
func TestExplain(t *testing.T) {
	t.Parallel()
	up := monitor.State{
		Verdict: monitor.Up, Since: after(1), Counted: after(60),
		Last: probe.Result{Up: true, Began: after(59)},
	}
	down := monitor.State{
		Verdict: monitor.Down, Since: after(7), TurnedBy: 3, Counted: after(60), Last: refused,
	}
	upBut := func(discarded error) monitor.State {
		s := up
		s.Discarded = discarded
		return s
	}
	with := func(s monitor.State, change func(*monitor.State)) monitor.State { change(&s); return s }
	for _, c := range []struct {
		state    monitor.State
		override monitor.Verdict
		now      float64
		want     string
	}{
		{monitor.State{}, 0, 61, "no verdict on site-b: no probe of it has had a result yet"},
		{monitor.State{Discarded: errNoToken}, 0, 61,
			"no verdict on site-b: no token; no probe of it has had a result yet"},
		{monitor.State{Streak: 1, Counted: after(60), Last: refused}, 0, 61,
			"no verdict on site-b: 1 of 3 probes failed, none before, last: nothing listens there"},
		{monitor.State{Streak: 2, Counted: after(60), Last: refused, Discarded: offline}, 0, 61,
			"no verdict on site-b: the monitor has been offline since 00:00:05 UTC: no witness answers; " +
				"2 of 3 probes failed, none before, last: nothing listens there"},
		{up, 0, 61, "site-b is up since 00:00:01 UTC"},
		{up, 0, 12*3600 + 2,
			"no verdict on site-b: the last result that counts is 11h59m2s old, and expired after 9s, " +
				"last known: up"},
		{with(up, func(s *monitor.State) { s.Counted = after(12*3600 + 1) }), 0, 12*3600 + 2,
			"site-b is up since 2000-01-01 00:00:01 UTC"},
		{with(up, func(s *monitor.State) { s.Streak, s.Last = 1, refused }), 0, 61,
			"site-b is up since 00:00:01 UTC, but 1 of 3 probes have failed, last: nothing listens there"},
		{down, 0, 61,
			"site-b is down since 00:00:07 UTC: 3 of 3 probes failed, last: nothing listens there"},
		{with(down, func(s *monitor.State) { s.Streak = 1 }), 0, 61,
			"site-b is down since 00:00:07 UTC: 1 of 2 probes have succeeded again"},
		{upBut(offline), 0, 61,
			"site-b is up since 00:00:01 UTC; the last probe does not count: the monitor has been offline " +
				"since 00:00:05 UTC: no witness answers"},
		{upBut(offline), 0, 72,
			"no verdict on site-b: the monitor has been offline since 00:00:05 UTC: no witness answers; " +
				"the last result that counts is 12s old, and expired after 9s, last known: up"},
		{upBut(&monitor.StallError{Lost: 1234 * time.Millisecond}), 0, 61,
			"site-b is up since 00:00:01 UTC; the last probe does not count: the monitor was stopped, or " +
				"had no CPU, for 1.23s during the probe"},
		{upBut(&monitor.LateError{By: 20 * time.Second}), 0, 61,
			"site-b is up since 00:00:01 UTC; the last probe does not count: the monitor was stopped " +
				"during the probe, which ended 20s after it should have"},
		{down, monitor.Up, 61, "site-b is pinned up by its OVERRIDE; its probes say down"},
	} {
		if got := explain(snapshot("site-b", c.override, c.state), after(c.now)); got != c.want {
			t.Errorf("got\n %s\nwant\n %s", got, c.want)
		}
	}
}

// TestExplainValue has more peers than the sentence names, and the site itself as the reason.
func TestExplainValue(t *testing.T) {
	t.Parallel()
	pinned := func(names ...string) (all []*monitor.Snapshot) {
		for _, name := range names {
			all = append(all, snapshot(name, monitor.Down, monitor.State{}))
		}
		return all
	}
	unknown := snapshot("site-a", 0, monitor.State{})
	for _, c := range []struct {
		because []*monitor.Snapshot
		err     error
		want    string
	}{
		{nil, nil, "no other site is down"},
		{pinned("site-b"), nil,
			"site-b is pinned down by its OVERRIDE; its probes say unknown"},
		{pinned("site-b", "site-c", "site-d", "site-e", "site-f"), nil,
			"site-b is pinned down by its OVERRIDE; its probes say unknown; " +
				"site-c is pinned down by its OVERRIDE; its probes say unknown; " +
				"site-d is pinned down by its OVERRIDE; its probes say unknown; and 2 more"},
		{[]*monitor.Snapshot{unknown}, &monitor.NoVerdictError{Snapshot: unknown, At: midnight},
			"no verdict on site-a: no probe of it has had a result yet"},
		{pinned("site-b"), &monitor.NoVerdictError{Snapshot: unknown, At: midnight},
			"no verdict on site-a: no probe of it has had a result yet"},
		{pinned("site-b"), monitor.ErrAllDown,
			"all sites are down, and ALL_DOWN_POLICY=error says not to scale on that"},
	} {
		if got := explainValue(monitor.Overview{Time: midnight}, c.because, c.err); got != c.want {
			t.Errorf("got\n %s\nwant\n %s", got, c.want)
		}
	}
}

// TestStatusLine is what "systemctl status" shows.
func TestStatusLine(t *testing.T) {
	t.Parallel()
	o := monitor.Overview{Time: after(61), OfflineSince: after(5), Sites: []*monitor.Snapshot{
		snapshot("site-a", 0, monitor.State{Verdict: monitor.Up, Since: after(1), Counted: after(60)}),
		snapshot("site-b", 0, monitor.State{Verdict: monitor.Down, Since: after(7), Counted: after(60)}),
		snapshot("site-c", monitor.Up, monitor.State{}),
		snapshot("site-d", 0, monitor.State{}),
		snapshot("site-e", 0, monitor.State{Verdict: monitor.Up, Counted: after(1), Expired: after(10)}),
	}}
	const want = "offline since 00:00:05 UTC, site-a up, site-b down since 00:00:07 UTC, " +
		"site-c up (pinned), site-d unknown, site-e unknown since 00:00:10 UTC"
	if got := StatusLine([]monitor.Overview{o}); got != want {
		t.Errorf("got\n %s\nwant\n %s", got, want)
	}
}

// TestStatusLineOfApps counts, since forty names would not be read. A site that an app does not have
// does not count for it.
func TestStatusLineOfApps(t *testing.T) {
	t.Parallel()
	app := func(verdicts ...monitor.Verdict) monitor.Overview {
		o := monitor.Overview{Time: after(61)}
		for i, v := range verdicts {
			o.Sites = append(o.Sites, snapshot(fmt.Sprintf("site-%c", 'a'+i), 0,
				monitor.State{Verdict: v, Since: after(1), Counted: after(60)}))
		}
		return o
	}
	up, down, unknown := monitor.Up, monitor.Down, monitor.Unknown
	for want, apps := range map[string][]monitor.Overview{
		"site-a up, site-b up":                   {app(up, up), app(up, up)},
		"site-a up, site-b down for 2 of 3 apps": {app(up, down), app(up, up), app(up, down)},
		"site-a up, site-b down for 1 of 2 apps, site-b unknown for 1 of 2 apps, site-c up": {
			app(up, down, up), app(up, unknown)},
	} {
		if got := StatusLine(apps); got != want {
			t.Errorf("got\n %s\nwant\n %s", got, want)
		}
	}
}

// TestFormula has a site with and without an interval.
func TestFormula(t *testing.T) {
	t.Parallel()
	site := &monitor.Site{
		Interval: 5 * time.Second, Timeout: 3 * time.Second, Retry: time.Second, Thresholds: threeTwo,
	}
	want := "CACHE_TTL_SEC 5 + 2 × RETRY_INTERVAL_SEC 1 + one failing probe (at most 3)"
	if got := Formula(site, 0); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	site.Interval = 0
	want = "CACHE_TTL_SEC 0: FAILURE_THRESHOLD 3 × one failing probe " +
		"(at most 3, and 2 until a witness confirms it), one with each poll"
	if got := Formula(site, 2*time.Second); !strings.HasPrefix(got, want) {
		t.Errorf("on demand: got %s, want %s", got, want)
	}
}

// TestExplainFailover has a failover that goes on, one that nobody was told of, and a drill.
func TestExplainFailover(t *testing.T) {
	t.Parallel()
	told := func(n int) (all []monitor.Told) {
		for i := range n {
			all = append(all, monitor.Told{Peer: fmt.Sprintf("site-%c", 'c'+i), At: after(float64(10 + i))})
		}
		return all
	}
	for _, c := range []struct {
		failover monitor.Failover
		want     string
	}{
		{monitor.Failover{Failed: after(2), Down: after(7), Told: told(1)},
			"first failed probe 00:00:02 UTC, down 00:00:07 UTC, site-c told 00:00:10 UTC"},
		{monitor.Failover{Failed: after(2), Down: after(7), Ended: after(9)},
			"first failed probe 00:00:02 UTC, down 00:00:07 UTC, nobody told, up again 00:00:09 UTC"},
		{monitor.Failover{Down: after(7), Told: told(5), Ended: after(60), Drill: true},
			"drill: pinned down 00:00:07 UTC, site-c told 00:00:10 UTC, site-d told 00:00:11 UTC, " +
				"site-e told 00:00:12 UTC, 2 more told, up again 00:01:00 UTC"},
	} {
		if got := explainFailover(c.failover, after(61)); got != c.want {
			t.Errorf("got\n %s\nwant\n %s", got, c.want)
		}
	}
}
