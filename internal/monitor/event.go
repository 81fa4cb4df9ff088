package monitor

import "time"

// Event is something that happened: a [SiteEvent], [OverrideEvent], [FailoverEvent],
// [NetworkEvent] or [PollEvent].
type Event interface{ event() }

// SiteEvent says how a probe of a site ended, or that its verdict expired.
type SiteEvent struct {
	*Snapshot          // after the event
	Before    State    // before the event
	Outcome   *Outcome // of the probe; nil if the verdict expired
	Changes   []Change
}

// OverrideEvent says that an override began or ended. It ends when its time is over, when it is
// cleared, or when another one replaces it.
type OverrideEvent struct {
	*Snapshot // after the event
	Override  Override
	Ended     bool
	EndedBy   string // whoever ended it; empty if its time was over
}

// FailoverEvent says that a failover began, that a peer was told of it, or that it ended.
type FailoverEvent struct {
	*Site
	Failover Failover // after the event
	Change   FailoverChange
	Untold   int // how many peers have not been told
}

// FailoverChange is what happened to a failover.
type FailoverChange int

// The changes of a failover.
const (
	FailoverBegan FailoverChange = iota
	FailoverTold                 // the last of [Failover.Told]
	FailoverEnded
)

// NetworkEvent says that the monitor went offline, or is online again.
type NetworkEvent struct {
	Online    bool
	Offline   time.Duration   // how long the monitor was offline; zero when that begins
	Witnesses []WitnessAnswer // as they last answered
}

// PollEvent says that a site's value is not polled any more, or is polled again.
type PollEvent struct {
	*Site
	Poll
}

func (SiteEvent) event()     {}
func (OverrideEvent) event() {}
func (FailoverEvent) event() {}
func (NetworkEvent) event()  {}
func (PollEvent) event()     {}
