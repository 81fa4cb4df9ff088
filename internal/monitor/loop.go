package monitor

import (
	"context"
	"slices"
	"time"
)

// siteLoop probes one site. Its goroutine alone owns the state, and publishes a snapshot of it after every
// step.
type siteLoop struct {
	*Site
	shared *shared
	polls  *polls
	asks   chan chan<- (<-chan struct{}) // on demand: who asks gets to know when the probe has ended
	orders chan order                    // overrides to set
	ended  chan struct{}                 // closed when the loop has

	state    State
	pinned   Override
	history  []Past
	origin   time.Time     // a place of the site in the cycle, before its first probe
	next     time.Time     // when the next probe begins if none is under way; zero on demand
	attempts []*attempt    // begun and not counted yet, in the order of their starts
	spare    int           // how many may still begin beside those
	done     chan struct{} // closed when the oldest, or the first that is about to begin, is counted; nil if there is none
	finished chan *attempt
}

// attempt is a probe from its start until it is counted. Results count in the order of the starts, so one that
// has ended waits for those that began before it.
type attempt struct {
	began   time.Time
	due     time.Time // when it must have ended, or else the loop was stalled
	cutOff  context.CancelFunc
	outcome *Outcome
	ended   bool // whether outcome is there
}

func newSiteLoop(site *Site, s *shared) *siteLoop {
	return &siteLoop{
		Site: site, shared: s, polls: newPolls(site, s.observe),
		asks: make(chan chan<- (<-chan struct{})), orders: make(chan order), ended: make(chan struct{}),
		finished: make(chan *attempt),
	}
}

// prepare publishes a first snapshot, before anybody can ask: whoever does waits for the first probe.
func (l *siteLoop) prepare() {
	l.polls.start()
	if !l.OnDemand() {
		now := time.Now()
		l.origin = now.Add(l.Phase - l.Interval)
		l.next = now.Add(l.Delay)
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
			if len(l.attempts) == 0 {
				l.startProbe(ctx)
			}
			answer <- l.done
		case a := <-l.finished:
			if ctx.Err() != nil {
				return
			}
			l.finishProbe(a)
		case o := <-l.orders:
			l.override(o.Override)
			close(o.set)
		case <-ctx.Done():
			return
		}
		now := time.Now()
		if l.pinned.Verdict != Unknown && !l.pinned.holds(now) {
			l.override(Override{})
		}
		if start := l.nextStart(); !start.IsZero() && !now.Before(start) {
			l.startProbe(ctx)
		} else if l.expires() && !now.Before(l.expiry()) {
			l.expire(now)
		}
	}
}

// nextStart is when the next probe begins; zero while none is to. A probe that has not answered for the retry
// interval puts the verdict in doubt: the next one begins beside it.
func (l *siteLoop) nextStart() time.Time {
	switch {
	case len(l.attempts) == 0:
		return l.next
	case l.spare == 0:
		return time.Time{}
	}
	return l.attempts[len(l.attempts)-1].began.Add(l.Retry)
}

// clock fires when a probe is due, the verdict expires, or the override ends.
func (l *siteLoop) clock() <-chan time.Time {
	first := l.nextStart()
	sooner := func(t time.Time) {
		if first.IsZero() || t.Before(first) {
			first = t
		}
	}
	if l.expires() {
		sooner(l.expiry())
	}
	if l.pinned.Verdict != Unknown {
		sooner(l.pinned.Ends)
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

// startProbe begins a probe. Beside it at most as many may begin as are missing to a verdict of down.
func (l *siteLoop) startProbe(ctx context.Context) {
	now := time.Now()
	switch {
	case len(l.attempts) > 0:
		l.spare--
	case l.OnDemand(), l.state.Verdict == Down:
		l.spare = 0
	default:
		l.spare = l.Failure - l.state.Streak - 1
	}
	if l.done == nil {
		l.done = make(chan struct{})
	}
	own, cutOff := context.WithCancel(ctx)
	a := &attempt{began: now, due: now.Add(l.ProbeTime(l.shared.confirm)), cutOff: cutOff}
	l.attempts = append(l.attempts, a)
	l.publish()
	l.shared.running.Go(func() {
		outcome := l.shared.probe(ctx, own, l.Site)
		a.outcome = &outcome
		select {
		case l.finished <- a:
		case <-own.Done():
		}
	})
}

// finishProbe takes the outcome of a probe, and counts all that no older probe is waited for.
func (l *siteLoop) finishProbe(a *attempt) {
	if !slices.Contains(l.attempts, a) {
		return // it has been cut off
	}
	a.ended = true
	a.outcome.Ended = time.Now()
	if late := a.outcome.Ended.Sub(a.due); late > 0 && a.outcome.Discarded == nil {
		a.outcome.Discarded = &LateError{late}
	}
	for len(l.attempts) > 0 && l.attempts[0].ended {
		l.count(l.attempts[0])
	}
	l.publish()
}

// count counts the oldest probe, and wakes those who wait for it. A success cuts the younger ones off: they
// count for nothing.
func (l *siteLoop) count(a *attempt) {
	now, o := time.Now(), a.outcome
	network := l.shared.witnesses.note(l.Name, o)
	before := l.state
	var changes []Change
	l.state, changes = before.Next(*o, now, l.Thresholds)
	l.history = remember(l.history, *o)
	a.cutOff()
	l.attempts = l.attempts[1:]
	if o.Result.Up && o.Discarded == nil {
		l.cutOff()
	}
	if len(l.attempts) == 0 && !l.OnDemand() {
		l.next = l.after(a.began)
	}
	done := l.done
	l.done = nil
	if len(l.attempts) > 0 {
		l.done = make(chan struct{})
	}
	snapshot := l.publish()
	close(done)
	if network != nil {
		l.shared.observe(*network)
	}
	l.shared.observe(SiteEvent{Snapshot: snapshot, Before: before, Outcome: o, Changes: changes})
}

// cutOff ends all probes that are under way.
func (l *siteLoop) cutOff() {
	for _, a := range l.attempts {
		a.cutOff()
	}
	l.attempts = nil
}

// after is when the next probe begins, after one that began then: the retry interval later during a streak, and
// else at the site's next place in the cycle.
func (l *siteLoop) after(began time.Time) time.Time {
	if l.state.Streak > 0 {
		return began.Add(l.Retry)
	}
	return began.Add(l.Interval - began.Sub(l.origin)%l.Interval)
}

// stop wakes those who wait, and leaves nothing that one could wait for.
func (l *siteLoop) stop() {
	l.polls.stop()
	if l.OnDemand() {
		l.state.Counted = time.Time{} // the last result is no answer to who asked for a new one
		l.state.Verdict = Unknown
	}
	l.cutOff()
	l.next = time.Time{}
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
		Site: l.Site, State: l.state, Pinned: l.pinned, Lifetime: l.shared.lifetime(l.Site), History: l.history,
		Probing: l.done != nil, due: l.due(), done: l.done,
	}
	if !s.Probing {
		s.NextProbe = l.next
	}
	l.shared.publish(s)
	return s
}

// due is by when the loop must have done something: counted the probe under way that began first, or begun
// the next; zero if there is nothing to do.
func (l *siteLoop) due() (due time.Time) {
	for _, a := range l.attempts {
		if !a.ended {
			due = a.due
			break
		}
	}
	if start := l.nextStart(); !start.IsZero() {
		if now := time.Now(); start.Before(now) {
			start = now
		}
		if begun := start.Add(grace); due.IsZero() || begun.Before(due) {
			due = begun
		}
	}
	return due
}
