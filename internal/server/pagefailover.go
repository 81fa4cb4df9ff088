package server

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"failover-monitor/internal/monitor"
)

// This file draws the failovers.

// picture is a failover as a line of moments from left to right. The distance between two grows
// with the time between them, but not in proportion: seconds stay visible beside hours.
type picture struct {
	Site    string
	Lasted  string
	Words   string
	Moments []moment
}

// moment is a mark of the picture, with the line that leads to it.
type moment struct {
	Kind    string // failed, down, told, up or now
	Text    string
	X       string
	From    string // where the line begins; empty for the first
	Middle  string // of the line
	Took    string
	at      time.Time
	unaware bool // nobody had been told
}

// Line is the kind of the line to the moment: who knew of the outage while it lasted.
func (m moment) Line() string {
	switch {
	case m.Kind == "down":
		return "detecting"
	case m.unaware:
		return "untold"
	}
	return "known"
}

// pictured is how many failovers are drawn; older ones are there in words. listed is how many.
const pictured, listed = 3, 50

// outage is a failover, and whose it is.
type outage struct {
	*monitor.Site
	monitor.Failover
	now    time.Time
	others []string  // apps for which the site went down shortly before
	first  time.Time // when it did for the first of them
}

// drawFailovers draws the last failovers of all sites, the newest first, and gives the others in
// words. It leaves out those that are more than the page lists.
func drawFailovers(overviews ...monitor.Overview) (drawn []picture, older []string, more int) {
	var all []outage
	for _, o := range overviews {
		for i, s := range o.Sites {
			for _, f := range o.Failovers[i] {
				all = append(all, outage{Site: s.Site, Failover: f, now: o.Time})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b outage) int { return b.Down.Compare(a.Down) })
	all = joinOutages(all)
	for i, f := range all[:min(len(all), pictured+listed)] {
		if i < pictured {
			drawn = append(drawn, newPicture(f.ID(), f.Failover, f.now))
			drawn[i].Lasted += f.forOthers()
		} else {
			older = append(older, f.ID()+": "+failoverWords(f.Failover, f.now)+f.forOthers())
		}
	}
	return drawn, older, len(all) - len(drawn) - len(older)
}

// joinOutages makes one of those in which a site goes down for several apps within a short time.
// The newest comes first.
func joinOutages(all []outage) (joined []outage) {
	type kind struct {
		site        string
		drill, open bool
	}
	newest := make(map[kind]int)
	for _, f := range all {
		k := kind{f.Name, f.Drill, f.Open()}
		if i, ok := newest[k]; ok && joined[i].joins(f) {
			joined[i].others = append(joined[i].others, f.App)
			joined[i].first = f.Down
			continue
		}
		newest[k] = len(joined)
		f.first = f.Down
		joined = append(joined, f)
	}
	return joined
}

// joins is whether an older failover is of another app, and shortly before.
func (o outage) joins(older outage) bool {
	return o.App != older.App && !slices.Contains(o.others, older.App) &&
		o.first.Sub(older.Down) < joinTime
}

// forOthers says for how many apps it was the same; empty if for none.
func (o outage) forOthers() string {
	switch len(o.others) {
	case 0:
		return ""
	case 1:
		return "; also for 1 other app"
	}
	return fmt.Sprintf("; also for %d other apps", len(o.others))
}

// failoverWords are for below a heading that says which times they are.
func failoverWords(f monitor.Failover, now time.Time) string {
	return strings.ReplaceAll(explainFailover(f, now), " UTC", "")
}

func newPicture(site string, f monitor.Failover, now time.Time) picture {
	what, end, soFar := "down", f.Ended, ""
	if f.Drill {
		what = "drill"
	}
	if f.Open() {
		end, soFar = now, " so far"
	}
	p := picture{
		Site: site, Words: failoverWords(f, now),
		Lasted: fmt.Sprintf("%s for %s%s", what, formatSpan(end.Sub(f.Down)), soFar),
	}
	if !f.Failed.IsZero() {
		p.Moments = append(p.Moments, moment{Kind: "failed", Text: "fails", at: f.Failed})
	}
	p.Moments = append(p.Moments, moment{Kind: "down", Text: what, at: f.Down})
	for i, t := range f.Told[:min(len(f.Told), mostPeers)] {
		p.Moments = append(p.Moments, moment{Kind: "told", Text: "told", at: t.At, unaware: i == 0})
	}
	last := moment{Kind: "up", Text: "up", at: end, unaware: len(f.Told) == 0}
	if f.Open() {
		last.Kind, last.Text = "now", "now"
	}
	p.Moments = append(p.Moments, last)
	place(p.Moments)
	return p
}

// place puts the moments of a picture side by side.
func place(moments []moment) {
	const margin, least = .06, .13 // room for half a label, and for a duration
	took := func(i int) time.Duration { return max(0, moments[i].at.Sub(moments[i-1].at)) }
	total := 0.0
	for i := 1; i < len(moments); i++ {
		total += math.Sqrt(took(i).Seconds())
	}
	free := 1 - 2*margin - least*float64(len(moments)-1)
	x := margin
	moments[0].X = percent(x)
	for i := 1; i < len(moments); i++ {
		width := least + free*math.Sqrt(took(i).Seconds())/max(total, 1e-9)
		m := &moments[i]
		m.From, m.Middle, m.X = percent(x), percent(x+width/2), percent(x+width)
		m.Took = shortSpan(took(i))
		x += width
	}
}

// shortSpan is a time of few digits, for its place in a picture: "5.2 s", "8 min".
func shortSpan(d time.Duration) string {
	if 50*time.Millisecond <= d && d < 10*time.Second {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return formatSpan(d)
}
