package monitor

import (
	"context"
	"slices"
	"sync/atomic"
	"time"
)

// siteLoop probes one site. Only its goroutine touches the state, and it publishes a snapshot after
// every step.
//
// While a site may be down, probes of it overlap, so that several failures are confirmed within
// one timeout. Take a failure threshold of 3 and a retry interval of 1 s, and a site that is up and
// stops answering: probes start at 0 s, 1 s and 2 s, and each has its whole timeout, 3 s. They fail
// at 3 s, 4 s and 5 s, and then the site is down. One after the other they would take 9 s.
//
//   - A probe that has not ended when the retry interval is over gets a second one beside it, then
//     a third, as many as failures are missing to the threshold when the first one starts.
//   - Results count in the order in which their probes started, as if the probes had not
//     overlapped. A result that comes early waits for the older ones.
//   - A success answers the question. Younger probes are cut off, and count for nothing.
//   - A site that is down already, or is probed on demand, has one probe at a time.
type siteLoop struct {
	*Site
	shared           *shared
	polls            *polls
	failovers        *failovers
	probeRequests    chan chan<- (<-chan struct{}) // on demand: each is sent the done of its probe
	overrideRequests chan overrideRequest
	firstRequest     chan time.Time // a poll waits for the first probe, which may start then
	firstRequested   atomic.Bool
	ended            chan struct{} // closed when the loop has ended

	state    State
	pinned   Override
	history  []Past
	origin   time.Time  // the begin of a cycle of the site, before its first probe
	next     time.Time  // when the next probe starts if none is under way; zero on demand
	attempts []*attempt // started and not counted yet, the oldest first
	allowed  int        // how many more probes may start beside those
	// done is closed when the oldest attempt is counted. It is there before the first probe starts;
	// later it is nil while no probe is under way.
	done     chan struct{}
	finished chan *attempt
}

// attempt is a probe from its start until it is counted.
type attempt struct {
	began   time.Time
	due     time.Time // when it must have ended; if it has not, the loop is stalled
	cutOff  context.CancelFunc
	outcome *Outcome
	ended   bool // outcome is set
}

func newSiteLoop(site *Site, peers int, s *shared) *siteLoop {
	return &siteLoop{
		Site: site, shared: s, polls: newPolls(site, s.observe),
		failovers:        newFailovers(site, peers, s.observe),
		probeRequests:    make(chan chan<- (<-chan struct{})),
		overrideRequests: make(chan overrideRequest),
		firstRequest:     make(chan time.Time, 1),
		ended:            make(chan struct{}),
		finished:         make(chan *attempt),
	}
}

// prepare publishes a first snapshot before anyone can poll: polls then wait for the first probe.
func (l *siteLoop) prepare() {
	l.polls.start()
	now := time.Now()
	if !l.OnDemand() {
		l.origin = now.Add(l.Phase - l.Interval)
		l.next = now.Add(l.Delay)
		l.done = make(chan struct{})
	}
	_, failover := l.publishVerdict(now)
	l.observe(failover)
}

// run probes until ctx ends. Probes that are under way then are cut off and discarded.
func (l *siteLoop) run(ctx context.Context) {
	defer l.stop()
	for {
		select {
		case <-l.timer():
		case request := <-l.probeRequests:
			if len(l.attempts) == 0 {
				l.startProbe(ctx)
			}
			request <- l.done
		case at := <-l.firstRequest:
			if l.isWaiting() && at.Before(l.next) {
				l.next = at
			}
		case a := <-l.finished:
			if ctx.Err() != nil {
				return
			}
			l.finishProbe(a)
		case r := <-l.overrideRequests:
			l.override(r.Override)
			close(r.done)
		case <-ctx.Done():
			return
		}
		now := time.Now()
		if l.pinned.Verdict != Unknown && !l.pinned.holds(now) {
			l.override(Override{})
		}
		l.expireIfDue(now)
		if start := l.nextStart(); !start.IsZero() && !now.Before(start) {
			l.startProbe(ctx)
		}
	}
}

// isWaiting is whether the first probe has not started yet, and is not made on demand.
func (l *siteLoop) isWaiting() bool { return l.done != nil && len(l.attempts) == 0 }

// nextStart is when the next probe starts; zero if none may. While a probe is under way the next
// one starts beside it, a retry interval after the youngest (see [siteLoop]).
func (l *siteLoop) nextStart() time.Time {
	switch {
	case len(l.attempts) == 0:
		return l.next
	case l.allowed == 0:
		return time.Time{}
	}
	return l.attempts[len(l.attempts)-1].began.Add(l.Retry)
}

// timer fires when a probe is due, the verdict expires, or the override ends.
func (l *siteLoop) timer() <-chan time.Time {
	first := l.nextStart()
	orAt := func(t time.Time) {
		if first.IsZero() || t.Before(first) {
			first = t
		}
	}
	if l.expires() {
		orAt(l.expiry())
	}
	if l.pinned.Verdict != Unknown {
		orAt(l.pinned.Ends)
	}
	if first.IsZero() {
		return nil
	}
	return time.After(time.Until(first))
}

// expires is whether there is a verdict that can expire. On demand there is none between the polls.
func (l *siteLoop) expires() bool {
	return !l.OnDemand() && l.state.Verdict != Unknown && l.state.Expired.IsZero()
}

// expiry is the first moment at which the verdict does not count any more.
func (l *siteLoop) expiry() time.Time { return l.state.Counted.Add(l.shared.lifetime(l.Site) + 1) }

// expireIfDue marks a verdict that has become too old, before anything else is made of it.
func (l *siteLoop) expireIfDue(now time.Time) {
	if !l.expires() || now.Before(l.expiry()) {
		return
	}
	before := l.state
	l.state.Expired = now
	l.shared.observe(SiteEvent{Snapshot: l.publish(), Before: before, Changes: []Change{VerdictAged}})
}

// startProbe starts a probe. If it is the only one under way, it also decides how many may start
// beside it: as many as failures are missing to a verdict of down, apart from its own.
func (l *siteLoop) startProbe(ctx context.Context) {
	now := time.Now()
	switch {
	case len(l.attempts) > 0:
		l.allowed--
	case l.OnDemand(), l.state.Verdict == Down:
		l.allowed = 0
	default:
		l.allowed = l.Failure - l.state.Streak - 1
	}
	if l.done == nil {
		l.done = make(chan struct{})
	}
	attemptCtx, cutOff := context.WithCancel(ctx)
	a := &attempt{began: now, due: now.Add(l.ProbeTime(l.shared.confirm)), cutOff: cutOff}
	l.attempts = append(l.attempts, a)
	l.publish()
	l.shared.running.Go(func() {
		outcome := l.shared.probe(ctx, attemptCtx, l.Site)
		a.outcome = &outcome
		select {
		case l.finished <- a:
		case <-attemptCtx.Done():
		}
	})
}

// finishProbe takes the outcome of a probe. It counts the attempts that have ended, from the oldest
// to the first that is still under way.
func (l *siteLoop) finishProbe(a *attempt) {
	if !slices.Contains(l.attempts, a) {
		return // it was cut off
	}
	a.ended = true
	a.outcome.Ended = time.Now()
	l.expireIfDue(a.outcome.Ended)
	if late := a.outcome.Ended.Sub(a.due); late > 0 && a.outcome.Discarded == nil {
		a.outcome.Discarded = &LateError{late}
	}
	if !l.attempts[0].ended {
		l.publish() // the loop has acted; the outcome waits for an older one
	}
	for len(l.attempts) > 0 && l.attempts[0].ended {
		l.count(l.attempts[0])
	}
}

// count counts the oldest attempt and wakes whoever waits for it. A success cuts off the younger
// attempts.
func (l *siteLoop) count(a *attempt) {
	now, o := time.Now(), a.outcome
	network := l.shared.witnesses.record(l.ID(), o)
	before := l.state
	var changes []Change
	l.state, changes = before.Next(*o, now, l.Thresholds)
	if before.Verdict == Unknown && l.state.Verdict == Down {
		// The outage may be older than the monitor: then it did not begin with the restart.
		if since := l.failovers.since(); !since.IsZero() {
			l.state.Since = since
		}
	}
	l.history = remember(l.history, *o)
	a.cutOff() // frees the context
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
	snapshot, failover := l.publishVerdict(now)
	close(done)
	if network != nil {
		l.shared.observe(*network)
	}
	l.shared.observe(SiteEvent{Snapshot: snapshot, Before: before, Outcome: o, Changes: changes})
	l.observe(failover)
}

func (l *siteLoop) observe(events []Event) {
	for _, e := range events {
		l.shared.observe(e)
	}
}

// cutOff ends all probes that are under way, uncounted.
func (l *siteLoop) cutOff() {
	for _, a := range l.attempts {
		a.cutOff()
	}
	l.attempts = nil
}

// after is when the next probe starts, after one that began at that time: a retry interval later
// during a streak, otherwise at the site's next place in the cycle.
func (l *siteLoop) after(began time.Time) time.Time {
	if l.state.Streak > 0 {
		return began.Add(l.Retry)
	}
	return began.Add(l.Interval - began.Sub(l.origin)%l.Interval)
}

// stop wakes whoever waits, and publishes a last snapshot that makes no one wait.
func (l *siteLoop) stop() {
	l.polls.stop()
	if l.OnDemand() {
		// The last result is no answer to a poll that asked for a new probe.
		l.state.Counted = time.Time{}
		l.state.Verdict, l.state.Streak = Unknown, 0
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

// publish makes a snapshot of what is known now, for all readers.
func (l *siteLoop) publish() *Snapshot {
	s := l.snapshot()
	l.shared.publish(s)
	return s
}

// publishVerdict is publish where the verdict that counts may have changed. It gives the events of
// a failover that this begins or ends: a poll that gets the new verdict finds the failover.
func (l *siteLoop) publishVerdict(now time.Time) (*Snapshot, []Event) {
	s := l.snapshot()
	events := l.failovers.follow(s, now)
	l.shared.publish(s)
	return s, events
}

func (l *siteLoop) snapshot() *Snapshot {
	s := &Snapshot{
		Site: l.Site, State: l.state, Pinned: l.pinned, Lifetime: l.shared.lifetime(l.Site),
		History: lastOf(l.history),
		Probing: l.done != nil, due: l.due(), done: l.done, waiting: l.isWaiting(),
	}
	if !s.Probing {
		s.NextProbe = l.next
	}
	return s
}

// due is when the loop must have acted at the latest: counted the oldest probe that is under way,
// or started the next. It is zero if nothing is to be done.
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
