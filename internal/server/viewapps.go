package server

import (
	"html/template"
	"slices"
	"strings"
	"time"

	"failover-monitor/internal/monitor"
)

// This file makes the view of several apps: those in trouble, and a table of all.

// appsView is what the page shows of several apps in place of cards.
type appsView struct {
	Count    int
	Troubled int       // how many apps are in trouble
	Troubles []trouble // the worst first
	NotShown int       // how many apps are in troubles that are left out of that
	Sites    []siteCount
	Rows     template.HTML // of the table of all
}

// newAppsView makes the view of several apps.
func newAppsView(overviews []monitor.Overview, p *Page, host string) view {
	v := p.newView(host)
	v.statusJSON, v.Changes = newNetwork(overviews[len(overviews)-1]), p.changes.latest()
	v.Apps = newTable(overviews)
	found := newFindings(overviews, v.Apps.Sites)
	v.State, v.Headline = found.headline(len(overviews))
	v.ScaleUp, v.Notes = found.scaleUps(), found.notes()
	v.Drawn, v.Older, v.OlderMore = drawFailovers(overviews...)
	v.finish("All sites of all apps fail", len(found.faults) == 0, found.allFail)
	return v
}

func newTable(overviews []monitor.Overview) *appsView {
	v := &appsView{Count: len(overviews), Sites: countBySite(overviews)}
	var troubles troubleGroups
	var rows strings.Builder
	for _, o := range overviews {
		state := worstState(o)
		if state != monitor.Up {
			v.Troubled++
			troubles.add(o)
		}
		writeRow(&rows, o, state, v.Sites)
	}
	v.Rows = template.HTML(rows.String())
	v.Troubles, v.NotShown = troubles.worst()
	return v
}

// worstState is that of an app's sites.
func worstState(o monitor.Overview) monitor.Verdict {
	worst := monitor.Up
	for _, s := range o.Sites {
		worst = worse(worst, stateOf(s, o.Time))
	}
	return worst
}

// stateOf is how a site stands: its verdict, or unknown for one that is up, but only pinned so, or
// that cannot be probed.
func stateOf(s *monitor.Snapshot, now time.Time) monitor.Verdict {
	verdict := s.Current(now)
	if verdict == monitor.Up && (s.Verdict == monitor.Down || proberFault(s, now) != "") {
		return monitor.Unknown
	}
	return verdict
}

// worse is the worse of two states.
func worse(a, b monitor.Verdict) monitor.Verdict {
	if rank(a) < rank(b) {
		return a
	}
	return b
}

// rank has the worst state first.
func rank(v monitor.Verdict) int {
	return slices.Index([]monitor.Verdict{monitor.Down, monitor.Unknown, monitor.Up}, v)
}
