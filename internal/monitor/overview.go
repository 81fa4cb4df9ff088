package monitor

import (
	"slices"
	"time"
)

// Overview is what was known of all sites of an app at one moment.
type Overview struct {
	App          string // empty without apps
	Time         time.Time
	OfflineSince time.Time       // zero while the monitor is online
	Witnesses    []WitnessAnswer // as they last answered
	Sites        []*Snapshot     // in the order in which the sites were given
	Polls        []Poll          // the last poll of each site's value, in the same order
	Failovers    [][]Failover    // of each site, the oldest first, in the same order
	OnDemand     bool            // some site is probed only when it is asked for

	monitor *Monitor
	down    []*Snapshot // of Sites
	unknown []*Snapshot
}

// Overview takes a snapshot of everything. It makes no probe, and does not wait for one.
func (m *Monitor) Overview() Overview {
	o := Overview{App: m.App(), monitor: m, OnDemand: m.onDemand}
	m.shared.publishing.Lock()
	o.Time = time.Now()
	for _, l := range m.loops {
		o.Sites = append(o.Sites, m.shared.snapshot(l.Name))
	}
	o.OfflineSince, o.Witnesses = m.shared.witnesses.describe()
	m.shared.publishing.Unlock()
	for i, s := range o.Sites {
		o.Polls = append(o.Polls, m.loops[i].polls.latest())
		o.Failovers = append(o.Failovers, m.loops[i].failovers.latest())
		switch s.Current(o.Time) {
		case Down:
			o.down = append(o.down, s)
		case Unknown:
			o.unknown = append(o.unknown, s)
		}
	}
	return o
}

// Overviews takes a snapshot of several monitors, one after the other.
func Overviews(monitors []*Monitor) []Overview {
	var all []Overview
	for _, m := range monitors {
		all = append(all, m.Overview())
	}
	return all
}

// Live is whether a restart would only do harm: all loops of some app run. One that is stalled in
// another app is for a person to look into, since a restart takes the answers from all apps.
func Live(overviews []Overview) bool {
	return slices.ContainsFunc(overviews, Overview.Live)
}

// Told is what a site's KEDA is told, by the rules of [Monitor.Value], and the peers that are the
// reason: those that are down, or those that are unknown if that makes it an error.
func (o Overview) Told(self *Snapshot) (value int, because []*Snapshot, err error) {
	peersIn := func(sites []*Snapshot) []*Snapshot {
		if i := slices.Index(sites, self); i >= 0 {
			return slices.Concat(sites[:i], sites[i+1:])
		}
		return sites
	}
	if unknown := peersIn(o.unknown); len(unknown) > 0 {
		return 0, unknown, &NoVerdictError{unknown[0], o.Time}
	}
	down := peersIn(o.down)
	if len(down) == len(o.Sites)-1 {
		err = o.monitor.suppressed(self, o.Time)
	}
	return len(down), down, err
}

// Online is whether failures count: a witness answers, or no witness is set.
func (o Overview) Online() bool { return o.OfflineSince.IsZero() }

// Live is whether all loops run. A restart cures one that is stalled.
func (o Overview) Live() bool {
	return !slices.ContainsFunc(o.Sites, func(s *Snapshot) bool { return s.Stalled(o.Time) > 0 })
}
