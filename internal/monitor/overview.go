package monitor

import (
	"slices"
	"time"
)

// Overview is what was known of all sites at one moment.
type Overview struct {
	Time         time.Time
	OfflineSince time.Time       // zero while the monitor is online: failures count
	Witnesses    []WitnessAnswer // as they last answered
	Sites        []*Snapshot     // in the order in which the sites were given
	Polls        []Poll          // the last of each site's value, in the same order
	OnDemand     bool            // whether some site is probed only when somebody asks

	monitor *Monitor
	down    []*Snapshot // of the sites
	unknown []*Snapshot
}

// Overview takes a snapshot of everything. It makes no probe, and does not wait for one.
func (m *Monitor) Overview() Overview {
	o := Overview{monitor: m, OnDemand: m.onDemand}
	m.shared.moment.Lock()
	o.Time = time.Now()
	for _, l := range m.loops {
		o.Sites = append(o.Sites, m.shared.snapshot(l.Name))
	}
	o.OfflineSince, o.Witnesses = m.shared.witnesses.describe()
	m.shared.moment.Unlock()
	for i, s := range o.Sites {
		o.Polls = append(o.Polls, m.loops[i].polls.latest())
		switch s.Current(o.Time) {
		case Down:
			o.down = append(o.down, s)
		case Unknown:
			o.unknown = append(o.unknown, s)
		}
	}
	return o
}

// Told is what a site is told, by the rules of [Monitor.Value], and the peers that are why: those that are
// down, or unknown where that is an error.
func (o Overview) Told(self *Snapshot) (value int, because []*Snapshot, err error) {
	but := func(sites []*Snapshot) []*Snapshot {
		if i := slices.Index(sites, self); i >= 0 {
			return slices.Concat(sites[:i], sites[i+1:])
		}
		return sites
	}
	if unknown := but(o.unknown); len(unknown) > 0 {
		return 0, unknown, &NoVerdictError{unknown[0], o.Time}
	}
	down := but(o.down)
	if len(down) == len(o.Sites)-1 {
		err = o.monitor.suppressed(self, o.Time)
	}
	return len(down), down, err
}

// Online is whether failures count: a witness answers, or there is none.
func (o Overview) Online() bool { return o.OfflineSince.IsZero() }

// Live is whether no site's loop is stalled, which a restart can cure.
func (o Overview) Live() bool {
	return !slices.ContainsFunc(o.Sites, func(s *Snapshot) bool { return s.Stalled(o.Time) > 0 })
}
