package monitor

import (
	"fmt"
	"slices"
	"time"

	"failover-monitor/internal/probe"
)

// historyLength is how many probes of a site are kept: five minutes' worth at the default interval.
const historyLength = 60

// Past is a probe that was made, in short.
type Past struct {
	Duration  time.Duration
	Reason    probe.Reason // why it is not up; none if it could not be made
	Up        bool
	Discarded bool // it does not count
}

// remember is a history with one more probe, without the oldest. It shares nothing with the one before.
func remember(history []Past, o Outcome) []Past {
	kept := history[max(0, len(history)+1-historyLength):]
	return append(slices.Clip(kept), Past{o.Result.Duration, o.Result.Reason, o.Result.Up, o.Discarded != nil})
}

// Snapshot is what was known of a site at one moment. It never changes.
type Snapshot struct {
	*Site
	State
	Pinned    Override      // by [Monitor.SetOverride]; see [Snapshot.Override]
	Lifetime  time.Duration // how long a verdict counts without a new result
	History   []Past        // the last probes, the oldest first
	Probing   bool          // whether a probe is under way
	NextProbe time.Time     // when the next one begins; zero while one is under way, and on demand

	due  time.Time       // by when the next snapshot must come, or else the loop is stalled; zero: whenever
	done <-chan struct{} // closed when the probe under way, or about to begin, has ended; nil if there is none
}

// Current is what counts: the override, or a verdict that is not too old, or else Unknown.
func (s *Snapshot) Current(now time.Time) Verdict {
	switch override := s.Override(now); {
	case override.Verdict != Unknown:
		return override.Verdict
	case now.Sub(s.Counted) > s.Lifetime:
		return Unknown
	}
	return s.Verdict
}

// Override is what pins the verdict; of the verdict Unknown if nothing does.
func (s *Snapshot) Override(now time.Time) Override {
	if s.Pinned.holds(now) {
		return s.Pinned
	}
	return Override{Verdict: s.Site.Override}
}

// Stalled is how late the site's loop is; zero while it is not.
func (s *Snapshot) Stalled(now time.Time) time.Duration {
	if s.due.IsZero() {
		return 0
	}
	return max(0, now.Sub(s.due))
}

// Fault is why the site's probes cannot be made, or do not count, by the monitor's own fault; nil while they can.
func (s *Snapshot) Fault() error {
	if isFault(s.Discarded) {
		return s.Discarded
	}
	return nil
}

// NoVerdictError is the error while there is no verdict on a site.
type NoVerdictError struct {
	*Snapshot
	At time.Time // when that was so
}

// Error names the site.
func (e *NoVerdictError) Error() string { return "no verdict on " + e.Name }

// StallError is why a probe does not count during which this process did not get to run.
type StallError struct{ Lost time.Duration }

// Error is [error]'s.
func (e *StallError) Error() string {
	return fmt.Sprintf("the monitor was stopped, or had no CPU, for %v during the probe", e.Lost.Round(10*time.Millisecond))
}

// LateError is why a probe does not count that ended when its loop was stalled already: what it found may
// be as old as that.
type LateError struct{ By time.Duration }

// Error is [error]'s.
func (e *LateError) Error() string {
	return fmt.Sprintf("the monitor was stopped during the probe, which ended %v after it should have", e.By.Round(100*time.Millisecond))
}
