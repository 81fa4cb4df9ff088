package server

import (
	"fmt"
	"slices"
	"strings"
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

	// These are of a change with apps.
	kind   string   // the same for the same change of a site for several apps, without details
	detail string   // of the first of them
	apps   []string // for which it came soon after each other
}

// changes are the last ones, the newest first: of all apps, and of each. Those of the network are
// of no app.
type changes struct {
	mu    sync.Mutex
	all   []change            // replaced as a whole, so that readers may keep it
	byApp map[string][]change // likewise
}

func (c *changes) observe(event monitor.Event) {
	now := time.Now()
	switch e := event.(type) {
	case monitor.SiteEvent:
		if text := explainChange(e, now); text != "" {
			c.add(e.Site, change{At: now, Verdict: e.Current(now), Text: text})
		}
	case monitor.OverrideEvent:
		c.add(e.Site, change{At: now, Verdict: e.Current(now), Text: explainOverrideChange(e, now)})
	case monitor.NetworkEvent:
		one := change{At: now, Verdict: monitor.Unknown,
			Text: "the monitor is offline: no witness answers, and failed probes do not count"}
		if e.Online {
			one.Verdict = monitor.Up
			one.Text = "the monitor is online again, after " + formatSpan(e.Offline)
		}
		c.add(new(monitor.Site), one)
	}
}

// add adds a change of a site.
func (c *changes) add(site *monitor.Site, one change) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byApp == nil {
		c.byApp = make(map[string][]change)
	}
	c.byApp[site.App] = newest(one, c.byApp[site.App])
	if site.App != "" {
		one, c.all = joined(site, one, c.all)
	}
	c.all = newest(one, c.all)
}

// joinTime is how long after each other the same happens to a site for several apps and still
// counts as one change, or one failover: forty times the same is not read.
const joinTime = 15 * time.Second

// joined makes one of a change and an older one that is the same for other apps, and takes that out
// of the list. Details that differ are left out.
func joined(site *monitor.Site, one change, older []change) (change, []change) {
	one.apps = []string{site.App}
	one.kind = strings.Replace(one.Text, site.ID(), site.Name, 1)
	if end := strings.IndexAny(one.kind, ",:"); end > 0 {
		one.kind, one.detail = one.kind[:end], one.kind[end:]
	}
	i := slices.IndexFunc(older, func(c change) bool {
		return c.kind == one.kind && one.At.Sub(c.At) < joinTime && !slices.Contains(c.apps, site.App)
	})
	if i < 0 {
		return one, older
	}
	one.apps = append(older[i].apps, site.App)
	if one.detail != older[i].detail {
		one.detail = ""
	}
	one.Text = strings.Replace(one.kind, site.Name, site.Name+" of "+enumerate(one.apps, "apps"), 1) +
		one.detail
	return one, slices.Concat(older[:i], older[i+1:])
}

// newest are the changes that the page shows of one and the older ones.
func newest(one change, older []change) []change {
	return slices.Concat([]change{one}, older[:min(len(older), changesKept-1)])
}

// latest are the last ones of all apps.
func (c *changes) latest() []change {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.all
}

// of are the last ones of an app, and of the network.
func (c *changes) of(app string) []change {
	c.mu.Lock()
	defer c.mu.Unlock()
	if app == "" {
		return c.byApp[app]
	}
	list := slices.Concat(c.byApp[app], c.byApp[""])
	slices.SortStableFunc(list, func(a, b change) int { return b.At.Compare(a.At) })
	return list[:min(len(list), changesKept)]
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
