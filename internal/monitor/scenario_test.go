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

// condition is how a site or a witness behaves at some time.
type condition string

const (
	up      condition = "up"      // answers at once
	slow    condition = "slow"    // answers after 900 ms
	refuses condition = "refuses" // fails at once
	hangs   condition = "hangs"   // fails at its deadline
	broken  condition = "broken"  // the monitor cannot probe it
)

// change is a condition and when it begins.
type change struct {
	at time.Duration
	to condition
}

// script is how a site or a witness behaves over time. It is up at the start.
type script []change

// dies is the script of a site that is up until then.
func dies(at time.Duration, how condition) script { return script{{at, how}} }

// probe makes a probe that finds what the script says for the time at which the probe begins.
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
			return probe.Result{}, errBroken
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

var errBroken = errors.New("broken")

const timeout = 3 * time.Second

// scenario is a monitor of scripted sites, with the default timing: interval 5 s, timeout 3 s,
// retry interval 1 s.
type scenario struct {
	sites            []script
	witnesses        []script
	limits           monitor.Thresholds         // 1 and 1 unless set
	perSite          map[int]monitor.Thresholds // for single sites
	intervals        map[int]time.Duration      // for single sites
	onDemand         bool                       // all intervals are 0
	retry            time.Duration
	override         map[int]monitor.Verdict
	errorWhenAllDown bool
	until            time.Duration // when runScenario ends, 60 s unless set
}

// midnight is when synthetic time begins.
var midnight = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// sleepUntil sleeps until some time after midnight.
func sleepUntil(d time.Duration) { time.Sleep(time.Until(midnight.Add(d))) }

// run runs a test on the scenario's monitor, in synthetic time.
func (s scenario) run(t *testing.T, test func(t *testing.T, m *monitor.Monitor, events *recorder)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		events := new(recorder)
		o := options(events)
		o.ErrorWhenAllDown = s.errorWhenAllDown
		var witnesses []monitor.Witness
		for i, w := range s.witnesses {
			witnesses = append(witnesses,
				monitor.Witness{Name: fmt.Sprint("witness-", i), Probe: w.probe(midnight)})
		}
		o.Host = monitor.NewHost(witnesses)
		runMonitor(t, s.list(), o, func(m *monitor.Monitor) { test(t, m, events) })
	})
}

// runMonitor runs a monitor for the time of a test.
func runMonitor(t *testing.T, sites []*monitor.Site, o monitor.Options,
	test func(m *monitor.Monitor)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	m := monitor.New(sites, o)
	m.Start(ctx)
	test(m)
	cancel()
	m.Wait()
}

// list makes the sites, called site-a, site-b, …
func (s scenario) list() (sites []*monitor.Site) {
	for i, each := range s.sites {
		limits, ok := s.perSite[i]
		if !ok {
			limits = s.limits
		}
		site := newSite('a'+rune(i), each.probe(midnight))
		site.Interval = cmp.Or(s.intervals[i], site.Interval)
		site.Retry = cmp.Or(s.retry, site.Retry)
		site.Failure, site.Success = max(1, limits.Failure), max(1, limits.Success)
		site.Override = s.override[i]
		if s.onDemand {
			site.Interval = 0
		}
		sites = append(sites, site)
	}
	return sites
}

// newSite makes a site with the default timing, and thresholds of 1.
func newSite(letter rune, p monitor.Probe) *monitor.Site {
	return &monitor.Site{
		Name: "site-" + string(letter), Probe: p,
		Interval: 5 * time.Second, Retry: time.Second, Timeout: timeout,
		Thresholds: monitor.Thresholds{Failure: 1, Success: 1},
	}
}

func options(events *recorder) monitor.Options {
	return monitor.Options{AnswerTimeout: 2 * time.Second, Observe: events.observe}
}

// poll asks for a site's value, and gives the value or the error as text.
func poll(t *testing.T, m *monitor.Monitor, site string) string {
	t.Helper()
	return formatAnswer(m.Value(t.Context(), site))
}

func formatAnswer(value int, err error) string {
	switch {
	case errors.Is(err, monitor.ErrAllDown):
		return "all down"
	case err != nil:
		return err.Error()
	}
	return fmt.Sprint(value)
}

func wantAnswer(t *testing.T, m *monitor.Monitor, site, want string) {
	t.Helper()
	if got := poll(t, m, site); got != want {
		t.Errorf("%s at %v: got %q, want %q", site, time.Since(midnight), got, want)
	}
}

// noEvents is for tests that want no events.
var noEvents = monitor.Options{AnswerTimeout: 2 * time.Second}
