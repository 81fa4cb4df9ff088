package monitor

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"failover-monitor/internal/probe"
)

// Site is a site to watch.
type Site struct {
	Name string
	// Probe asks the site once. An error means that nothing was learned about the site.
	Probe func(context.Context) (probe.Result, error)
	// Interval is from the start of one probe to the start of the next. With 0 the site is probed
	// only when, and whenever, somebody asks.
	Interval time.Duration
	// Timeout is what a probe takes at most.
	Timeout time.Duration
	Thresholds
}

// onDemand is whether the site is probed only when somebody asks.
func (s Site) onDemand() bool { return s.Interval == 0 }

// Lifetime is how long a verdict counts without a new result: as long as the next probe can take to
// bring one. So a prober that is stuck leads to no answer, and never to a stale one.
func (s Site) Lifetime() time.Duration { return s.Interval + s.Timeout + grace }

// WorstCase is the longest from a site's death to its verdict, if one failing probe takes that long:
// nearly nothing when the connection is refused, Timeout when the site hangs.
func (s Site) WorstCase(failing time.Duration) time.Duration { return s.Interval + failing }

// held is a verdict in the cache.
type held struct {
	verdict Verdict
	at      time.Time
}

// watch is the loop of one site and what it has learned.
type watch struct {
	Site
	patience time.Duration // how long a caller waits for a missing verdict
	verdicts *lru.Cache[string, held]
	log      *slog.Logger
	wanted   chan struct{} // on demand: somebody asks

	mu     sync.Mutex
	state  State
	flight chan struct{} // closed when the probe under way ends; nil when there is none
	next   time.Time     // when the next probe begins
	due    time.Time     // when the loop is stuck, unless it shows life before; zero while it waits to be asked
	fault  error         // why the last probe taught nothing; nil if it did

	expiry  *time.Timer // runs expire when the verdict gets too old
	expired bool        // whether it did
}

func newWatch(site Site, answerTimeout time.Duration, verdicts *lru.Cache[string, held], log *slog.Logger) *watch {
	w := &watch{Site: site, patience: answerTimeout, verdicts: verdicts, log: log.With("site", site.Name), wanted: make(chan struct{}, 1)}
	if w.onDemand() {
		w.patience = w.Timeout + grace
	}
	return w
}

// prepare puts the first probe under way before anybody can ask: whoever does shall wait for it.
func (w *watch) prepare() {
	if !w.onDemand() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.takeOff()
	}
}

// takeOff opens a flight for callers to join. The caller holds the lock.
func (w *watch) takeOff() {
	now := time.Now()
	w.next, w.due = now, now.Add(w.Timeout+grace)
	w.flight = make(chan struct{})
}

// loop probes until ctx ends. A probe that this cuts off is thrown away.
func (w *watch) loop(ctx context.Context) {
	defer w.end()
	for w.turn(ctx) {
		w.begin()
		result, err := w.Probe(ctx)
		if ctx.Err() != nil {
			return
		}
		w.record(result, err)
	}
}

// turn waits until the next probe is due, or somebody asks for one. It is false when ctx has ended.
func (w *watch) turn(ctx context.Context) bool {
	var clock <-chan time.Time
	if !w.onDemand() {
		clock = time.After(time.Until(w.next))
	}
	select {
	case <-clock:
	case <-w.wanted:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}

// begin notes that a probe begins, and when the next one may.
func (w *watch) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.flight == nil {
		w.takeOff()
	}
	w.next = time.Now().Add(w.Interval)
}

// end wakes those who wait, and leaves nothing that one could wait for.
func (w *watch) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.flight == nil {
		w.takeOff()
	}
	close(w.flight)
	if w.expiry != nil {
		w.expiry.Stop()
	}
}

// record makes a verdict of a result, and wakes those who wait for it. Only then it tells the log:
// a reader of that who hangs must not hold up an answer.
func (w *watch) record(result probe.Result, err error) {
	w.mu.Lock()
	before, faultBefore, expiredBefore := w.state, w.fault, w.expired
	w.fault = err
	if err == nil {
		w.state = before.Step(result.Up, w.Thresholds)
		w.keep(w.state.Verdict)
	}
	after := w.state
	w.land()
	w.mu.Unlock()

	switch {
	case err != nil && faultBefore == nil:
		w.log.Warn("probe without a result", "error", err)
	case err == nil && faultBefore != nil:
		w.log.Info("probes have results again")
	}
	if err != nil {
		return
	}
	w.log.Debug("probe", append([]any{"up", result.Up}, found(result)...)...)
	if expiredBefore {
		w.log.Info("verdict known again", "verdict", after.Verdict)
	}
	if after.Verdict != before.Verdict {
		w.log.Info("site is "+after.Verdict.String(), append([]any{"from", before.Verdict, "to", after.Verdict, "probes", before.Streak + 1}, found(result)...)...)
	}
}

// keep puts a verdict into the cache, for its lifetime. The caller holds the lock.
func (w *watch) keep(verdict Verdict) {
	w.verdicts.Add(w.Name, held{verdict, time.Now()})
	w.expired = false
	switch {
	case w.onDemand(): // nobody expects a verdict to be there
	case w.expiry == nil:
		w.expiry = time.AfterFunc(w.Lifetime()+1, w.expire)
	default:
		w.expiry.Reset(w.Lifetime() + 1)
	}
}

// expire tells the log that the verdict does not count any more.
func (w *watch) expire() {
	if _, ok := w.fresh(); ok { // a new one has just come
		return
	}
	w.mu.Lock()
	w.expired = true
	w.mu.Unlock()
	w.log.Warn("verdict expired", "error", w.unknown())
}

// land closes the flight. A next probe that is late already begins at once. The caller holds the lock.
func (w *watch) land() {
	close(w.flight)
	w.flight, w.due = nil, time.Time{}
	if !w.onDemand() {
		w.due = time.Now().Add(max(0, time.Until(w.next)) + grace)
	}
}

// found is what the log says of a result.
func found(r probe.Result) []any {
	took := r.Duration.Round(time.Microsecond)
	if r.Up {
		return []any{"status", r.Status, "address", r.Address, "took", took}
	}
	return []any{"reason", r.Reason, "detail", r.Detail, "address", r.Address, "took", took}
}

// join is a channel that is closed when the probe under way ends; nil while the verdict is known, or
// no probe is under way. On demand it asks for a probe, unless one is under way already.
func (w *watch) join() <-chan struct{} {
	if _, ok := w.fresh(); ok && !w.onDemand() {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.onDemand() && w.flight == nil {
		w.takeOff()
		w.wanted <- struct{}{}
	}
	return w.flight
}

// verdict is what counts now. The error is an [*UnknownError].
func (w *watch) verdict() (Verdict, error) {
	if h, ok := w.fresh(); ok {
		return h.verdict, nil
	}
	return Unknown, w.unknown()
}

// fresh is the verdict in the cache, if it is not too old to count.
func (w *watch) fresh() (held, bool) {
	h, ok := w.verdicts.Get(w.Name)
	return h, ok && time.Since(h.at) <= w.Lifetime()
}

// unknown says why there is no verdict.
func (w *watch) unknown() *UnknownError {
	w.mu.Lock()
	fault := w.fault
	w.mu.Unlock()
	why := "no probe of it has had a result yet"
	if h, had := w.verdicts.Peek(w.Name); had {
		why = fmt.Sprintf("its last result is %v old, and expired after %v; last known: %v",
			time.Since(h.at).Round(100*time.Millisecond), w.Lifetime(), h.verdict)
	}
	if fault != nil {
		why += "; " + fault.Error()
	}
	return &UnknownError{w.Name, why}
}

// late is how long ago the loop should have shown life; 0 or less while it is well.
func (w *watch) late() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.due.IsZero() {
		return 0
	}
	return time.Since(w.due)
}
