package monitor

import (
	"context"
	"time"
)

// siteLoop probes one site. Its goroutine alone owns the state, and publishes a snapshot of it after every
// step.
type siteLoop struct {
	*Site
	shared *shared
	polls  *polls
	asks   chan chan<- (<-chan struct{}) // on demand: who asks gets to know when the probe has ended
	ended  chan struct{}                 // closed when the loop has

	state    State
	history  []Past
	origin   time.Time     // a place of the site in the cycle, before its first probe
	next     time.Time     // when the next probe begins; zero on demand
	due      time.Time     // see [Snapshot]
	probing  bool          // whether a probe is under way
	done     chan struct{} // closed when it, or the first one that is about to begin, has ended; nil if there is none
	finished chan Outcome  // of the probe under way
}

func newSiteLoop(site *Site, s *shared) *siteLoop {
	return &siteLoop{
		Site: site, shared: s, polls: newPolls(site, s.observe),
		asks: make(chan chan<- (<-chan struct{})), ended: make(chan struct{}), finished: make(chan Outcome, 1),
	}
}

// prepare publishes a first snapshot, before anybody can ask: whoever does waits for the first probe.
func (l *siteLoop) prepare() {
	l.polls.start()
	if !l.OnDemand() {
		now := time.Now()
		l.origin = now.Add(l.Phase - l.Interval)
		l.plan(now.Add(l.Delay))
		l.done = make(chan struct{})
	}
	l.publish()
}

// run probes until ctx ends. A probe that this cuts off is thrown away.
func (l *siteLoop) run(ctx context.Context) {
	defer l.stop()
	for {
		select {
		case <-l.clock():
		case answer := <-l.asks:
			if !l.probing {
				l.startProbe(ctx)
			}
			answer <- l.done
		case outcome := <-l.finished:
			if ctx.Err() != nil {
				return
			}
			l.finishProbe(outcome)
		case <-ctx.Done():
			return
		}
		if now := time.Now(); !l.probing && !l.OnDemand() && !now.Before(l.next) {
			l.startProbe(ctx)
		} else if l.expires() && !now.Before(l.expiry()) {
			l.expire(now)
		}
	}
}

// clock fires when a probe is due, or the verdict expires.
func (l *siteLoop) clock() <-chan time.Time {
	var first time.Time
	if !l.probing && !l.OnDemand() {
		first = l.next
	}
	if l.expires() && (first.IsZero() || l.expiry().Before(first)) {
		first = l.expiry()
	}
	if first.IsZero() {
		return nil
	}
	return time.After(time.Until(first))
}

// expires is whether there is a verdict that is still to expire. On demand nobody expects one to be there.
func (l *siteLoop) expires() bool {
	return !l.OnDemand() && l.state.Verdict != Unknown && l.state.Expired.IsZero()
}

// expiry is the first moment at which the verdict does not count any more.
func (l *siteLoop) expiry() time.Time { return l.state.Counted.Add(l.shared.lifetime(l.Site) + 1) }

func (l *siteLoop) expire(now time.Time) {
	before := l.state
	l.state.Expired = now
	l.shared.observe(SiteEvent{Snapshot: l.publish(), Before: before, Changes: []Change{VerdictAged}})
}

// startProbe begins a probe.
func (l *siteLoop) startProbe(ctx context.Context) {
	now := time.Now()
	if l.done == nil {
		l.done = make(chan struct{})
	}
	l.probing = true
	l.due = now.Add(l.ProbeTime(l.shared.confirm))
	l.next = l.after(now)
	l.publish()
	l.shared.running.Go(func() { l.finished <- l.shared.probe(ctx, l.Site) })
}

// after is when the next probe begins, after one that begins now: at the site's next place in the cycle.
func (l *siteLoop) after(now time.Time) time.Time {
	if l.OnDemand() {
		return time.Time{}
	}
	return now.Add(l.Interval - now.Sub(l.origin)%l.Interval)
}

// finishProbe counts an outcome, and wakes those who wait for it.
func (l *siteLoop) finishProbe(o Outcome) {
	now := time.Now()
	if late := now.Sub(l.due); late > 0 && o.Discarded == nil {
		o.Discarded = &LateError{late}
	}
	network := l.shared.witnesses.note(l.Name, &o)
	before := l.state
	var changes []Change
	l.state, changes = before.Next(o, now, l.Thresholds)
	l.history = remember(l.history, o)
	l.probing, l.due = false, time.Time{}
	if !l.OnDemand() {
		if l.state.Streak > 0 {
			l.next = now.Add(l.Retry)
		}
		l.plan(l.next)
	}
	done := l.done
	l.done = nil
	snapshot := l.publish()
	close(done)
	if network != nil {
		l.shared.observe(*network)
	}
	l.shared.observe(SiteEvent{Snapshot: snapshot, Before: before, Outcome: &o, Changes: changes})
}

// plan has the next probe begin then, or at once if that is past.
func (l *siteLoop) plan(next time.Time) {
	l.next = next
	begins := next
	if now := time.Now(); begins.Before(now) {
		begins = now
	}
	l.due = begins.Add(grace)
}

// stop wakes those who wait, and leaves nothing that one could wait for.
func (l *siteLoop) stop() {
	l.polls.stop()
	if l.OnDemand() {
		l.state.Counted = time.Time{} // the last result is no answer to who asked for a new one
		l.state.Verdict = Unknown
	}
	l.probing, l.due = false, time.Time{}
	done := l.done
	l.done = nil
	l.publish()
	if done != nil {
		close(done)
	}
	close(l.ended)
}

// publish makes what is known now visible to all.
func (l *siteLoop) publish() *Snapshot {
	s := &Snapshot{
		Site: l.Site, State: l.state, Lifetime: l.shared.lifetime(l.Site), History: l.history,
		Probing: l.done != nil, due: l.due, done: l.done,
	}
	if !s.Probing {
		s.NextProbe = l.next
	}
	l.shared.publish(s)
	return s
}
