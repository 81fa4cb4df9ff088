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
