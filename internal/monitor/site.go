package monitor

import (
	"context"
	"path"
	"time"

	"failover-monitor/internal/probe"
)

// grace is how late a probe or a loop may be on a busy machine. What is later is stalled.
const grace = time.Second

// Probe probes a site, or a witness, once. An error means that it learned nothing about the site;
// the result is then the zero value. It returns soon after ctx ends, whose deadline is the probe's.
type Probe func(context.Context) (probe.Result, error)

// Site is a site to watch.
type Site struct {
	App   string // the app that it is a site of; empty without apps
	Name  string
	Probe Probe
	// Interval is from the start of one probe to the start of the next. With 0 the site is probed
	// on demand: when, and whenever, its verdict is asked for.
	Interval time.Duration
	// Delay is from the start of the monitor to the first probe, unless a poll asks for it before.
	Delay time.Duration
	// Phase is the site's place in the cycle, less than Interval. Apart from the first probe and
	// from retries, probes start that long after the start of the monitor, and at every Interval
	// from there. This spreads many sites over the cycle, and keeps them spread after an outage
	// that had them all probed at the same time.
	Phase time.Duration
	// Retry is from the start of one probe to the start of the next while the verdict is in doubt:
	// during a streak, and while a probe of a site that is not down takes longer than this. Up to
	// Failure probes of a site are then under way at once.
	Retry time.Duration
	// Timeout is what a probe takes at most.
	Timeout time.Duration
	Thresholds
	// Override pins the verdict from the start on, unless it is Unknown. Probes go on all the same.
	// [Monitor.SetOverride] replaces it for a time.
	Override Verdict
}

// ID tells the site from all others, also from those of other apps: "shop/site-a", or "site-a"
// without apps.
func (s *Site) ID() string { return path.Join(s.App, s.Name) }

// OnDemand is whether the site is probed only when its verdict is asked for.
func (s *Site) OnDemand() bool { return s.Interval == 0 }

// WorstCase is the longest time from a site's death to its verdict.
type WorstCase struct {
	Hangs   time.Duration // for a site that accepts connections and never answers
	Refuses time.Duration // for a site that refuses connections
}

// WorstCase computes it, with the time that witnesses may take to confirm a failure
// ([ConfirmTime]). The site dies just after a probe. An interval later the probes of the streak
// start, Retry apart, and the last one takes its time. On demand, probes do not overlap, and the
// time between the polls is not known: it comes on top.
func (s *Site) WorstCase(confirm time.Duration) WorstCase {
	if s.OnDemand() {
		failures := time.Duration(s.Failure)
		return WorstCase{Hangs: failures * (s.Timeout + confirm), Refuses: failures * confirm}
	}
	starts := s.Interval + time.Duration(s.Failure-1)*s.Retry
	return WorstCase{Hangs: starts + s.Timeout + confirm, Refuses: starts + confirm}
}

// lifetime is how long a verdict counts without a new result: as long as the next probe can take to
// bring one, and witnesses to confirm it. So a stalled prober leads to an error, and never to a
// stale verdict.
func (s *Site) lifetime(confirm time.Duration) time.Duration {
	longest := s.Interval
	if !s.OnDemand() && max(s.Failure, s.Success) > 1 {
		longest = max(longest, s.Retry)
	}
	return longest + s.ProbeTime(confirm)
}

// ProbeTime is the longest that a probe takes until it is counted or discarded.
func (s *Site) ProbeTime(confirm time.Duration) time.Duration { return s.Timeout + confirm + grace }
