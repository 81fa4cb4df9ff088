package monitor

import (
	"context"
	"time"

	"failover-monitor/internal/probe"
)

// grace is how late a probe or a loop may be, on a busy machine, before it counts as stalled.
const grace = time.Second

// Probe asks a site, or a witness, once. An error means that nothing was learned about it; the result
// is then the zero value. It comes back soon after ctx ends, whose deadline is the probe's.
type Probe func(context.Context) (probe.Result, error)

// Site is a site to watch.
type Site struct {
	Name  string
	Probe Probe
	// Interval is from the start of one probe to the start of the next. With 0 the site is probed
	// only when, and whenever, somebody asks.
	Interval time.Duration
	// Delay is how long after the start the first probe begins.
	Delay time.Duration
	// Phase is the site's place in the cycle, less than Interval: but for its first one and its retries, its
	// probes begin that long after the start and at every Interval from there. So many sites are spread over
	// the cycle, and stay so after whatever had them probed at one time.
	Phase time.Duration
	// Retry is from the start of one probe to the start of the next while the verdict is in doubt: during a
	// streak, and while a site that is not down has not answered for so long. Up to Failure probes of a site are
	// then under way at once.
	Retry time.Duration
	// Timeout is what a probe takes at most.
	Timeout time.Duration
	Thresholds
	// Override pins the verdict from the start on, unless it is Unknown. Probing goes on beside it. What
	// [Monitor.SetOverride] pins takes its place while it lasts.
	Override Verdict
}

// OnDemand is whether the site is probed only when somebody asks.
func (s *Site) OnDemand() bool { return s.Interval == 0 }

// WorstCase is the longest from a site's death to its verdict.
type WorstCase struct {
	Hangs   time.Duration // when it accepts and never answers
	Refuses time.Duration // when it refuses connections
}

// WorstCase works it out, with the time that witnesses may take to confirm a failure ([ConfirmTime]). The
// site dies just after a probe; then the probes of the streak begin, Retry apart, and the last one is waited for.
// For a site that is probed on demand, one probe after the other, it is only the probes' part: the time between
// the polls comes on top.
func (s *Site) WorstCase(confirm time.Duration) WorstCase {
	if s.OnDemand() {
		failures := time.Duration(s.Failure)
		return WorstCase{Hangs: failures * (s.Timeout + confirm), Refuses: failures * confirm}
	}
	starts := s.Interval + time.Duration(s.Failure-1)*s.Retry
	return WorstCase{Hangs: starts + s.Timeout + confirm, Refuses: starts + confirm}
}

// lifetime is how long a verdict counts without a new result: as long as the next probe can take to bring
// one, which witnesses may have to confirm. So a stalled prober leads to no answer, and never to a stale
// one.
func (s *Site) lifetime(confirm time.Duration) time.Duration {
	longest := s.Interval
	if !s.OnDemand() && max(s.Failure, s.Success) > 1 {
		longest = max(longest, s.Retry)
	}
	return longest + s.ProbeTime(confirm)
}

// ProbeTime is what a probe takes at most, until it counts or is discarded.
func (s *Site) ProbeTime(confirm time.Duration) time.Duration { return s.Timeout + confirm + grace }
