package server

import (
	"testing"

	"failover-monitor/internal/monitor"
)

// TestDoubtEnded has a row for each way in which a streak of failures can go on or end.
func TestDoubtEnded(t *testing.T) {
	t.Parallel()
	state := func(v monitor.Verdict, streak int) monitor.State {
		return monitor.State{Verdict: v, Streak: streak}
	}
	for _, c := range []struct {
		name          string
		before, after monitor.State
		want          string
	}{
		{"a first failure", state(monitor.Up, 0), state(monitor.Up, 1), ""},
		{"a second", state(monitor.Up, 1), state(monitor.Up, 2), ""},
		{"one that does not count", state(monitor.Up, 1), state(monitor.Up, 1), ""},
		{"a success before any", state(monitor.Up, 0), state(monitor.Up, 0), ""},
		{"a success after one", state(monitor.Up, 1), state(monitor.Up, 0), "cleared"},
		{"the last failure", state(monitor.Up, 2), state(monitor.Down, 0), "confirmed"},
		{"the only one, with a threshold of 1", state(monitor.Up, 0), state(monitor.Down, 0),
			"confirmed"},
		{"of a site that was never up", state(monitor.Unknown, 2), state(monitor.Down, 0), ""},
		{"a success of a site that was down", state(monitor.Down, 1), state(monitor.Up, 0), ""},
	} {
		e := monitor.SiteEvent{Snapshot: &monitor.Snapshot{State: c.after}, Before: c.before}
		if got := doubtEnded(e); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}
