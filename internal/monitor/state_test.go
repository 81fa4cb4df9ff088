package monitor_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"failover-monitor/internal/monitor"
	"failover-monitor/internal/probe"
)

// outcome is a result that counts, of a probe that ended 8 seconds after midnight.
func outcome(up bool) monitor.Outcome {
	result := probe.Result{Up: up, Began: midnight}
	return monitor.Outcome{Result: result, Ended: midnight.Add(8 * time.Second)}
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name             string
		failure, success int
		results, want    string // a letter a result: u up, d down, - unknown
	}{
		{"as the predecessor", 1, 1, "uduudd", "uduudd"},
		{"the first decides, up", 3, 2, "u", "u"},
		{"the first does not, down", 3, 2, "d", "-"},
		{"failures from the start, 1", 1, 2, "d", "d"},
		{"failures from the start, 2", 2, 2, "dd", "-d"},
		{"failures from the start, 3", 3, 2, "ddd", "--d"},
		{"a success after failures from the start", 3, 2, "ddud", "--uu"},
		{"three failures turn it", 3, 2, "uddd", "uuud"},
		{"two do not", 3, 2, "uddu", "uuuu"},
		{"the opposite resets the streak", 3, 2, "udduddd", "uuuuuud"},
		{"two successes turn it back", 3, 2, "uddduu", "uuuddu"},
		{"one does not", 3, 2, "uddududd", "uuuuuuuu"},
		{"down needs its successes in a row", 1, 3, "duuduuu", "ddddddu"},
		{"flapping never turns it", 2, 2, "udududud", "uuuuuuuu"},
	} {
		limits := monitor.Thresholds{Failure: c.failure, Success: c.success}
		letters := map[monitor.Verdict]string{monitor.Unknown: "-", monitor.Up: "u", monitor.Down: "d"}
		var state monitor.State
		got := ""
		for _, r := range c.results {
			state, _ = state.Next(outcome(r == 'u'), midnight, limits)
			got += letters[state.Verdict]
		}
		if got != c.want {
			t.Errorf("%s: %+v on %s: got %s, want %s", c.name, limits, c.results, got, c.want)
		}
	}
}

// TestChanges has a row for each change that an outcome can make, in a state.
func TestChanges(t *testing.T) {
	t.Parallel()
	at := func(seconds int) time.Time { return midnight.Add(time.Duration(seconds) * time.Second) }
	limits := monitor.Thresholds{Failure: 2, Success: 1}
	fault, offline := errors.New("no token"), &monitor.OfflineError{}
	isUp := monitor.State{
		Verdict: monitor.Up, Since: at(1), TurnedBy: 1,
		LastUp: at(5), Counted: at(5), Last: outcome(true).Result,
	}
	with := func(change func(*monitor.State)) monitor.State {
		s := isUp
		change(&s)
		return s
	}
	discarded := func(err error) monitor.Outcome { return monitor.Outcome{Discarded: err} }
	for _, c := range []struct {
		name    string
		before  monitor.State
		outcome monitor.Outcome
		after   monitor.State
		changes []monitor.Change
	}{
		{"a success agrees", isUp, outcome(true),
			with(func(s *monitor.State) { s.LastUp, s.Counted = at(8), at(8) }), nil},
		{"a first failure", isUp, outcome(false),
			with(func(s *monitor.State) {
				s.Streak, s.LastDown, s.Counted, s.Last.Up = 1, at(8), at(8), false
				s.Doubted = midnight
			}), nil},
		{"a second turns it", with(func(s *monitor.State) { s.Streak = 1 }), outcome(false),
			with(func(s *monitor.State) {
				s.Verdict, s.Since, s.TurnedBy = monitor.Down, at(9), 2
				s.LastDown, s.Counted, s.Last.Up = at(8), at(8), false
			}), []monitor.Change{monitor.Turned}},
		{"a fault", isUp, discarded(fault),
			with(func(s *monitor.State) { s.Discarded, s.Faulty = fault, true }),
			[]monitor.Change{monitor.FaultBegan}},
		{"another", with(func(s *monitor.State) { s.Discarded, s.Faulty = fault, true }),
			discarded(errBroken),
			with(func(s *monitor.State) { s.Discarded, s.Faulty = errBroken, true }), nil},
		{"another, after offline", with(func(s *monitor.State) { s.Discarded, s.Faulty = offline, true }),
			discarded(fault), with(func(s *monitor.State) { s.Discarded, s.Faulty = fault, true }), nil},
		{"a success after a fault and offline",
			with(func(s *monitor.State) { s.Discarded, s.Faulty = offline, true }), outcome(true),
			with(func(s *monitor.State) { s.LastUp, s.Counted = at(8), at(8) }),
			[]monitor.Change{monitor.FaultEnded}},
		{"offline is no fault", with(func(s *monitor.State) { s.Streak = 1 }), discarded(offline),
			with(func(s *monitor.State) { s.Streak, s.Discarded = 1, offline }), nil},
		{"a fault while offline", with(func(s *monitor.State) { s.Discarded = offline }),
			discarded(fault), with(func(s *monitor.State) { s.Discarded, s.Faulty = fault, true }),
			[]monitor.Change{monitor.FaultBegan}},
		{"all is healthy again", with(func(s *monitor.State) {
			s.Discarded, s.Faulty, s.Expired = fault, true, at(7)
		}), outcome(true),
			with(func(s *monitor.State) { s.LastUp, s.Counted = at(8), at(8) }),
			[]monitor.Change{monitor.FaultEnded, monitor.VerdictKnown}},
		{"a failure does not revive an old verdict of up",
			with(func(s *monitor.State) { s.Expired = at(7) }), outcome(false),
			with(func(s *monitor.State) {
				s.Expired, s.Streak, s.LastDown, s.Doubted, s.Last.Up = at(7), 1, at(8), midnight, false
			}), nil},
		{"it turns one", with(func(s *monitor.State) { s.Expired, s.Streak = at(7), 1 }), outcome(false),
			with(func(s *monitor.State) {
				s.Verdict, s.Since, s.TurnedBy = monitor.Down, at(9), 2
				s.LastDown, s.Counted, s.Last.Up = at(8), at(8), false
			}), []monitor.Change{monitor.VerdictKnown, monitor.Turned}},
		{"the first", monitor.State{}, outcome(true),
			monitor.State{Verdict: monitor.Up, Since: at(9), TurnedBy: 1, LastUp: at(8), Counted: at(8),
				Last: outcome(true).Result}, []monitor.Change{monitor.Turned}},
		{"the first after failures", monitor.State{Streak: 1, LastDown: at(5), Counted: at(5)},
			outcome(true),
			monitor.State{Verdict: monitor.Up, Since: at(9), TurnedBy: 1, LastUp: at(8), LastDown: at(5),
				Counted: at(8), Last: outcome(true).Result},
			[]monitor.Change{monitor.Turned}},
	} {
		after, changes := c.before.Next(c.outcome, at(9), limits)
		if after != c.after || !slices.Equal(changes, c.changes) {
			t.Errorf("%s:\n got %+v %v\nwant %+v %v", c.name, after, changes, c.after, c.changes)
		}
	}
}

// FuzzStep compares the state with a reference that reads the whole history each time.
func FuzzStep(f *testing.F) {
	f.Add([]byte("uddduudu"), byte(3), byte(2))
	f.Add([]byte("dududud"), byte(1), byte(1))
	f.Fuzz(func(t *testing.T, results []byte, failure, success byte) {
		limits := monitor.Thresholds{Failure: max(1, int(failure)), Success: max(1, int(success))}
		var state monitor.State
		model := monitor.Unknown
		for i, r := range results {
			state, _ = state.Next(outcome(r%2 == 1), midnight, limits)
			model = reference(results[:i+1], model, limits)
			if state.Verdict != model {
				t.Fatalf("%+v after %v: got %v, want %v", limits, results[:i+1], state.Verdict, model)
			}
			if state.Streak < 0 || state.Streak >= max(limits.Failure, limits.Success) {
				t.Fatalf("a streak of %d", state.Streak)
			}
		}
	})
}

// reference is a second implementation of the rule, for comparison. The first success of all
// decides. Otherwise the last results turn the verdict if they are all of the other kind, and as
// many as the threshold says.
func reference(history []byte, before monitor.Verdict, limits monitor.Thresholds) monitor.Verdict {
	says := map[byte]monitor.Verdict{0: monitor.Down, 1: monitor.Up}[history[len(history)-1]%2]
	need := map[monitor.Verdict]int{monitor.Down: limits.Failure, monitor.Up: limits.Success}[says]
	if before == monitor.Unknown && says == monitor.Up {
		return monitor.Up
	}
	if len(history) < need {
		return before
	}
	for _, r := range history[len(history)-need:] {
		if r%2 != history[len(history)-1]%2 {
			return before
		}
	}
	return says
}
