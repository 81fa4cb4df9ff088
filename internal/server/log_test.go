package server

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"failover-monitor/internal/monitor"
	"failover-monitor/internal/probe"
)

// TestLogEvents has a row for each line of the log.
func TestLogEvents(t *testing.T) {
	t.Parallel()
	up := probe.Result{
		Up: true, Began: midnight, Status: 200, Address: "10.0.0.7:443",
		Duration: 20*time.Millisecond + 300,
	}
	before := monitor.State{Verdict: monitor.Up, Since: after(1), LastUp: after(1)}
	down := monitor.State{
		Verdict: monitor.Down, Since: after(16), TurnedBy: 3, LastUp: after(1), LastDown: after(21),
		Last: refused, Counted: after(16),
	}
	again := down
	again.Verdict, again.Since, again.TurnedBy = monitor.Up, after(24), 2
	again.LastUp, again.Last = after(24), up
	aged := before
	aged.Counted, aged.Expired = after(5), after(14)
	broken := before
	broken.Discarded = errNoToken
	event := func(
		before, now monitor.State, override monitor.Verdict, changes ...monitor.Change,
	) monitor.SiteEvent {
		return monitor.SiteEvent{
			Snapshot: snapshot("site-b", override, now), Before: before, Changes: changes,
			Outcome: &monitor.Outcome{Result: now.Last, Discarded: now.Discarded},
		}
	}
	firstDown := monitor.State{Verdict: monitor.Down, TurnedBy: 1, Last: refused}
	siteA := &monitor.Site{Name: "site-a"}
	witnesses := []monitor.WitnessAnswer{
		{Witness: "tcp://w:53", Result: refused}, {Witness: "tcp://v:53", Err: errNoToken},
	}
	for _, c := range []struct {
		event monitor.Event
		want  string
	}{
		{event(before, down, 0, monitor.Turned),
			`level=INFO msg="site is down" site=site-b from=up to=down probes=3 reason=refused ` +
				`detail="nothing listens there" address="" took=0s since_last_up=15s`},
		{event(down, again, 0, monitor.Turned),
			`level=INFO msg="site is up" site=site-b from=down to=up probes=2 status=200 ` +
				`address=10.0.0.7:443 took=20ms since_last_down=3s was_down_for=8s`},
		{event(monitor.State{}, firstDown, 0, monitor.Turned),
			`level=INFO msg="site is down" site=site-b from=unknown to=down probes=1 reason=refused ` +
				`detail="nothing listens there" address="" took=0s`},
		{event(before, down, monitor.Up, monitor.Turned),
			`level=INFO msg="site is down" site=site-b override=up from=up to=down probes=3 ` +
				`reason=refused detail="nothing listens there" address="" took=0s since_last_up=15s`},
		{event(before, broken, 0, monitor.FaultBegan),
			`level=WARN msg="probe does not count" site=site-b error="no token"`},
		{event(broken, broken, 0), ``},
		{event(broken, again, 0, monitor.FaultEnded, monitor.VerdictKnown),
			`level=INFO msg="probes count again" site=site-b` + "\n" +
				`level=INFO msg="verdict known again" site=site-b verdict=up`},
		{monitor.SiteEvent{Snapshot: snapshot("site-b", 0, aged),
			Changes: []monitor.Change{monitor.VerdictAged}},
			`level=WARN msg="verdict expired" site=site-b error="no verdict on site-b: the last result ` +
				`that counts is 9s old, and expired after 9s, last known: up"`},
		{event(before, before, 0), ``},
		{monitor.NetworkEvent{Witnesses: witnesses},
			`level=WARN msg="monitor is offline: no witness answers, and failed probes do not count" ` +
				`witnesses="tcp://w:53: nothing listens there; tcp://v:53: no token"`},
		{monitor.NetworkEvent{Online: true, Offline: 20 * time.Second},
			`level=INFO msg="monitor is online again" offline_for=20s`},
		{monitor.PollEvent{Site: siteA, Poll: monitor.Poll{By: "Go-http-client/1.1"}},
			`level=WARN msg="nobody asks for this site's value: its failover is disarmed" site=site-a ` +
				`for=1m0s last_asked_by=Go-http-client/1.1`},
		{monitor.PollEvent{Site: siteA, Poll: monitor.Poll{By: "curl/8", Armed: true}},
			`level=INFO msg="this site's value is asked for again" site=site-a by=curl/8`},
	} {
		var log bytes.Buffer
		withoutTime := func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}
		handler := slog.NewTextHandler(&log, &slog.HandlerOptions{ReplaceAttr: withoutTime})
		LogEvents(slog.New(handler))(c.event)
		if got := strings.TrimSpace(log.String()); got != c.want {
			t.Errorf("got\n %s\nwant\n %s", got, c.want)
		}
	}
}

// TestLogAtDebug has a line for each probe.
func TestLogAtDebug(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	handler := slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})
	for _, state := range []monitor.State{
		{Verdict: monitor.Up, Last: probe.Result{Up: true, Status: 204}}, {Discarded: errNoToken},
	} {
		LogEvents(slog.New(handler))(monitor.SiteEvent{
			Snapshot: snapshot("site-b", 0, state), Outcome: new(monitor.Outcome),
		})
	}
	for _, want := range []string{`level=DEBUG msg=probe site=site-b up=true status=204 address="" ` +
		`took=0s`,
		`level=DEBUG msg="probe does not count" site=site-b error="no token"`} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("%s is not in\n%s", want, &log)
		}
	}
}
