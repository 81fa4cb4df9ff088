package monitor_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"failover-monitor/internal/monitor"
	"failover-monitor/internal/probe"
)

// TestOneProbeForEachPollOnDemand: probes that polls wait for do not overlap, whatever the
// threshold.
func TestOneProbeForEachPollOnDemand(t *testing.T) {
	t.Parallel()
	b := newFake()
	b.takes = time.Hour
	synctest.Test(t, func(t *testing.T) {
		sites := []*monitor.Site{newSite('a', newFake().probe), newSite('b', b.probe)}
		for _, site := range sites {
			site.Interval, site.Failure = 0, 3
		}
		runMonitor(t, sites, noEvents, func(m *monitor.Monitor) {
			for _, want := range []string{"no verdict on site-b", "no verdict on site-b", "1"} {
				wantAnswer(t, m, "site-a", want)
			}
			if got := len(b.probes()); got != 3 || b.mostRunning != 1 {
				t.Errorf("%d probes for three polls, %d at a time", got, b.mostRunning)
			}
		})
	})
}

// TestCutOffProbeAsksNoWitness has a slow success cut a younger probe off, which then reports a
// failure.
func TestCutOffProbeAsksNoWitness(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var probes, asked atomic.Int32
		site := newSite('b', func(ctx context.Context) (probe.Result, error) {
			if probes.Add(1) == 2 {
				<-ctx.Done()
				return probe.Result{Began: time.Now(), Reason: probe.ReasonReset}, nil
			}
			time.Sleep(1500 * time.Millisecond)
			return probe.Result{Up: true, Began: time.Now()}, nil
		})
		site.Failure = 3
		o := noEvents
		o.Host = monitor.NewHost([]monitor.Witness{{Name: "w",
			Probe: func(context.Context) (probe.Result, error) {
				asked.Add(1)
				return probe.Result{Up: true}, nil
			}}})
		sites := []*monitor.Site{newSite('a', script(nil).probe(midnight)), site}
		runMonitor(t, sites, o, func(m *monitor.Monitor) {
			time.Sleep(4 * time.Second)
			if probes.Load() != 2 || asked.Load() != 0 {
				t.Errorf("%d probes, want 2; the witness was asked %d times, want never",
					probes.Load(), asked.Load())
			}
		})
	})
}
