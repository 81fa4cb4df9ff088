package monitor_test

import (
	"testing"

	"failover-monitor/internal/monitor"
)

func TestStep(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name             string
		failure, success int
		results, want    string // a letter a result: u up, d down
	}{
		{"as the predecessor", 1, 1, "uduudd", "uduudd"},
		{"the first decides, up", 3, 2, "u", "u"},
		{"the first decides, down", 3, 2, "d", "d"},
		{"three failures turn it", 3, 2, "uddd", "uuud"},
		{"two do not", 3, 2, "uddu", "uuuu"},
		{"the opposite resets the streak", 3, 2, "udduddd", "uuuuuud"},
		{"two successes turn it back", 3, 2, "uddduu", "uuuddu"},
		{"one does not", 3, 2, "uddududd", "uuuuuuuu"},
		{"down needs its successes in a row", 1, 3, "duuduuu", "ddddddu"},
		{"flapping never turns it", 2, 2, "udududud", "uuuuuuuu"},
	} {
		var state monitor.State
		got := ""
		for _, r := range c.results {
			state = state.Step(r == 'u', monitor.Thresholds{Failure: c.failure, Success: c.success})
			got += state.Verdict.String()[:1]
		}
		if got != c.want {
			t.Errorf("%s: %d/%d on %s: got %s, want %s", c.name, c.failure, c.success, c.results, got, c.want)
		}
	}
}

// FuzzStep compares the step with a model that looks at the whole history each time.
func FuzzStep(f *testing.F) {
	f.Add([]byte("uddduudu"), byte(3), byte(2))
	f.Add([]byte("dududud"), byte(1), byte(1))
	f.Fuzz(func(t *testing.T, results []byte, failure, success byte) {
		limits := monitor.Thresholds{Failure: max(1, int(failure)), Success: max(1, int(success))}
		var state monitor.State
		model := monitor.Unknown
		for i, r := range results {
			isUp := r%2 == 1
			state = state.Step(isUp, limits)
			model = naive(results[:i+1], model, limits)
			if state.Verdict != model {
				t.Fatalf("%d/%d after %v: %v, the model says %v", limits.Failure, limits.Success, results[:i+1], state.Verdict, model)
			}
			if state.Streak < 0 || state.Streak >= max(limits.Failure, limits.Success) {
				t.Fatalf("a streak of %d", state.Streak)
			}
		}
	})
}

// naive is the rule as a person would say it: the first result decides; from then on, the verdict is
// turned by as many results of the other kind as the threshold says, the last ones without a gap.
func naive(history []byte, before monitor.Verdict, limits monitor.Thresholds) monitor.Verdict {
	said := map[byte]monitor.Verdict{0: monitor.Down, 1: monitor.Up}[history[len(history)-1]%2]
	if before == monitor.Unknown || before == said {
		return said
	}
	need := map[monitor.Verdict]int{monitor.Down: limits.Failure, monitor.Up: limits.Success}[said]
	if len(history) < need {
		return before
	}
	for _, r := range history[len(history)-need:] {
		if r%2 != history[len(history)-1]%2 {
			return before
		}
	}
	return said
}
