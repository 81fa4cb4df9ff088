package monitor

import (
	"context"
	"errors"
	"time"
)

// MaxOverride is the longest that an override may last. Whoever needs more sets the site's
// OVERRIDE, which every reader of the settings sees.
const MaxOverride = 72 * time.Hour

// ErrStopped is the error for an override that comes after the monitor has stopped.
var ErrStopped = errors.New("the monitor has stopped")

// Override pins a site's verdict, whatever its probes find.
type Override struct {
	Verdict Verdict // Unknown: there is no override
	// Began, like all fields below, is zero for an override of the settings, which lasts until the
	// next start.
	Began  time.Time
	Ends   time.Time
	Reason string
	By     string // the user who set it
	ForAll bool   // it was set for this site of every app
}

// holds is whether the override is in force. It ends by the wall clock, as its user expects.
func (o Override) holds(now time.Time) bool {
	return o.Verdict != Unknown && now.Round(0).Before(o.Ends)
}

// SetOverride pins a site's verdict until the override ends, and replaces an earlier one; the
// verdict Unknown clears it. When it returns, every reader gets the new verdict. The error is
// [ErrNoSite], [ErrStopped] or that of ctx.
func (m *Monitor) SetOverride(ctx context.Context, name string, o Override) error {
	l, ok := m.byName[name]
	if !ok {
		return ErrNoSite
	}
	o.Ends = o.Ends.Round(0) // without the reading of the monotonic clock
	done := make(chan struct{})
	select {
	case l.overrideRequests <- overrideRequest{o, done}:
		<-done
		return nil
	case <-l.ended:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
}

// overrideRequest asks a loop to set an override.
type overrideRequest struct {
	Override
	done chan<- struct{} // closed when it is set
}

// override sets or clears one, and reports which one ends and which one begins.
func (l *siteLoop) override(o Override) {
	before := l.pinned
	l.pinned = o
	snapshot, failover := l.publishVerdict(time.Now())
	if before.Verdict != Unknown {
		l.shared.observe(OverrideEvent{Snapshot: snapshot, Override: before, Ended: true, EndedBy: o.By})
	}
	if o.Verdict != Unknown {
		l.shared.observe(OverrideEvent{Snapshot: snapshot, Override: o})
	}
	l.observe(failover)
}
