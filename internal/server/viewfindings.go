package server

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"failover-monitor/internal/monitor"
)

// This file sums up what a person needs to know of several apps: which sites, and for how many.

// tally are the sites of which something holds, each with the apps for which it does.
type tally map[string][]string

// findings are the tallies of all apps.
type findings struct {
	sites                  []siteCount
	down, unknown, failing tally // failing: pinned up
	faults, pinned         tally
	disarmed, expiring     tally
	scaling                map[scaling]tally
	allFail                bool
}

func newFindings(overviews []monitor.Overview, sites []siteCount) findings {
	f := findings{
		sites: sites, down: tally{}, unknown: tally{}, failing: tally{}, faults: tally{},
		pinned: tally{}, disarmed: tally{}, expiring: tally{}, allFail: true,
		scaling: map[scaling]tally{told: {}, waiting: {}, silent: {}, early: {}},
	}
	for _, o := range overviews {
		for i := range o.Sites {
			f.add(o, i)
		}
	}
	return f
}

// add adds what holds of an app's site.
func (f *findings) add(o monitor.Overview, i int) {
	s, now := o.Sites[i], o.Time
	note := func(t tally, holds bool) {
		if holds {
			t[s.Name] = append(t[s.Name], o.App)
		}
	}
	verdict := s.Current(now)
	note(f.down, verdict == monitor.Down)
	note(f.unknown, verdict == monitor.Unknown)
	note(f.failing, verdict == monitor.Up && s.Verdict == monitor.Down)
	note(f.faults, proberFault(s, now) != "")
	note(f.pinned, s.Override(now).Verdict != monitor.Unknown)
	expires := s.Last.CertNotAfter
	note(f.expiring, !expires.IsZero() && time.Until(expires) < certificateNotice)
	up := newScaleUp(o, i)
	note(f.scaling[up.Scaling], up.Scaling != "")
	note(f.disarmed, up.Scaling == "" && !o.Polls[i].Armed)
	f.allFail = f.allFail && s.Verdict == monitor.Down
}

// phrase says what holds of one site, and of more, and how the sentence ends.
type phrase struct{ one, more, end string }

var (
	isDown    = phrase{"is down", "are down", ""}
	isUnknown = phrase{"is unknown", "are unknown", ""}
	isFailing = phrase{"is pinned up, and failing,", "are pinned up, and failing,", ""}
)

// headline is the state of all apps in one short sentence, and the colour for it.
func (f *findings) headline(apps int) (monitor.Verdict, string) {
	down, unknown := f.sentence(f.down, isDown), f.sentence(f.unknown, isUnknown)
	switch {
	case down != "" && unknown != "":
		return monitor.Down, unbroken(down + "; " + unknown)
	case down != "":
		return monitor.Down, unbroken(down)
	case unknown != "":
		return monitor.Unknown, unbroken(unknown)
	case len(f.failing) > 0:
		return monitor.Unknown, unbroken(f.sentence(f.failing, isFailing))
	}
	return monitor.Up, fmt.Sprintf("All %d apps are up", apps)
}

// scaleUps says which sites are told to scale up, and which would be.
func (f *findings) scaleUps() []string {
	return f.sentences([]finding{
		{f.scaling[told], phrase{"is told to scale up", "are told to scale up", ""}},
		{f.scaling[waiting], phrase{"will be told to scale up", "will be told to scale up",
			", when KEDA asks next"}},
		{f.scaling[silent], phrase{"would be told to scale up", "would be told to scale up",
			", but KEDA does not ask"}},
		{f.scaling[early], phrase{"would be told to scale up", "would be told to scale up",
			", but KEDA has not asked yet"}},
	})
}

// notes are what a person should look into.
func (f *findings) notes() []string {
	return f.sentences([]finding{
		{f.faults, phrase{"cannot be probed", "cannot be probed", ", through the monitor's own fault"}},
		{f.pinned, phrase{"is pinned", "are pinned", ""}},
		{f.disarmed, phrase{"is disarmed", "are disarmed", ": nobody asks for the value"}},
		{f.expiring, phrase{"has a certificate that has expired, or soon will,",
			"have a certificate that has expired, or soon will,", ""}},
	})
}

// finding is of which sites and apps something holds.
type finding struct {
	tally
	phrase
}

func (f *findings) sentences(list []finding) (texts []string) {
	for _, one := range list {
		if len(one.tally) > 0 {
			texts = append(texts, f.sentence(one.tally, one.phrase))
		}
	}
	return texts
}

// sentence is "site-b is down for 37 of 40 apps, site-a for 2 of 40 apps", the largest number first.
// It is empty for an empty tally.
func (f *findings) sentence(t tally, p phrase) string {
	if len(t) == 0 {
		return ""
	}
	if len(t) > mostNamed {
		return fmt.Sprintf("%d sites %s for %d apps%s", len(t), p.more, t.apps(), p.end)
	}
	var parts []string
	for _, c := range f.sitesOf(t) {
		parts = append(parts, c.Site+" for "+someOf(t[c.Site], c.Apps))
	}
	parts[0] = strings.Replace(parts[0], " for ", " "+p.one+" for ", 1)
	return strings.Join(parts, ", ") + p.end
}

// sitesOf are the sites of a tally, those with the most apps first.
func (f *findings) sitesOf(t tally) (sites []siteCount) {
	for _, c := range f.sites {
		if len(t[c.Site]) > 0 {
			sites = append(sites, c)
		}
	}
	slices.SortStableFunc(sites, func(a, b siteCount) int { return len(t[b.Site]) - len(t[a.Site]) })
	return sites
}

// apps is how many there are in a tally.
func (t tally) apps() int {
	distinct := make(map[string]bool)
	for _, apps := range t {
		for _, app := range apps {
			distinct[app] = true
		}
	}
	return len(distinct)
}

// someOf is "shop and blog", "37 of 40 apps", "all 40 apps".
func someOf(apps []string, of int) string {
	switch n := len(apps); {
	case n == 1, n <= mostNamed && n < of:
		return enumerate(apps, "apps")
	case n == of:
		return fmt.Sprintf("all %d apps", n)
	default:
		return fmt.Sprintf("%d of %d apps", n, of)
	}
}
