package server

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"failover-monitor/internal/monitor"
	"failover-monitor/internal/probe"
)

// TestScaleUps: only a site whose KEDA asks is told anything.
func TestScaleUps(t *testing.T) {
	t.Parallel()
	asks := func(name string) scaleUp { return scaleUp{name, 1, told} }
	waits := func(name string) scaleUp { return scaleUp{name, 1, waiting} }
	unheard := func(name string) scaleUp { return scaleUp{name, 2, silent} }
	first := func(name string) scaleUp { return scaleUp{name, 1, early} }
	for _, c := range []struct {
		list []scaleUp
		want string
	}{
		{nil, ""},
		{[]scaleUp{asks("site-a"), unheard("site-b")},
			"site-a is told to scale up|site-b would be told 2, but its KEDA does not ask"},
		{[]scaleUp{waits("site-a"), asks("site-b")},
			"site-b is told to scale up|site-a will be told 1, when its KEDA asks next"},
		{[]scaleUp{waits("a"), waits("b")},
			"a and b will be told to scale up, when their KEDAs ask next"},
		{[]scaleUp{first("site-a")}, "site-a would be told 1, but its KEDA has not asked yet"},
		{[]scaleUp{unheard("site-a"), unheard("site-b"), first("site-c"), first("site-d"),
			first("site-e")},
			"site-a and site-b would be told to scale up, but their KEDAs do not ask|" +
				"site-c, site-d and site-e would be told to scale up, but their KEDAs have not asked yet"},
		{[]scaleUp{unheard("a"), unheard("b"), unheard("c"), unheard("d")},
			"4 sites would be told to scale up, but their KEDAs do not ask"},
	} {
		if got := strings.Join(explainScaleUps(c.list), "|"); got != c.want {
			t.Errorf("got\n %s\nwant\n %s", got, c.want)
		}
	}
}

// TestIsTold goes by the outages that are still on.
func TestIsTold(t *testing.T) {
	t.Parallel()
	told := []monitor.Told{{Peer: "site-a", At: midnight}}
	o := monitor.Overview{Failovers: [][]monitor.Failover{nil,
		{{Down: midnight, Told: told, Ended: midnight}, {Down: midnight}},
		{{Down: midnight, Told: told, Ended: midnight}}}}
	if isTold(o, "site-a") {
		t.Error("site-a has not been told")
	}
	o.Failovers[1][1].Told = told
	if !isTold(o, "site-a") || isTold(o, "site-c") {
		t.Error("site-a alone has been told")
	}
}

func TestTabTitle(t *testing.T) {
	t.Parallel()
	if got := tabTitle("site\u2011b is unknown", false); got != "Offline: site-b unknown" {
		t.Errorf("got %q", got)
	}
}

// TestTimeAxis has at most four round times, and none where "now" is.
func TestTimeAxis(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		now  float64
		span time.Duration
		want string
	}{
		{3607, time.Minute, "00:59:45 63.3%, 00:59:30 38.3%, 00:59:15 13.3%"},
		{3607, 5 * time.Minute, "00:58 57.7%, 00:56 17.7%"},
		{3700, 5 * time.Minute, "01:00 66.7%, 00:58 26.7%"},
		{50 * 3600, 24 * time.Hour, "18:00 66.7%, 12:00 41.7%, 06:00 16.7%"},
		{50 * 3600, 10 * 24 * time.Hour, "Jan 1 79.2%, Dec 29 49.2%, Dec 26 19.2%"},
	} {
		_, labels := timeAxis(after(c.now), c.span)
		var texts []string
		for _, l := range labels {
			texts = append(texts, l.Text+" "+l.X)
		}
		if got := strings.Join(texts, ", "); got != c.want {
			t.Errorf("%v at %v: got %s, want %s", c.span, c.now, got, c.want)
		}
	}
	if grid, _ := timeAxis(after(3700), 5*time.Minute); grid != "M240.0 0v64M96.0 0v64" {
		t.Errorf("the lines are %s", grid)
	}
}

// TestStrip places bars by time, and gives a history that is not full the room of a full one.
func TestStrip(t *testing.T) {
	t.Parallel()
	s := snapshot("site-b", 0, monitor.State{})
	s.Interval, s.Timeout = 5*time.Second, 3*time.Second
	s.History = []monitor.Past{
		{Ended: after(75), Up: true, Duration: time.Millisecond},
		{Ended: after(150), Reason: probe.ReasonTimeout, Duration: 3 * time.Second},
		{Ended: after(225), Discarded: true},
	}
	got := newStrip(s, after(300))
	want := strip{
		Text: "1 of the last 3 probes were up, 1 timeout, 1 did not count, in 4 min",
		Ups:  "M90.0 40v-6", Downs: "M180.0 40v24", Discarded: "M268.0 41h4v6h-4z",
	}
	if got.Text != want.Text || got.Ups != want.Ups || got.Downs != want.Downs ||
		got.Discarded != want.Discarded {
		t.Errorf("got\n %+v\nwant\n %+v", got, want)
	}
	// The oldest is drawn at the left end, however old it is.
	if got := newStrip(s, after(3675)); got.Ups != "M2.0 40v-6" {
		t.Errorf("the oldest bar is at %s", got.Ups)
	}
}

// TestPicture has the moments of a failover in their order, with the time between them.
func TestPicture(t *testing.T) {
	t.Parallel()
	told := []monitor.Told{{Peer: "site-a", At: after(16)}, {Peer: "site-c", At: after(16)},
		{Peer: "site-d", At: after(25)}, {Peer: "site-e", At: after(36)}}
	for _, c := range []struct {
		failover monitor.Failover
		want     string
		lasted   string
	}{
		{monitor.Failover{Failed: after(2), Down: after(7), Told: told[:1], Ended: after(580)},
			"failed|down detecting 5.0 s|told untold 9.0 s|up known 9 min", "down for 10 min"},
		{monitor.Failover{Failed: after(2), Down: after(7)},
			"failed|down detecting 5.0 s|now untold 10 min", "down for 10 min so far"},
		{monitor.Failover{Down: after(7), Told: told, Drill: true},
			"down|told untold 9.0 s|told known 0 s|told known 9.0 s|now known 10 min",
			"drill for 10 min so far"},
	} {
		p := newPicture("site-b", c.failover, after(600))
		var got []string
		last := ""
		for i, m := range p.Moments {
			text := m.Kind
			if i > 0 {
				text += " " + m.Line() + " " + m.Took
			}
			if m.From != last {
				t.Errorf("a line begins at %s, and the moment before is at %s", m.From, last)
			}
			got, last = append(got, text), m.X
		}
		if text := strings.Join(got, "|"); text != c.want || p.Lasted != c.lasted || last != "94.0%" {
			t.Errorf("got %s, %s, up to %s, want %s, %s", text, p.Lasted, last, c.want, c.lasted)
		}
	}
}

// TestDrawFailovers draws the newest of all sites, and has the others in words.
func TestDrawFailovers(t *testing.T) {
	t.Parallel()
	at := func(seconds float64) monitor.Failover {
		return monitor.Failover{Down: after(seconds), Ended: after(seconds + 1)}
	}
	drawn, older, _ := drawFailovers(monitor.Overview{
		Time: after(60),
		Sites: []*monitor.Snapshot{
			snapshot("site-a", 0, monitor.State{}), snapshot("site-b", 0, monitor.State{}),
		},
		Failovers: [][]monitor.Failover{{at(1), at(9)}, {at(3), at(5), at(7)}},
	})
	var sites []string
	for _, p := range drawn {
		sites = append(sites, p.Site)
	}
	want := []string{"site-b: down 00:00:03, nobody told, up again 00:00:04",
		"site-a: down 00:00:01, nobody told, up again 00:00:02"}
	if got := strings.Join(sites, " "); got != "site-a site-b site-b" || !slices.Equal(older, want) {
		t.Errorf("got %s, and %q", got, older)
	}
}

// TestJoinedFailovers makes one of those that began together, of the same site for several apps.
func TestJoinedFailovers(t *testing.T) {
	t.Parallel()
	app := func(name string, failovers ...monitor.Failover) monitor.Overview {
		s := snapshot("site-b", 0, monitor.State{})
		s.App = name
		return monitor.Overview{Time: after(600), Sites: []*monitor.Snapshot{s},
			Failovers: [][]monitor.Failover{failovers}}
	}
	open := func(at float64) monitor.Failover { return monitor.Failover{Down: after(at)} }
	over := func(at float64) monitor.Failover {
		return monitor.Failover{Down: after(at), Ended: after(at + 1)}
	}
	drawn, older, more := drawFailovers(app("shop", over(7), open(100)), app("blog", open(110)),
		app("pay", open(122)), app("mail", over(5), over(6)), app("wiki", open(80)))
	var got []string
	for _, p := range drawn {
		got = append(got, p.Site+" "+p.Lasted)
	}
	want := []string{
		"pay/site-b down for 8 min so far; also for 2 other apps",
		"wiki/site-b down for 9 min so far", "shop/site-b down for 1 s; also for 1 other app",
	}
	before := []string{"mail/site-b: down 00:00:05, nobody told, up again 00:00:06"}
	if !slices.Equal(got, want) || !slices.Equal(older, before) || more > 0 {
		t.Errorf("got %q, %q and %d more", got, older, more)
	}
	var all []monitor.Overview
	for i := range 60 {
		all = append(all, app(fmt.Sprint(i), over(float64(9*60*i))))
	}
	if _, older, more := drawFailovers(all...); len(older) != listed || more != 60-pictured-listed {
		t.Errorf("%d are listed, and %d are not", len(older), more)
	}
}

// TestExplainChange has a row for each sentence on a change.
func TestExplainChange(t *testing.T) {
	t.Parallel()
	event := func(before, now monitor.Verdict, override monitor.Verdict, change ...monitor.Change,
	) monitor.SiteEvent {
		state := monitor.State{Verdict: now, Since: after(67), TurnedBy: 3, Counted: after(60),
			Last: refused}
		return monitor.SiteEvent{
			Snapshot: snapshot("site-b", override, state),
			Before:   monitor.State{Verdict: before, Since: after(7)}, Changes: change,
		}
	}
	const up, down, unknown = monitor.Up, monitor.Down, monitor.Unknown
	aged := event(up, up, 0, monitor.VerdictAged)
	aged.Expired = after(70)
	for _, c := range []struct {
		event monitor.SiteEvent
		want  string
	}{
		{event(up, up, 0), ""},
		{event(up, up, 0, monitor.FaultBegan), ""},
		{event(up, down, 0, monitor.Turned),
			"site-b is down: 3 of 3 probes failed, last: nothing listens there"},
		{event(up, down, up, monitor.Turned), "site-b is pinned up; its probes say down: 3 of 3 probes " +
			"failed, last: nothing listens there"},
		{event(down, up, 0, monitor.Turned), "site-b is up again, after 60 s: 3 of 3 probes succeeded"},
		{event(unknown, up, 0, monitor.Turned), "site-b is up: a first probe succeeded"},
		{event(down, down, 0, monitor.VerdictKnown), "site-b is down: its probes count again"},
		{aged, "no verdict on site-b: the last result that counts is 10s old, and expired after 9s, " +
			"last known: up"},
	} {
		if got := explainChange(c.event, after(67)); got != c.want {
			t.Errorf("got\n %s\nwant\n %s", got, c.want)
		}
	}
}

// TestChanges keeps the newest changes first, of verdicts, overrides and the network.
func TestChanges(t *testing.T) {
	t.Parallel()
	site := snapshot("site-b", 0, monitor.State{Verdict: monitor.Up})
	drill := monitor.Override{
		Verdict: monitor.Down, By: "root", Reason: "drill", Ends: time.Now().Add(time.Hour),
	}
	until := formatTime(drill.Ends, time.Now())
	p := NewPage("", nil)
	for range changesKept {
		p.Observe(monitor.NetworkEvent{})
	}
	p.Observe(monitor.PollEvent{})
	p.Observe(monitor.NetworkEvent{Online: true, Offline: 30 * time.Second})
	p.Observe(monitor.OverrideEvent{Snapshot: site, Override: drill})
	p.Observe(monitor.OverrideEvent{Snapshot: site, Override: drill, Ended: true, EndedBy: "ops"})
	p.Observe(monitor.OverrideEvent{Snapshot: site, Override: drill, Ended: true})
	want := []string{
		"site-b is no longer pinned down: its time is over; its probes say up",
		"site-b is no longer pinned down: cleared by ops; its probes say up",
		"site-b is pinned down by root until " + until + " (drill); its probes say up",
		"the monitor is online again, after 30 s",
		"the monitor is offline: no witness answers, and failed probes do not count",
	}
	got := p.changes.latest()
	if len(got) != changesKept {
		t.Errorf("%d changes are kept", len(got))
	}
	for i, text := range want {
		if got[i].Text != text {
			t.Errorf("got\n %s\nwant\n %s", got[i].Text, text)
		}
	}
}

// TestJoinedChanges makes one of those that are the same for several apps. An app has its own.
func TestJoinedChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := NewPage("", nil)
		observe := func(app string, verdict monitor.Verdict, detail string) {
			s := snapshot("site-b", 0, monitor.State{Verdict: verdict, Counted: time.Now(), TurnedBy: 3,
				Since: time.Now()})
			s.App, s.Last.Detail = app, detail
			p.Observe(monitor.SiteEvent{Snapshot: s, Changes: []monitor.Change{monitor.Turned},
				Before: monitor.State{Verdict: monitor.Up + monitor.Down - verdict, Since: time.Now()}})
			time.Sleep(10 * time.Second)
		}
		observe("shop", monitor.Down, "status 503")
		observe("shop", monitor.Up, "")
		observe("blog", monitor.Down, "status 500")
		observe("pay", monitor.Down, "status 502")
		p.Observe(monitor.NetworkEvent{})
		observe("shop", monitor.Down, "status 503")
		observe("shop", monitor.Down, "status 503")
		check := func(got []change, want ...string) {
			t.Helper()
			var texts []string
			for _, c := range got {
				texts = append(texts, c.Text)
			}
			if !slices.Equal(texts, want) {
				t.Errorf("got\n %s\nwant\n %s", strings.Join(texts, "\n "), strings.Join(want, "\n "))
			}
		}
		const offline = "the monitor is offline: no witness answers, and failed probes do not count"
		check(p.changes.latest(),
			"shop/site-b is down: 3 of 3 probes failed, last: status 503",
			"site-b of blog, pay and shop is down",
			offline,
			"shop/site-b is up again, after 0 s: 3 of 3 probes succeeded",
			"shop/site-b is down: 3 of 3 probes failed, last: status 503")
		check(p.changes.of("pay"), offline, "pay/site-b is down: 3 of 3 probes failed, last: status 502")
	})
}
