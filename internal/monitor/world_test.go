package monitor_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"failover-monitor/internal/monitor"
	"failover-monitor/internal/probe"
)

// state is how something in the world is.
type state string

const (
	up      state = "up"      // answers at once
	slow    state = "slow"    // answers after 900 ms
	refuses state = "refuses" // fails at once
	hangs   state = "hangs"   // fails at its deadline
	broken  state = "broken"  // the monitor cannot probe it
)

// change is when something becomes what.
type change struct {
	at time.Duration
	to state
}

// script is how something is over time, from up at the start.
type script []change

// probe makes a probe of something that is as the script says at the time when the probe begins.
func (s script) probe(zero time.Time) monitor.Probe {
	return func(ctx context.Context) (probe.Result, error) {
		began, is := time.Now(), up
		for _, c := range s {
			if time.Since(zero) >= c.at {
				is = c.to
			}
		}
		result := probe.Result{Up: is == up || is == slow, Began: began}
		switch is {
		case slow:
			time.Sleep(900 * time.Millisecond)
		case broken:
			return probe.Result{}, errors.New("broken")
		case refuses:
			result.Reason, result.Detail = probe.ReasonRefused, "refused"
		case hangs:
			result.Reason, result.Detail = probe.ReasonTimeout, "hangs"
			<-ctx.Done()
			if ctx.Err() == context.Canceled {
				return probe.Result{}, ctx.Err()
			}
		}
		result.Duration = time.Since(began)
		return result, nil
	}
}

// world is a monitor of scripted sites, with the usual timing: TTL 5, timeout 3, retry 1.
type world struct {
	sites     []script
	witnesses []script
	thresholds
	own       map[int]thresholds    // of single sites
	intervals map[int]time.Duration // of single sites
	onDemand  bool                  // an interval of 0
	retry     time.Duration
	override  map[int]monitor.Verdict
	errorWhen bool          // all are down
	until     time.Duration // how long to look, 60 s unless set
}

type thresholds struct{ failure, success int }

// run runs a test on the world's monitor, in a bubble of its own whose time begins at midnight.
func (w world) run(t *testing.T, test func(t *testing.T, m *monitor.Monitor, log *journal)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		log := new(journal)
		o := options(log)
		o.ErrorWhenAllDown = w.errorWhen
		for i, s := range w.witnesses {
			o.Witnesses = append(o.Witnesses, monitor.Witness{Name: fmt.Sprint("witness-", i), Probe: s.probe(midnight)})
		}
		ctx, cancel := context.WithCancel(t.Context())
		m := monitor.New(w.list(), o)
		m.Start(ctx)
		test(t, m, log)
		cancel()
		m.Wait()
	})
}

// list makes the sites, called site-a, site-b, …
func (w world) list() (sites []monitor.Site) {
	for i, s := range w.sites {
		limits, ok := w.own[i]
		if !ok {
			limits = w.thresholds
		}
		site := monitor.Site{
			Name: fmt.Sprintf("site-%c", 'a'+i), Probe: s.probe(midnight),
			Interval: cmp.Or(w.intervals[i], 5*time.Second), Retry: cmp.Or(w.retry, time.Second), Timeout: timeout,
			Thresholds: monitor.Thresholds{Failure: max(1, limits.failure), Success: max(1, limits.success)},
			Override:   w.override[i],
		}
		if w.onDemand {
			site.Interval = 0
		}
		sites = append(sites, site)
	}
	return sites
}

// midnight is when the time of every bubble begins.
var midnight = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// sleepUntil sleeps until that long after midnight.
func sleepUntil(d time.Duration) { time.Sleep(time.Until(midnight.Add(d))) }
