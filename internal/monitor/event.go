package monitor

import "time"

// Event is something that happened: a [SiteEvent], [OverrideEvent], [NetworkEvent] or
// [PollEvent].
type Event interface{ event() }

// SiteEvent is how a probe ended, or what the time changed.
type SiteEvent struct {
	*Snapshot          // after it
	Before    State    // and what was known before
	Outcome   *Outcome // how a probe ended; nil when it was the time
	Changes   []Change
}

// OverrideEvent is that an override began, or ended: its time was over, it was cleared, or another took its place.
type OverrideEvent struct {
	*Snapshot // after it
	Override  Override
	Ended     bool
	EndedBy   string // who ended it; empty when its time was over
}

// NetworkEvent is that the monitor went offline, or is online again.
type NetworkEvent struct {
	Online    bool
	Offline   time.Duration   // for how long it was
	Witnesses []WitnessAnswer // as they last answered
}

// PollEvent is that nobody asks for a site's value any more, or somebody does again.
type PollEvent struct {
	*Site
	Poll
}

func (SiteEvent) event()     {}
func (OverrideEvent) event() {}
func (NetworkEvent) event()  {}
func (PollEvent) event()     {}
