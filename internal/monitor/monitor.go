// Package monitor probes every site again and again, makes verdicts of the results, and answers
// from memory how many peers of a site are down.
//
// Each site has a goroutine that owns its [State] and publishes it as a [Snapshot]. Readers use the
// snapshots and take no lock of a site. Nothing here knows HTTP, or how many sites there are.
package monitor

import (
	"context"
	"errors"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// ErrNoSite is the error for a name that no site has.
var ErrNoSite = errors.New("no such site")

// ErrAllDown is the error while every site is down, with [Options.ErrorWhenAllDown].
var ErrAllDown = errors.New(
	"all sites are down, and ALL_DOWN_POLICY=error says not to scale on that")

// errGone is for a caller that has closed its side of the connection, and may still read.
var errGone = errors.New("the request ended before the sites were probed for it")

// Options hold for all sites.
type Options struct {
	// AnswerTimeout is how long a caller of [Monitor.Value] waits for a missing verdict.
	AnswerTimeout time.Duration
	// Host is what this monitor has in common with those of other apps. Nil makes one without
	// witnesses.
	Host *Host
	// ErrorWhenAllDown gives an error in place of a value while every site is down, which would
	// scale all of them up. A site without a verdict of its own gets one, too, while all others are
	// down.
	ErrorWhenAllDown bool
	// Observe, if set, gets every event, from several goroutines. It must not block: the site's
	// loop waits for it, or a poll.
	Observe func(Event)
}

// Monitor watches a fixed set of sites: those of one app. Several monitors share a [Host].
type Monitor struct {
	options  Options
	onDemand bool // some site is probed only when it is asked for
	loops    []*siteLoop
	byName   map[string]*siteLoop
	shared   *shared
}

// shared is what all sites have in common.
type shared struct {
	*Host
	observe func(Event)
	running sync.WaitGroup // all goroutines

	snapshots *lru.Cache[string, *Snapshot] // the newest of each site
	// publishing is held by publishers for reading, and by [Monitor.Overview] for writing: no
	// snapshot is published while it reads all of them.
	publishing sync.RWMutex
}

// New makes a monitor of one site or more of the same app, each with a name of its own.
func New(sites []*Site, o Options) *Monitor {
	snapshots, err := lru.New[string, *Snapshot](len(sites))
	if err != nil {
		panic(err) // no site
	}
	if o.Observe == nil {
		o.Observe = func(Event) {}
	}
	if o.Host == nil {
		o.Host = NewHost(nil)
	}
	m := &Monitor{options: o, byName: make(map[string]*siteLoop)}
	m.shared = &shared{Host: o.Host, observe: o.Observe, snapshots: snapshots}
	for _, site := range sites {
		l := newSiteLoop(site, len(sites)-1, m.shared)
		m.loops, m.byName[l.Name] = append(m.loops, l), l
		m.onDemand = m.onDemand || l.OnDemand()
		m.shared.publish(&Snapshot{Site: l.Site, Lifetime: l.lifetime(m.shared.confirm)})
	}
	return m
}

// Start starts the first probe of every site, and goes on until ctx ends.
func (m *Monitor) Start(ctx context.Context) {
	for _, l := range m.loops {
		l.prepare()
		m.shared.running.Go(func() { l.run(ctx) })
	}
}

// Wait returns when every loop and every probe has ended. The witnesses may still be asked
// ([Host.Wait]).
func (m *Monitor) Wait() { m.shared.running.Wait() }

// App is the app whose sites these are; empty without apps.
func (m *Monitor) App() string { return m.loops[0].App }

// Names lists the sites.
func (m *Monitor) Names() []string {
	var names []string
	for _, l := range m.loops {
		names = append(names, l.Name)
	}
	return names
}

// Value is how many sites other than the named one are down. The error is [ErrNoSite] for a name
// that no site has, [ErrAllDown], or a [NoVerdictError] about another site, or, with
// [Options.ErrorWhenAllDown], about this one.
//
// It answers from memory. Where a verdict is missing it waits for the probe under way, but no
// longer than the answer timeout. Sites with an interval of 0 are probed for this call, which waits
// for them.
func (m *Monitor) Value(ctx context.Context, name string) (int, error) {
	self, ok := m.byName[name]
	if !ok {
		return 0, ErrNoSite
	}
	if value, err := m.value(self); err == nil && !m.onDemand {
		return value, nil
	}
	if !m.await(ctx, self) && m.onDemand { // what is known may be older than this call
		return 0, errGone
	}
	return m.value(self)
}

// Polled records that a site's value was asked for, by which client, and which value it got: 0
// also if it got none. The site must exist.
func (m *Monitor) Polled(name, by string, value int) {
	now := time.Now()
	m.byName[name].polls.record(by, now)
	if value == 0 {
		return
	}
	for _, l := range m.loops {
		if l.Name != name && l.failovers.waiting.Load() {
			l.failovers.tell(name, now)
		}
	}
}

// Restore takes what was known before a restart, by [Site.ID]. It comes before [Monitor.Start].
// What is about other sites is left out.
func (m *Monitor) Restore(overrides map[string]Override, failovers map[string][]Failover) {
	exists := func(site string) bool { return m.byName[site] != nil }
	for _, l := range m.loops {
		l.pinned = overrides[l.ID()]
		l.failovers.restore(failovers[l.ID()], exists)
	}
}

// value counts the peers that are down now.
func (m *Monitor) value(self *siteLoop) (int, error) {
	now, down := time.Now(), 0
	for _, peer := range m.loops {
		if peer == self {
			continue
		}
		switch s := m.shared.snapshot(peer.Name); s.Current(now) {
		case Unknown:
			return 0, &NoVerdictError{s, now}
		case Down:
			down++
		}
	}
	if down == len(m.loops)-1 {
		if err := m.suppressed(m.shared.snapshot(self.Name), now); err != nil {
			return 0, err
		}
	}
	return down, nil
}

// suppressed is why a site gets no value although all its peers are down: with ErrorWhenAllDown, if
// it is down itself, or its first probe has not finished. A broken prober suppresses nothing.
func (m *Monitor) suppressed(self *Snapshot, now time.Time) error {
	if !m.options.ErrorWhenAllDown {
		return nil
	}
	switch self.Current(now) {
	case Down:
		return ErrAllDown
	case Unknown:
		if self.Verdict == Unknown && self.Discarded == nil {
			return &NoVerdictError{self, now}
		}
	}
	return nil
}

// await waits for the probes under way of all peers whose verdict is missing. With ErrorWhenAllDown
// the site's own verdict is needed as well. It returns false if ctx ends first.
func (m *Monitor) await(ctx context.Context, self *siteLoop) bool {
	type wait struct {
		done  <-chan struct{}
		limit time.Duration
	}
	var waits []wait
	for _, l := range m.loops {
		if l == self && !m.options.ErrorWhenAllDown {
			continue
		}
		if done := m.join(ctx, l); done != nil {
			waits = append(waits, wait{done, m.maxWait(l)})
		}
	}
	asked := time.Now()
	for _, w := range waits {
		select {
		case <-w.done:
		case <-time.After(w.limit - time.Since(asked)):
		case <-ctx.Done():
			return false
		}
	}
	return ctx.Err() == nil // or else a probe was not asked for
}

// join gives a channel that is closed when the probe under way ends. It is nil while the verdict is
// known or pinned, or no probe is under way. On demand it asks for a probe if none is under way.
// The first probe of a site does not wait for its place among those of many when a poll wants it.
func (m *Monitor) join(ctx context.Context, l *siteLoop) <-chan struct{} {
	s := m.shared.snapshot(l.Name)
	switch {
	case l.OnDemand():
		request := make(chan (<-chan struct{}), 1)
		select {
		case <-ctx.Done():
		case l.probeRequests <- request:
			done := <-request
			// A poll does not wait for a pinned site, but has it probed all the same.
			if s.Override(time.Now()).Verdict == Unknown {
				return done
			}
		case <-l.ended:
		}
		return nil
	case s.Current(time.Now()) != Unknown:
		return nil
	}
	if s.waiting && !l.firstRequested.Swap(true) {
		l.firstRequest <- m.shared.firstProbe()
	}
	return s.done
}

// maxWait is how long a caller waits for a missing verdict on a site.
func (m *Monitor) maxWait(l *siteLoop) time.Duration {
	if l.OnDemand() {
		return l.ProbeTime(m.shared.confirm)
	}
	return m.options.AnswerTimeout
}

// MaxWait is the longest that [Monitor.Value] can take.
func (m *Monitor) MaxWait() time.Duration {
	var longest time.Duration
	for _, l := range m.loops {
		longest = max(longest, m.maxWait(l))
	}
	return longest
}

// publish makes a snapshot the newest of its site.
func (s *shared) publish(snapshot *Snapshot) {
	s.publishing.RLock()
	defer s.publishing.RUnlock()
	s.snapshots.Add(snapshot.Name, snapshot)
}

// snapshot gives the newest of a site. Every site has one, from [New] on.
func (s *shared) snapshot(name string) *Snapshot {
	// Peek, not Get: the cache has room for all, so the order of use does not matter.
	newest, _ := s.snapshots.Peek(name)
	return newest
}

func (s *shared) lifetime(site *Site) time.Duration { return site.lifetime(s.confirm) }

// probe probes a site once, until ctx ends. A failure does not count if no witness answers. Nor
// does it count if this process was stopped for a quarter of the probe's timeout, or longer: then
// the failure may be the monitor's own. A shorter stop leaves a site time enough to answer. A round
// of the witnesses goes on until run ends, since other probes may have joined it.
func (s *shared) probe(run, ctx context.Context, site *Site) Outcome {
	before := s.stalls.begin() // first: the process may be stopped anywhere from here on
	timed, cancel := context.WithTimeout(ctx, site.Timeout)
	defer cancel()
	result, err := site.Probe(timed)
	switch lost := s.stalls.end() - before; {
	case err != nil, result.Up, ctx.Err() != nil:
	case lost >= site.Timeout/4:
		err = &StallError{lost}
	case !s.witnesses.confirm(run):
		err = new(OfflineError)
	}
	return Outcome{Result: result, Discarded: err}
}
