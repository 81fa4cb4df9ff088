package server

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"failover-monitor/internal/monitor"
)

// This file keeps the last changes of verdicts for the page.

// changesKept is how many changes the page shows.
const changesKept = 8

// change is something that changed a verdict that counts, or could have.
type change struct {
	At      time.Time
	Verdict monitor.Verdict // after it
	Text    string
}

// changes are the last ones of all sites, the newest first.
type changes struct {
	mu   sync.Mutex
	list []change // replaced as a whole, so that readers may keep it
}

func (c *changes) observe(event monitor.Event) {
	now := time.Now()
	switch e := event.(type) {
	case monitor.SiteEvent:
		if text := explainChange(e, now); text != "" {
			c.add(change{now, e.Current(now), text})
		}
	case monitor.OverrideEvent:
		c.add(change{now, e.Current(now), explainOverrideChange(e, now)})
	case monitor.NetworkEvent:
		if e.Online {
			c.add(change{now, monitor.Up,
				"the monitor is online again, after " + formatSpan(e.Offline)})
		} else {
			c.add(change{now, monitor.Unknown,
				"the monitor is offline: no witness answers, and failed probes do not count"})
		}
	}
}

func (c *changes) add(one change) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = slices.Concat([]change{one}, c.list[:min(len(c.list), changesKept-1)])
}

func (c *changes) latest() []change {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.list
}

// explainChange says how a site's verdict changed, and why; it is empty if it did not.
func explainChange(e monitor.SiteEvent, now time.Time) string {
	if len(e.Changes) == 0 { // most probes
		return ""
	}
	has := func(c monitor.Change) bool { return slices.Contains(e.Changes, c) }
	subject := e.ID() + " is "
	if o := e.Override(now); o.Verdict != monitor.Unknown {
		subject = fmt.Sprintf("%s is pinned %v; its probes say ", e.ID(), o.Verdict)
	}
	switch {
	case has(monitor.Turned) && e.Verdict == monitor.Down:
		return fmt.Sprintf("%sdown: %d of %d probes failed, last: %s", subject, e.TurnedBy, e.TurnedBy,
			e.Last.Detail)
	case has(monitor.Turned) && e.Before.Verdict == monitor.Down:
		return fmt.Sprintf("%sup again, after %s: %d of %d probes succeeded", subject,
			formatSpan(e.Since.Sub(e.Before.Since)), e.TurnedBy, e.TurnedBy)
	case has(monitor.Turned):
		return subject + "up: a first probe succeeded"
	case has(monitor.VerdictAged):
		return explainNoVerdict(e.Snapshot, e.Expired)
	case has(monitor.VerdictKnown):
		return fmt.Sprintf("%s%v: its probes count again", subject, e.Verdict)
	}
	return ""
}

// explainOverrideChange says that an override began or ended.
func explainOverrideChange(e monitor.OverrideEvent, now time.Time) string {
	if !e.Ended {
		return fmt.Sprintf("%s is pinned %s; its probes say %v", e.ID(),
			explainOverride(e.Override, now), e.Verdict)
	}
	why := "its time is over"
	if e.EndedBy != "" {
		why = "cleared by " + e.EndedBy
	}
	return fmt.Sprintf("%s is no longer pinned %v: %s; its probes say %v", e.ID(), e.Override.Verdict,
		why, e.Verdict)
}
