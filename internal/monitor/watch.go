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

// held is a verdict in the cache.
type held struct {
	verdict Verdict
	at      time.Time
}

// watch is the loop of one site and what it has learned.
type watch struct {
	Site
	worstCase WorstCaseStatus // follows from the settings, and never changes
	patience  time.Duration   // how long a caller waits for a missing verdict
	verdicts  *lru.Cache[string, held]
	network   *network
	stalls    *stallMeter
	observe   func(Event)
	consumer  consumer
	log       *slog.Logger
	wanted    chan struct{} // on demand: somebody asks

	origin time.Time // a place of the site in the cycle, before its first probe

	mu     sync.Mutex
	flight chan struct{} // closed when the probe under way ends; nil when there is none
	next   time.Time     // when the next probe begins
	due    time.Time     // by when the loop must show life, or else is stuck; zero while it waits to be asked

	story   story
	history []Past      // the last probes, the oldest first
	expiry  *time.Timer // runs expire when the verdict gets too old
}

func newWatch(site Site, o Options, verdicts *lru.Cache[string, held], n *network, stalls *stallMeter) *watch {
	w := &watch{Site: site, worstCase: NewWorstCase(site, n.confirmTime()), patience: o.AnswerTimeout, verdicts: verdicts, network: n, stalls: stalls, observe: o.Observe, log: o.Log.With("site", site.Name), wanted: make(chan struct{}, 1)}
	if w.observe == nil {
		w.observe = func(Event) {}
	}
	if w.Override != Unknown {
		w.log = w.log.With("override", w.Override)
	}
	w.consumer.log = w.log
	if w.onDemand() {
		w.patience = w.Timeout + n.confirmTime() + grace
	}
	return w
}

// prepare puts the first probe under way before anybody can ask: whoever does shall wait for it.
func (w *watch) prepare() {
	w.consumer.start()
	if !w.onDemand() {
		w.mu.Lock()
		defer w.mu.Unlock()
		now := time.Now()
		w.origin, w.next = now.Add(w.Phase-w.Interval), now.Add(w.Delay)
		w.takeOff(w.next)
	}
}

// takeOff opens a flight for callers to join, whose probe begins then. The caller holds the lock.
func (w *watch) takeOff(at time.Time) {
	w.due = at.Add(w.Timeout + w.network.confirmTime() + grace)
	w.flight = make(chan struct{})
}

// loop probes until ctx ends. A probe that this cuts off is thrown away.
func (w *watch) loop(ctx context.Context) {
	defer w.end()
	for w.awaitNext(ctx) {
		w.begin()
		result, err := w.probe(ctx)
		confirmed := err != nil || result.Up || w.network.confirm(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = w.overdue()
		}
		w.record(result, err, confirmed)
	}
}

// awaitNext waits until the next probe is due, or somebody asks for one. It is false when ctx has ended.
func (w *watch) awaitNext(ctx context.Context) bool {
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

// begin notes that a probe begins, and when the next one does.
func (w *watch) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	if w.flight == nil {
		w.takeOff(now)
	}
	w.next = w.after(now)
}

// after is when the next probe begins, after one that begins now: an interval later, or sooner if that
// brings the site back to its place in the cycle. Whatever had many sites probed at one time, such as a
// round of witnesses or a monitor that was stopped for a while, does not keep them in step.
func (w *watch) after(now time.Time) time.Time {
	if w.Phase == 0 {
		return now.Add(w.Interval)
	}
	return now.Add(w.Interval - now.Sub(w.origin)%w.Interval)
}

// land closes the flight, and plans the next. The caller holds the lock.
func (w *watch) land() {
	close(w.flight)
	w.flight, w.due = nil, time.Time{}
	if w.onDemand() {
		return
	}
	now := time.Now()
	if w.story.Streak > 0 {
		w.next = now.Add(w.Retry)
	}
	w.due = now.Add(max(0, w.next.Sub(now)) + grace) // one that is late already begins at once
}

// probe probes once. A failure does not count that came while this process did not get to run for a quarter of the
// probe's time, or more: it may be the monitor's own. What is shorter leaves a site time enough to answer.
func (w *watch) probe(ctx context.Context) (probe.Result, error) {
	before := w.stalls.begin() // first: the process may be stopped anywhere from here on
	timed, cancel := context.WithTimeout(ctx, w.Timeout)
	defer cancel()
	result, err := w.Probe(timed)
	if lost := w.stalls.end() - before; err == nil && !result.Up && lost >= w.Timeout/4 {
		err = fmt.Errorf("the monitor was stopped, or had no CPU, for %v during the probe", lost.Round(10*time.Millisecond))
	}
	return result, err
}

// overdue is an error for a probe that ends when it counts as stuck already: what it found may be as old as that.
func (w *watch) overdue() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if late := time.Since(w.due); late > 0 {
		return fmt.Errorf("the monitor was stopped during the probe, which ended %v after it should have", late.Round(100*time.Millisecond))
	}
	return nil
}

// end wakes those who wait, and leaves nothing that one could wait for.
func (w *watch) end() {
	w.consumer.stop()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.flight == nil {
		w.takeOff(time.Now())
	}
	if w.onDemand() {
		w.verdicts.Remove(w.Name) // the last one is no answer to who asked for a new one
	}
	close(w.flight)
	if w.expiry != nil {
		w.expiry.Stop()
	}
}

// join is a channel that is closed when the probe under way ends; nil while the verdict is known or pinned,
// or no probe is under way. On demand it asks for a probe, unless one is under way already.
func (w *watch) join() <-chan struct{} {
	if _, ok := w.fresh(); ok && !w.onDemand() {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.onDemand() && w.flight == nil {
		w.takeOff(time.Now())
		w.wanted <- struct{}{}
	}
	if w.Override != Unknown { // the probe goes on beside it, and nobody waits for that
		return nil
	}
	return w.flight
}

// verdict is what counts now. The error says why nothing does.
func (w *watch) verdict() (Verdict, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.counting()
}

// counting is the verdict for a caller who holds the lock, and sees the story that belongs to it.
func (w *watch) counting() (Verdict, error) {
	if w.Override != Unknown {
		return w.Override, nil
	}
	if h, ok := w.fresh(); ok {
		return h.verdict, nil
	}
	return Unknown, w.unknown()
}

// heldBack is why the site is told nothing although all its peers are down, with ErrorWhenAllDown: it is down
// itself, or its first probe is still to tell. A prober that is broken does not hold it back. The caller holds the
// lock, and gives what counts.
func (w *watch) heldBack(verdict Verdict, unknown error) error {
	switch {
	case verdict == Down:
		return ErrAllDown
	case unknown != nil && w.story.Verdict == Unknown && w.story.aside == nil:
		return unknown
	}
	return nil
}

// lifetime is how long a verdict counts without a new result: as long as the next probe can take to bring
// one, which witnesses may have to confirm. So a prober that is stuck leads to no answer, and never to a
// stale one.
func (w *watch) lifetime() time.Duration {
	longest := w.Interval
	if !w.onDemand() && max(w.Failure, w.Success) > 1 {
		longest = max(longest, w.Retry)
	}
	return longest + w.Timeout + grace + w.network.confirmTime()
}

// fresh is the verdict in the cache, if it is not too old to count.
func (w *watch) fresh() (held, bool) {
	h, ok := w.verdicts.Peek(w.Name) // not Get: there is room for all, and who was used last does not matter
	return h, ok && time.Since(h.at) <= w.lifetime()
}

// unknown says why there is no verdict. The caller holds the lock.
func (w *watch) unknown() error {
	why := "no probe of it has had a result yet"
	if h, had := w.verdicts.Peek(w.Name); had {
		why = fmt.Sprintf("the last result that counts is %v old, and expired after %v, last known: %v",
			time.Since(h.at).Round(100*time.Millisecond), w.lifetime(), h.verdict)
	}
	if w.story.aside != nil {
		why = w.story.aside.Error() + "; " + why
	}
	return fmt.Errorf("no verdict on %s: %s", w.Name, why)
}

// trouble is what is wrong with the prober itself, nil while it is well. The caller holds the lock.
func (w *watch) trouble() error {
	if err := w.stuck(); err != nil || !isFault(w.story.aside) {
		return err
	}
	return w.story.aside
}

// stuck is an error while the loop does not show life. The caller holds the lock.
func (w *watch) stuck() error {
	late := time.Since(w.due)
	if w.due.IsZero() || late <= 0 {
		return nil
	}
	return fmt.Errorf("its probe loop is stuck, %v late", late.Round(100*time.Millisecond))
}
