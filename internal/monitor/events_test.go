package monitor_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"failover-monitor/internal/monitor"
)

// TestEvents has a row for each kind of event: all of them from the first second on, in the order
// of time.
func TestEvents(t *testing.T) {
	t.Parallel()
	const s = time.Second
	twice := monitor.Thresholds{Failure: 3, Success: 2}
	noWitness := []script{dies(0, refuses)}
	for _, c := range []struct {
		name     string
		scenario scenario
		want     string
	}{
		{"down and up", scenario{sites: []script{nil, {{1 * s, hangs}, {20 * s, up}}}, limits: twice},
			"10.000 site-b turned down after 3; 21.000 site-b turned up after 2"},
		{"an absorbed failure is no event",
			scenario{sites: []script{nil, {{1 * s, refuses}, {6 * s, up}}}, limits: twice}, ""},
		{"a pinned site",
			scenario{sites: []script{nil, dies(1*s, refuses)},
				override: map[int]monitor.Verdict{1: monitor.Up}}, "05.000 site-b turned down after 1"},
		{"the prober's fault, twice",
			scenario{sites: []script{nil,
				{{6 * s, broken}, {16 * s, up}, {31 * s, broken}, {46 * s, refuses}}}},
			"10.000 site-b fault; 14.000 site-b aged; " +
				"20.000 site-b fault ended; 20.000 site-b known; " +
				"35.000 site-b fault; 39.000 site-b aged; " +
				"50.000 site-b fault ended; 50.000 site-b known; 50.000 site-b turned down after 1"},
		{"the prober's fault while offline",
			scenario{sites: []script{nil,
				{{1 * s, refuses}, {8 * s, broken}, {17 * s, refuses}, {22 * s, up}}}, witnesses: noWitness},
			"05.000 offline; 10.000 site-b fault; 11.000 site-b aged; " +
				"25.000 online after 20s; 25.000 site-b fault ended; 25.000 site-b known"},
		{"offline, from the first unconfirmed site to the last", scenario{
			sites:     []script{nil, {{1 * s, refuses}, {12 * s, up}}, {{1 * s, refuses}, {17 * s, up}}},
			intervals: map[int]time.Duration{2: 5500 * time.Millisecond}, witnesses: noWitness},
			"05.000 offline; 11.000 site-b aged; 11.500 site-c aged; 15.000 site-b known; " +
				"22.000 online after 17s; 22.000 site-c known"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.scenario.run(t, func(t *testing.T, _ *monitor.Monitor, events *recorder) {
				sleepUntil(s)
				if first := events.take(); len(first) != len(c.scenario.sites) {
					t.Errorf("in the first second: %q", first)
				}
				sleepUntil(59 * time.Second) // then polls are missed
				if got := strings.Join(events.take(), "; "); got != c.want {
					t.Errorf("got\n %s\nwant\n %s", got, c.want)
				}
			})
		})
	}
}

// TestSiteEvent checks the state before and after, and the outcome.
func TestSiteEvent(t *testing.T) {
	t.Parallel()
	var events []monitor.SiteEvent
	o := noEvents
	o.Observe = func(e monitor.Event) {
		if site, ok := e.(monitor.SiteEvent); ok && site.Name == "site-b" {
			events = append(events, site)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		runMonitor(t, scenario{sites: []script{nil, dies(time.Second, hangs)}}.list(), o,
			func(*monitor.Monitor) { sleepUntil(12 * time.Second) })
	})
	if len(events) != 2 {
		t.Fatalf("%d events of site-b", len(events))
	}
	first, turn := events[0], events[1]
	if first.Before.Verdict != monitor.Unknown || turn.Before != first.State ||
		turn.Verdict != monitor.Down || !slices.Equal(turn.Changes, []monitor.Change{monitor.Turned}) {
		t.Errorf("from %+v to %+v", turn.Before, turn.State)
	}
	if turn.Outcome == nil || turn.Outcome.Result != turn.Last || turn.Last.Duration != timeout {
		t.Errorf("the outcome is %+v", turn.Outcome)
	}
}
