package monitor

import (
	"context"
	"errors"
	"time"
)

// MaxOverride is the longest that an override may last. Who needs more sets the site's OVERRIDE, which every
// reader of the settings sees.
const MaxOverride = 72 * time.Hour

// ErrStopped is the error for an order to a monitor that has stopped.
var ErrStopped = errors.New("the monitor has stopped")

// Override pins a site's verdict, whatever its probes say.
type Override struct {
	Verdict Verdict   // Unknown: there is no override
	Began   time.Time // zero, as all that follows, for one of the settings: it lasts until the next start
	Ends    time.Time
	Reason  string
	By      string // who asked for it
}

// holds is whether it counts at a time. The end is a time of the wall clock, as it was given.
func (o Override) holds(now time.Time) bool {
	return o.Verdict != Unknown && now.Round(0).Before(o.Ends)
}

// SetOverride pins a site's verdict until the override ends, in place of one that there is; an override of the
// verdict Unknown clears it. When it returns, everybody who asks gets the new verdict. The error is [ErrNoSite],
// [ErrStopped] or that of ctx.
func (m *Monitor) SetOverride(ctx context.Context, name string, o Override) error {
	l, ok := m.byName[name]
	if !ok {
		return ErrNoSite
	}
	o.Ends = o.Ends.Round(0) // without the reading of the monotonic clock
	set := make(chan struct{})
	select {
	case l.orders <- order{o, set}:
		<-set
		return nil
	case <-l.ended:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
}

// order is an override that a loop is to set.
type order struct {
	Override
	set chan<- struct{}
}

// override sets one, and says what that ends and begins.
func (l *siteLoop) override(o Override) {
	before := l.pinned
	l.pinned = o
	snapshot := l.publish()
	if before.Verdict != Unknown {
		l.shared.observe(OverrideEvent{Snapshot: snapshot, Override: before, Ended: true, EndedBy: o.By})
	}
	if o.Verdict != Unknown {
		l.shared.observe(OverrideEvent{Snapshot: snapshot, Override: o})
	}
}
