package monitor

import (
	"fmt"
	"slices"
	"time"

	"failover-monitor/internal/probe"
)

// HistoryLength is how many probes of a site are kept: five minutes' worth at the default interval.
const HistoryLength = 60

// Past is a summary of a probe.
type Past struct {
	Ended     time.Time
	Duration  time.Duration
	Reason    probe.Reason // why the site is not up; empty if the probe could not be made
	Up        bool
	Discarded bool // the probe does not count
}

// remember adds a probe to a history. Snapshots share its array and never look behind their own
// end, so the loop, which alone adds to it, may go on in the same one until that is full: for a dozen
// probes, since a longer array would be most of what thousands of sites take.
func remember(history []Past, o Outcome) []Past {
	if len(history) == cap(history) {
		history = append(make([]Past, 0, HistoryLength+12), lastOf(history)...)
	}
	return append(history, Past{
		Ended: o.Ended, Duration: o.Result.Duration, Reason: o.Result.Reason, Up: o.Result.Up,
		Discarded: o.Discarded != nil,
	})
}

// lastOf is the part of a history that is shown.
func lastOf(history []Past) []Past {
	return slices.Clip(history[max(0, len(history)-HistoryLength):])
}

// Snapshot is what was known of a site at one moment. It never changes.
type Snapshot struct {
	*Site
	State
	Pinned    Override      // by [Monitor.SetOverride]; see [Snapshot.Override]
	Lifetime  time.Duration // how long a verdict counts without a new result
	History   []Past        // the last probes, the oldest first
	Probing   bool          // a probe is under way, or the first is about to start
	NextProbe time.Time     // when the next one starts; zero while one is under way, and on demand

	// due is when the next snapshot must be there; if it is not, the loop is stalled. Zero: no limit.
	due time.Time
	// done is closed when the probe that is under way, or about to start, has ended; nil without one.
	done <-chan struct{}
	// waiting is whether the first probe has not started yet.
	waiting bool
}

// Current is the verdict that counts: the override; or what the probes say, unless that is too old.
func (s *Snapshot) Current(now time.Time) Verdict {
	switch override := s.Override(now); {
	case override.Verdict != Unknown:
		return override.Verdict
	case now.Sub(s.Counted) > s.Lifetime:
		return Unknown
	}
	return s.Verdict
}

// Override is what pins the verdict. Its verdict is Unknown if nothing does.
func (s *Snapshot) Override(now time.Time) Override {
	if s.Pinned.holds(now) {
		return s.Pinned
	}
	return Override{Verdict: s.Site.Override}
}

// Stalled is how late the site's loop is; zero if it is not.
func (s *Snapshot) Stalled(now time.Time) time.Duration {
	if s.due.IsZero() {
		return 0
	}
	return max(0, now.Sub(s.due))
}

// Fault is the monitor's own fault for which the site's last probe does not count; nil if there is
// none.
func (s *Snapshot) Fault() error {
	if isFault(s.Discarded) {
		return s.Discarded
	}
	return nil
}

// NoVerdictError is the error while there is no verdict on a site.
type NoVerdictError struct {
	*Snapshot
	At time.Time // when the verdict was missing
}

// Error names the site.
func (e *NoVerdictError) Error() string { return "no verdict on " + e.Name }

// StallError is why a probe does not count during which this process was stopped, or got no CPU.
type StallError struct{ Lost time.Duration }

// Error implements error.
func (e *StallError) Error() string {
	return fmt.Sprintf("the monitor was stopped, or had no CPU, for %v during the probe",
		e.Lost.Round(10*time.Millisecond))
}

// LateError is why a probe does not count that ended when its loop was stalled already. Its result
// may be as old as the stall is long.
type LateError struct{ By time.Duration }

// Error implements error.
func (e *LateError) Error() string {
	return fmt.Sprintf("the monitor was stopped during the probe, which ended %v after it should have",
		e.By.Round(100*time.Millisecond))
}
