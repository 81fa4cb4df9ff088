package server

import (
	"cmp"
	"fmt"
	"html/template"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"failover-monitor/internal/monitor"
)

// view is what the page shows: the status, and a summary for people.
type view struct {
	statusJSON
	State    monitor.Verdict // the worst of all sites, for the colour
	Headline string
	ScaleUp  string   // which sites are told to; empty if none is
	Notes    []string // what a person should look into
	Cards    []card
	CSS      template.CSS
	JS       template.JS
}

// card is one site.
type card struct {
	siteJSON
	Told                  metricJSON
	ScaleUp               bool // Told is above 0
	Certificate           string
	Strip                 string // summary of the last probes
	Ups, Downs, Discarded string // a bar for each of them, as SVG paths
}

func newView(o monitor.Overview) view {
	v := view{statusJSON: newStatus(o), CSS: template.CSS(pageCSS), JS: template.JS(pageJS)}
	v.State, v.Headline = headline(v.Sites)
	var scaled []string
	for i, site := range v.Sites {
		history := o.Sites[i].History
		c := card{
			siteJSON: site, Told: v.Metrics[i],
			Certificate: certificateText(site), Strip: historyText(history),
		}
		c.Ups, c.Downs, c.Discarded = historyBars(history, o.Sites[i].Timeout)
		if c.ScaleUp = c.Told.Value != nil && *c.Told.Value > 0; c.ScaleUp {
			scaled = append(scaled, site.Site)
		}
		v.Cards = append(v.Cards, c)
		v.Notes = append(v.Notes, warnings(site, c.Told, c.Certificate)...)
	}
	if scaled != nil {
		v.ScaleUp = listSites(scaled, "told to scale up")
	}
	observedDown := func(s siteJSON) bool { return s.Observed == monitor.Down }
	if v.Witnesses == nil && all(v.Sites, observedDown) {
		v.Notes = append(v.Notes,
			"all sites fail, and no witnesses are set: it may be the monitor's own network")
	}
	healthy := func(s siteJSON) bool { return s.Prober == "" }
	if v.State == monitor.Up && (!v.Online || !all(v.Sites, healthy)) {
		v.State = monitor.Unknown
	}
	return v
}

func all(sites []siteJSON, is func(siteJSON) bool) bool {
	return !slices.ContainsFunc(sites, func(s siteJSON) bool { return !is(s) })
}

// headline is the state of all sites in one short sentence, and the colour for it.
func headline(sites []siteJSON) (monitor.Verdict, string) {
	by := make(map[monitor.Verdict][]string)
	var pinnedButFailing []string
	for _, s := range sites {
		name := strings.ReplaceAll(s.Site, "-", "\u2011") // do not break a line within a name
		by[s.Verdict] = append(by[s.Verdict], name)
		if s.Verdict == monitor.Up && s.Observed == monitor.Down {
			pinnedButFailing = append(pinnedButFailing, name)
		}
	}
	down, unknown := by[monitor.Down], by[monitor.Unknown]
	switch {
	case down != nil && unknown != nil:
		return monitor.Down, listSites(down, "down") + ", " + listSites(unknown, "unknown")
	case down != nil:
		return monitor.Down, listSites(down, "down")
	case unknown != nil:
		return monitor.Unknown, listSites(unknown, "unknown")
	case pinnedButFailing != nil:
		return monitor.Unknown, listSites(pinnedButFailing, "pinned up, and failing")
	}
	return monitor.Up, "All sites are up"
}

// listSites is "site-a is down", "site-a and site-b are down", "5 sites are down".
func listSites(names []string, what string) string {
	switch n := len(names); {
	case n == 1:
		return names[0] + " is " + what
	case n <= 3:
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1] + " are " + what
	default:
		return fmt.Sprintf("%d sites are %s", n, what)
	}
}

// certificateNotice is how long before its expiry a certificate is mentioned, as in the alert rule.
const certificateNotice = 14 * 24 * time.Hour

// warnings are what a person should look into.
func warnings(site siteJSON, told metricJSON, certificate string) (texts []string) {
	if site.Prober != "" {
		texts = append(texts, site.Site+" cannot be probed: "+site.Prober)
	}
	if site.Override != "" {
		texts = append(texts, site.Explanation)
	}
	if !told.Armed {
		texts = append(texts,
			"nobody asks for the value of "+site.Site+": its failover is disarmed")
	}
	if r := site.LastResult; r != nil && !r.CertificateExpires.IsZero() &&
		time.Until(r.CertificateExpires) < certificateNotice {
		texts = append(texts, "the certificate of "+site.Site+" "+certificate)
	}
	return texts
}

// certificateText says how long the certificate is valid.
func certificateText(site siteJSON) string {
	if site.LastResult == nil || site.LastResult.CertificateExpires.IsZero() {
		return "none seen"
	}
	at := site.LastResult.CertificateExpires
	day := at.Format(time.DateOnly)
	if left := time.Until(at); left > 0 {
		return fmt.Sprintf("expires in %s, on %s", formatSpan(left), day)
	}
	return fmt.Sprintf("expired %s ago, on %s", ago(at), day)
}

// historyText says how the last probes ended.
func historyText(history []monitor.Past) string {
	if len(history) == 0 {
		return "no probe yet"
	}
	up, discarded := 0, 0
	reasons := make(map[string]int)
	for _, p := range history {
		switch {
		case p.Discarded:
			discarded++
		case p.Up:
			up++
		default:
			reasons[string(p.Reason)]++
		}
	}
	text := fmt.Sprintf("%d of the last %d probes were up", up, len(history))
	byCount := func(a, b string) int {
		return cmp.Or(reasons[b]-reasons[a], strings.Compare(a, b))
	}
	for _, reason := range slices.SortedFunc(maps.Keys(reasons), byCount) {
		text += fmt.Sprintf(", %d %s", reasons[reason], reason)
	}
	if discarded > 0 {
		text += fmt.Sprintf(", %d did not count", discarded)
	}
	return text
}

// The bars have 60 slots of 6 units. Bars of successes stand on the line, 40 of 64 units from the
// top; the other bars hang from it.
const slot, slots, line = 6, 60, 40

func historyBars(history []monitor.Past, timeout time.Duration) (ups, downs, discarded string) {
	var up, down, hollow strings.Builder
	for i, p := range history {
		x := slot*(slots-len(history)+i) + slot/2
		switch f := scale(p.Duration, timeout); {
		case p.Discarded:
			fmt.Fprintf(&hollow, "M%d %dh4v%.0fh-4z", x-2, line+1, 6+16*f)
		case p.Up:
			fmt.Fprintf(&up, "M%d %dv-%.0f", x, line, 6+32*f)
		default:
			fmt.Fprintf(&down, "M%d %dv%.0f", x, line, 6+18*f)
		}
	}
	return up.String(), down.String(), hollow.String()
}

// scale is 0 for a millisecond or less, 1 for the timeout or more, and logarithmic in between.
func scale(took, timeout time.Duration) float64 {
	f := math.Log(took.Seconds()*1000) / math.Log(max(2, timeout.Seconds()*1000))
	return min(1, max(0, f))
}

// took is how long something took: "23 ms", "3.0 s".
func took(seconds float64) string {
	if seconds < 1 {
		return fmt.Sprintf("%.3g ms", seconds*1000)
	}
	return fmt.Sprintf("%.1f s", seconds)
}

// ago is how long ago a time was: "5 min".
func ago(t time.Time) string { return formatSpan(time.Since(t)) }

func formatSpan(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	case d < 48*time.Hour:
		return fmt.Sprintf("%.0f h", d.Hours())
	}
	return fmt.Sprintf("%.0f days", d.Hours()/24)
}
