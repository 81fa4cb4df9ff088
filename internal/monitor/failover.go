package monitor

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// failoversKept is how many failovers of each site are kept, the newest.
const failoversKept = 20

// Failover is an outage of a site, from its first failed probe to its end, and when each peer was
// told of it: the moments that only the monitor knows.
type Failover struct {
	Failed time.Time // when the first failed probe started; zero in a drill
	Down   time.Time // when the verdict, or an override, was down
	Told   []Told    // the peers that have been told, in that order
	Ended  time.Time // when the site was up again; zero while it is not
	Drill  bool      // an override called the site down, not its probes
}

// Told is the first poll of a peer that got a value in which an outage counts.
type Told struct {
	Peer string
	At   time.Time
}

// Open is whether the site is still down.
func (f Failover) Open() bool { return !f.Down.IsZero() && f.Ended.IsZero() }

// told is whether a peer has been told.
func (f Failover) told(peer string) bool {
	return slices.ContainsFunc(f.Told, func(t Told) bool { return t.Peer == peer })
}

// failovers are those of one site. Its loop begins and ends them; polls of its peers note when a
// peer was told.
type failovers struct {
	site    *Site
	peers   int // how many there are
	observe func(Event)
	// waiting is whether a peer is still to be told. A poll that has nothing to note only reads it.
	waiting atomic.Bool

	mu   sync.Mutex
	list []Failover // the oldest first; replaced as a whole, so that readers may keep it
}

func newFailovers(site *Site, peers int, observe func(Event)) *failovers {
	return &failovers{site: site, peers: peers, observe: observe}
}

// restore takes the failovers from before a restart. Peers that are gone were told in vain.
func (f *failovers) restore(list []Failover, exists func(peer string) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	list = slices.Clone(list)
	for i := range list {
		list[i].Told = slices.DeleteFunc(slices.Clone(list[i].Told), func(t Told) bool {
			return t.Peer == f.site.Name || !exists(t.Peer)
		})
	}
	f.set(list)
}

// set keeps the newest of a list. The caller holds mu.
func (f *failovers) set(list []Failover) {
	f.list = list[max(0, len(list)-failoversKept):]
	open := f.open()
	f.waiting.Store(open.Open() && len(open.Told) < f.peers)
}

// update replaces the open failover. The caller holds mu.
func (f *failovers) update(open Failover) {
	f.set(append(slices.Clone(f.list[:len(f.list)-1]), open))
}

// open is the last failover, if it has not ended; else one that is not open. The caller holds mu.
func (f *failovers) open() Failover {
	if n := len(f.list); n > 0 && f.list[n-1].Open() {
		return f.list[n-1]
	}
	return Failover{}
}

// latest gives the failovers so far, the oldest first.
func (f *failovers) latest() []Failover {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.list
}

// since is when the outage began that is still on, and no drill; zero without one.
func (f *failovers) since() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	if open := f.open(); !open.Drill {
		return open.Down
	}
	return time.Time{}
}

// follow begins or ends a failover when the verdict that counts has changed, before anyone can read
// the snapshot, and gives the events. While there is no verdict an outage goes on.
func (f *failovers) follow(s *Snapshot, now time.Time) (events []Event) {
	verdict, pinned := s.Current(now), s.Override(now).Verdict != Unknown
	f.mu.Lock()
	defer f.mu.Unlock()
	open := f.open()
	if open.Open() && (verdict == Up || verdict == Down && open.Drill && !pinned) {
		open.Ended = now
		f.update(open)
		events = append(events, f.event(open, FailoverEnded))
	}
	if verdict == Down && !f.open().Open() {
		begun := Failover{Down: now, Drill: pinned}
		// A verdict that is older was hidden by an override: then the site was not down since.
		if !pinned && s.State.Since.Equal(now) {
			begun.Failed = s.Doubted
		}
		f.set(append(slices.Clip(f.list), begun))
		events = append(events, f.event(begun, FailoverBegan))
	}
	return events
}

func (f *failovers) event(failover Failover, change FailoverChange) FailoverEvent {
	return FailoverEvent{
		Site: f.site, Failover: failover, Change: change, Untold: f.peers - len(failover.Told),
	}
}

// tell notes that a peer's poll got a value in which the outage counts, unless it has before.
func (f *failovers) tell(peer string, at time.Time) {
	f.mu.Lock()
	open := f.open()
	if !open.Open() || open.told(peer) {
		f.mu.Unlock()
		return
	}
	open.Told = append(slices.Clip(open.Told), Told{peer, at})
	f.update(open)
	f.mu.Unlock()
	f.observe(f.event(open, FailoverTold))
}
