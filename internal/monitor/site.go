package monitor

import (
	"context"
	"time"

	"failover-monitor/internal/probe"
)

// grace is how late a probe or a loop may be, on a busy machine, before it counts as stuck.
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
	// Phase, if set, is the site's place in the cycle: its probes begin that long after the start and at
	// every Interval from there, but for its first one and its retries. It is at most Interval.
	Phase time.Duration
	// Retry is from the end of one probe to the start of the next while a streak is under way.
	Retry time.Duration
	// Timeout is what a probe takes at most.
	Timeout time.Duration
	Thresholds
	// Override pins the verdict, unless it is Unknown. Probing goes on beside it.
	Override Verdict
}

// onDemand is whether the site is probed only when somebody asks.
func (s Site) onDemand() bool { return s.Interval == 0 }

// WorstCase is the longest from a site's death to its verdict, when one failing probe takes as long as
// given: next to nothing when connections are refused, Timeout when the site hangs, and [ConfirmTime] more
// with witnesses. The site dies just after a probe; then each failure of the streak is waited for, and each
// pause between them. For a site that is probed on demand it is only the probes' part: the time between the polls
// comes on top.
func (s Site) WorstCase(failing time.Duration) time.Duration {
	if s.onDemand() {
		return time.Duration(s.Failure) * failing
	}
	return s.Interval + time.Duration(s.Failure)*failing + time.Duration(s.Failure-1)*s.Retry
}
