package monitor_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"failover-monitor/internal/monitor"
	"failover-monitor/internal/probe"
)

// TestWorstCase lets a site die at every phase of the cycle, for a grid of settings. The monitor
// never notices later than the formula says, and at some phase within 5 % of it.
func TestWorstCase(t *testing.T) {
	t.Parallel()
	const ms, s = time.Millisecond, time.Second
	for _, interval := range []time.Duration{500 * ms, 2 * s, 5 * s, 30 * s} {
		for _, failure := range []int{1, 2, 3, 5} {
			for _, retry := range []time.Duration{200 * ms, s, 7 * s} {
				for _, takes := range []time.Duration{0, 400 * ms, 3 * s} {
					for _, phase := range []time.Duration{0, interval * 13 / 50} {
						site := monitor.Site{
							Interval: interval, Phase: phase, Retry: retry, Timeout: 3 * s,
							Thresholds: monitor.Thresholds{Failure: failure, Success: 2},
						}
						wantWorstCase(t, site, takes)
					}
				}
			}
		}
	}
}

// wantWorstCase checks the formula for a site whose failing probes take some time.
func wantWorstCase(t *testing.T, site monitor.Site, takes time.Duration) {
	name := fmt.Sprintf("every %v from %v, %d failures of %v, %v apart",
		site.Interval, site.Phase, site.Failure, takes, site.Retry)
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		var latest time.Duration
		for after := range 50 {
			phase := site.Interval*time.Duration(after)/50 + 1
			latest = max(latest, detectionTime(t, site, takes, phase))
		}
		site.Timeout = takes // that is what a failing probe takes in the formula
		limit := site.WorstCase(0).Hangs
		if latest > limit || latest < limit*95/100 {
			t.Errorf("found out after %v, want at most %v and near to it", latest, limit)
		}
	})
}

// TestWorstCaseWithWitness has a witness that takes nearly all its time to confirm each failure.
// That time counts once.
func TestWorstCaseWithWitness(t *testing.T) {
	t.Parallel()
	const takes = monitor.WitnessTimeout * 9 / 10
	witness := monitor.Witness{Name: "slow", Probe: func(context.Context) (probe.Result, error) {
		time.Sleep(takes)
		return probe.Result{Up: true}, nil
	}}
	for _, retry := range []time.Duration{50 * time.Millisecond, time.Second} {
		site := monitor.Site{
			Interval: time.Second, Retry: retry, Timeout: time.Second,
			Thresholds: monitor.Thresholds{Failure: 4, Success: 1},
		}
		limit, without := site.WorstCase(monitor.ConfirmTime(1)), site.WorstCase(0)
		for _, c := range []struct{ failing, limit, without time.Duration }{
			{0, limit.Refuses, without.Refuses}, {site.Timeout, limit.Hangs, without.Hangs},
		} {
			found := detectionTime(t, site, c.failing, 1, witness)
			if found > c.limit || found < (c.without+takes)*95/100 {
				t.Errorf("retries after %v, failing takes %v: found out after %v, want at most %v",
					retry, c.failing, found, c.limit)
			}
		}
	}
}

// detectionTime is the time from a site's death to its verdict, if it dies that long (phase) after
// a probe, and its failing probes take some time.
func detectionTime(t *testing.T, site monitor.Site, takes, phase time.Duration,
	witnesses ...monitor.Witness) (after time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		died := time.Now().Add(2*site.Interval + phase)
		turned := make(chan time.Time, 1)
		site.Name = "site-b"
		site.Probe = func(ctx context.Context) (probe.Result, error) {
			if time.Now().Before(died) {
				return probe.Result{Up: true}, nil
			}
			select {
			case <-time.After(takes):
			case <-ctx.Done():
				if ctx.Err() == context.Canceled {
					return probe.Result{}, ctx.Err()
				}
			}
			return probe.Result{Began: time.Now()}, nil
		}
		peer := monitor.Site{
			Name: "site-a", Interval: time.Hour, Timeout: time.Hour, Probe: site.Probe,
			Thresholds: site.Thresholds,
		}
		o := noEvents
		o.Host = monitor.NewHost(witnesses)
		o.Observe = func(event monitor.Event) {
			e, ok := event.(monitor.SiteEvent)
			if ok && e.Verdict == monitor.Down && slices.Contains(e.Changes, monitor.Turned) {
				turned <- time.Now()
			}
		}
		runMonitor(t, []*monitor.Site{&peer, &site}, o, func(m *monitor.Monitor) {
			after = (<-turned).Sub(died)
			wantAnswer(t, m, "site-a", "1")
		})
	})
	return after
}
