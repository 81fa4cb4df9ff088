//go:build e2e

package simulate

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"failover-monitor/internal/monitor"
	"failover-monitor/internal/probe"
)

// TestScaling has the model of KEDA and the HPA do what the real ones did in "make e2e-cluster":
// each step is an answer of each monitor, x for none, and the replicas that come of it.
func TestScaling(t *testing.T) {
	t.Parallel()
	type step struct {
		answers  string
		replicas int
	}
	for _, steps := range [][]step{
		{{"0", 2}, {"1", 4}, {"x", 4}, {"1", 4}, {"0", 2}, {"x", 2}, {"1", 4}},
		{{"000", 2}, {"100", 2}, {"110", 4}, {"000", 2}, {"11x", 4}, {"10x", 2},
			{"x11", 4}, {"00x", 2}, {"1xx", 4}, {"000", 2}, {"xxx", 4}, {"000", 2}},
	} {
		p := plan{monitors: len(steps[0].answers), sites: 1, phases: []time.Duration{7 * time.Second}}
		w := &world{plan: &p, network: newNetwork(&p)}
		w.audit.seen = make(map[string]int)
		answers := steps[0].answers
		c := newCluster(w, 0, p.phases[0])
		c.poll = func(_ context.Context, m, _ int, _ time.Duration) (int, error) {
			if answers[m] == 'x' {
				return 0, errGone
			}
			return int(answers[m] - '0'), nil
		}
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			w.began = time.Now()
			go c.live(ctx)
			for _, s := range steps {
				answers = s.answers
				before, changed := c.replicas, w.now()
				time.Sleep(400 * time.Second)
				if c.replicas != s.replicas {
					t.Errorf("%q: %d replicas, want %d", s.answers, c.replicas, s.replicas)
				}
				if c.replicas == before {
					continue
				}
				took := c.history[len(c.history)-1].at - changed
				low, high := time.Duration(0), 2*(syncPeriod+200*time.Millisecond) // the first may be to hold
				if c.replicas < before {
					low, high = stabilization-syncPeriod, stabilization+high
				}
				if took < low || took > high {
					t.Errorf("%q: %d after %v, want %v to %v", s.answers, c.replicas, took, low, high)
				}
			}
		})
	}
}

// TestMeasuredFailovers has simulated failovers take as long as those that were measured with a
// real control plane, in seconds from the death of a site to 4 replicas.
func TestMeasuredFailovers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		kind     kind
		limits   monitor.Thresholds
		measured []float64
	}{
		{"refuses", fails, monitor.Thresholds{Failure: 3, Success: 2}, []float64{3.8, 7, 10, 15, 17.3}},
		{"503", fails, monitor.Thresholds{Failure: 3, Success: 2}, []float64{8.5, 9, 12, 17, 17.7}},
		{"hangs", hangs, monitor.Thresholds{Failure: 1, Success: 1}, []float64{5.4, 11.7}},
	} {
		p := operated(1, c.limits, 0, 1, 0, 10)
		for i := range p.faults {
			p.faults[i].kind, p.faults[i].reason = c.kind, probe.ReasonStatus
		}
		w := run(t, &p)
		report(t, w)
		took := w.failovers()
		low, high := slices.Min(took).Seconds(), slices.Max(took).Seconds()
		t.Logf("%s: %d took %.1f to %.1f s; measured %v", c.name, len(took), low, high, c.measured)
		if slices.Min(c.measured) < low-0.5 || slices.Max(c.measured) > high+0.5 {
			t.Errorf("%s: measured %v, simulated %.1f to %.1f", c.name, c.measured, low, high)
		}
	}
}
