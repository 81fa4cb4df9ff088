package monitor_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"failover-monitor/internal/monitor"
	"failover-monitor/internal/probe"
)

// condition is how a site or witness is at some time.
type condition string

const (
	up      condition = "up"      // answers at once
	slow    condition = "slow"    // answers after 900 ms
	refuses condition = "refuses" // fails at once
	hangs   condition = "hangs"   // fails at its deadline
	broken  condition = "broken"  // the monitor cannot probe it
)

// change is when something becomes what.
type change struct {
	at time.Duration
	to condition
}

// script is how something is over time, from up at the start.
type script []change

// dies is a script of something that is well until then.
func dies(at time.Duration, how condition) script { return script{{at, how}} }

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

// scenario is a monitor of scripted sites, with the usual timing: TTL 5, timeout 3, retry 1.
type scenario struct {
	sites     []script
	witnesses []script
	limits    monitor.Thresholds         // 1 and 1 unless set
	own       map[int]monitor.Thresholds // of single sites
	intervals map[int]time.Duration      // of single sites
	onDemand  bool                       // an interval of 0
	retry     time.Duration
	override  map[int]monitor.Verdict
	errorWhen bool          // all are down
	until     time.Duration // how long to look, 60 s unless set
}

// midnight is when the time of every bubble begins.
var midnight = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// sleepUntil sleeps until that long after midnight.
func sleepUntil(d time.Duration) { time.Sleep(time.Until(midnight.Add(d))) }

// run runs a test on the scenario's monitor, in a bubble of its own.
func (s scenario) run(t *testing.T, test func(t *testing.T, m *monitor.Monitor, events *recorder)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		events := new(recorder)
		o := options(events)
		o.ErrorWhenAllDown = s.errorWhen
		for i, w := range s.witnesses {
			o.Witnesses = append(o.Witnesses, monitor.Witness{Name: fmt.Sprint("witness-", i), Probe: w.probe(midnight)})
		}
		watch(t, s.list(), o, func(m *monitor.Monitor) { test(t, m, events) })
	})
}

// inBubble runs a test in a bubble of synthetic time.
func inBubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, test)
}

// watch runs a monitor while a test looks at it.
func watch(t *testing.T, sites []*monitor.Site, o monitor.Options, test func(m *monitor.Monitor)) {
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
		limits, ok := s.own[i]
		if !ok {
			limits = s.limits
		}
		site := newSite('a'+rune(i), each.probe(midnight))
		site.Interval, site.Retry = cmp.Or(s.intervals[i], site.Interval), cmp.Or(s.retry, site.Retry)
		site.Thresholds = monitor.Thresholds{Failure: max(1, limits.Failure), Success: max(1, limits.Success)}
		site.Override = s.override[i]
		if s.onDemand {
			site.Interval = 0
		}
		sites = append(sites, site)
	}
	return sites
}

// newSite is one with the usual timing, and thresholds of 1.
func newSite(letter rune, p monitor.Probe) *monitor.Site {
	return &monitor.Site{
		Name: "site-" + string(letter), Probe: p, Interval: 5 * time.Second, Retry: time.Second, Timeout: timeout,
		Thresholds: monitor.Thresholds{Failure: 1, Success: 1},
	}
}

func options(events *recorder) monitor.Options {
	return monitor.Options{AnswerTimeout: 2 * time.Second, Observe: events.observe}
}

// recorder writes down what happens: one line each, with the seconds since midnight.
type recorder struct {
	mu    sync.Mutex
	lines []string
}

// changes are the words for the changes of a site.
var changes = map[monitor.Change]string{
	monitor.FaultBegan: "fault", monitor.FaultEnded: "fault ended", monitor.VerdictAged: "aged", monitor.VerdictKnown: "known",
}

func (r *recorder) observe(event monitor.Event) {
	var words []string
	switch e := event.(type) {
	case monitor.SiteEvent:
		for _, change := range e.Changes {
			if change == monitor.Turned {
				words = append(words, fmt.Sprintf("%s turned %v after %d", e.Name, e.Verdict, e.TurnedBy))
			} else {
				words = append(words, e.Name+" "+changes[change])
			}
		}
	case monitor.OverrideEvent:
		words = []string{fmt.Sprintf("%s pinned %v", e.Name, e.Override.Verdict)}
		if e.Ended {
			words = []string{fmt.Sprintf("%s not %v any more, by %s", e.Name, e.Override.Verdict, cmp.Or(e.EndedBy, "its time"))}
		}
	case monitor.NetworkEvent:
		words = []string{"offline"}
		if e.Online {
			words = []string{fmt.Sprintf("online after %v", e.Offline)}
		}
	case monitor.PollEvent:
		words = []string{fmt.Sprintf("%s armed: %v", e.Name, e.Armed)}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, word := range words {
		r.lines = append(r.lines, fmt.Sprintf("%06.3f %s", time.Since(midnight).Seconds(), word))
	}
}

// since are the lines since the last call, in the order of time.
func (r *recorder) since() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	lines := r.lines
	r.lines = nil
	slices.Sort(lines)
	return lines
}

// has is whether something has happened, by the end of its line.
func (r *recorder) has(what string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.lines, func(line string) bool { return strings.Contains(line, what) })
}

// ask is a poll of /metric/site: the value, or the error.
func ask(t *testing.T, m *monitor.Monitor, site string) string {
	t.Helper()
	return inWords(m.Value(t.Context(), site))
}

func inWords(value int, err error) string {
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
	if got := ask(t, m, site); got != want {
		t.Errorf("%s at %v: got %q, want %q", site, time.Since(midnight), got, want)
	}
}

// fake is a site that a test changes as it goes on.
type fake struct {
	mu     sync.Mutex
	takes  time.Duration // each probe; it fails at its deadline if that is sooner
	down   bool
	fault  error
	stuck  bool            // the probe does not heed ctx
	free   chan bool       // ends a stuck one
	starts []time.Duration // of all probes, after midnight
	now    int             // probes under way
	most   int
}

func newFake() *fake { return &fake{free: make(chan bool), takes: 10 * time.Millisecond} }

func (f *fake) probe(ctx context.Context) (probe.Result, error) {
	f.mu.Lock()
	began := time.Now()
	f.starts = append(f.starts, began.Sub(midnight))
	f.now++
	f.most = max(f.most, f.now)
	takes, down, fault, stuck := f.takes, f.down, f.fault, f.stuck
	f.mu.Unlock()
	defer f.set(func(f *fake) { f.now-- })
	late := false
	if stuck {
		<-f.free
	} else {
		select {
		case <-time.After(takes):
		case <-ctx.Done():
			if late = true; ctx.Err() == context.Canceled {
				return probe.Result{}, ctx.Err()
			}
		}
	}
	if fault != nil {
		return probe.Result{}, fault
	}
	result := probe.Result{Up: !down && !late, Status: 200, Began: began, Duration: time.Since(began)}
	if !result.Up {
		result.Reason, result.Detail = probe.ReasonTimeout, "hangs"
	}
	return result, nil
}

func (f *fake) set(change func(*fake)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

// probes are the starts of all probes so far.
func (f *fake) probes() []time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.starts)
}

// bubble runs a test on a monitor of fakes called site-a, site-b, …
func bubble(t *testing.T, interval time.Duration, fakes []*fake, test func(t *testing.T, m *monitor.Monitor, events *recorder)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var sites []*monitor.Site
		for i, f := range fakes {
			f.free = make(chan bool) // of this bubble
			site := newSite('a'+rune(i), f.probe)
			site.Interval = interval
			sites = append(sites, site)
		}
		events := new(recorder)
		watch(t, sites, options(events), func(m *monitor.Monitor) {
			test(t, m, events)
			for _, f := range fakes {
				f.set(func(f *fake) {
					if f.stuck {
						close(f.free)
					}
				})
			}
		})
	})
}

// silent is for tests that want no events.
var silent = monitor.Options{AnswerTimeout: 2 * time.Second}
