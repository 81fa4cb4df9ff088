package server

import (
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	"failover-monitor/internal/monitor"
)

// view is what the page shows: the status, and a summary for people.
type view struct {
	statusJSON
	Version   string
	Host      string          // of the page's address
	App       string          // whose page this is; empty for that of all apps, and without apps
	AllApps   int             // how many there are on the page of all, if this is the page of one
	State     monitor.Verdict // the worst of all sites, for the colour
	Headline  string
	Title     string // the headline in fewer words, for a tab
	Icon      template.URL
	Suspect   string   // why the verdicts may be wrong
	ScaleUp   []string // which sites are told to, and which would be
	Notes     []string // what a person should look into
	Cards     []card
	Apps      *appsView // in place of the cards, for several apps
	Changes   []change
	Drawn     []picture // the last failovers
	Older     []string  // the ones before, in words
	OlderMore int       // how many there are beside these
	CSS       template.CSS
	JS        template.JS
}

// card is one site.
type card struct {
	siteJSON
	Told        metricJSON
	URL         string // what is probed, without its secrets
	Reason      string // of the verdict
	Asks        bool   // KEDA asks for the value: it is told, and not only would be
	Scaling     scaling
	Certificate string
	OnDemand    bool
	Strip       strip
}

// newView makes the view of one app, or of the sites without apps.
func newView(o monitor.Overview, p *Page, host string) view {
	v := p.newView(host)
	v.statusJSON, v.App, v.Changes = newStatus(o), o.App, p.changes.of(o.App)
	v.State, v.Headline = headline(v.Sites)
	for i, site := range v.Sites {
		told := v.Metrics[i]
		c := card{
			siteJSON: site, Told: told, URL: p.urls[o.Sites[i].ID()],
			Reason: explainReason(o.Sites[i], o.Time),
			Asks:   told.Armed && !told.LastPoll.IsZero(), Scaling: newScaleUp(o, i).Scaling,
			Certificate: certificateText(site), OnDemand: o.Sites[i].OnDemand(),
			Strip: newStrip(o.Sites[i], o.Time),
		}
		v.Cards = append(v.Cards, c)
		v.Notes = append(v.Notes, warnings(c)...)
	}
	v.ScaleUp = explainScaleUps(scaleUps(o))
	v.Drawn, v.Older, v.OlderMore = drawFailovers(o)
	v.finish("All sites fail", all(v.Sites, func(s siteJSON) bool { return s.Prober == "" }),
		all(v.Sites, func(s siteJSON) bool { return s.Observed == monitor.Down }))
	return v
}

// newView makes a view with what all pages have.
func (p *Page) newView(host string) view {
	return view{Version: p.version, Host: host, CSS: template.CSS(style), JS: template.JS(script)}
}

// finish adds what follows from the rest, and from whether all probers are healthy and all sites
// fail.
func (v *view) finish(failure string, healthy, allFail bool) {
	if v.Witnesses == nil && allFail {
		v.Suspect = failure + ", and no witnesses are set: it may be the monitor's own network"
	}
	if v.State == monitor.Up && (!v.Online || !healthy) {
		v.State = monitor.Unknown
	}
	v.Icon, v.Title = icon(v.State), tabTitle(v.Headline, v.Online)
}

// icon is the shape of a verdict, for a tab.
func icon(v monitor.Verdict) template.URL {
	shape := map[monitor.Verdict]string{
		monitor.Up:      "fill='%232a9d64' d='M8 1a7 7 0 1 1 0 14A7 7 0 1 1 8 1'",
		monitor.Down:    "fill='%23e0352b' d='M0 1h16L8 16z'",
		monitor.Unknown: "fill='%23d98e04' d='M8 0l8 8-8 8-8-8z'",
	}[v]
	return template.URL("data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' " +
		"viewBox='0 0 16 16'%3E%3Cpath " + shape + "/%3E%3C/svg%3E")
}

// tabTitle is a headline without its verbs: a tab has little room.
func tabTitle(headline string, online bool) string {
	title := strings.NewReplacer(" is ", " ", " are ", " ", "\u2011", "-").Replace(headline)
	if !online {
		title = "Offline: " + title
	}
	return title
}

func all(sites []siteJSON, is func(siteJSON) bool) bool {
	return !slices.ContainsFunc(sites, func(s siteJSON) bool { return !is(s) })
}

// headline is the state of all sites in one short sentence, and the colour for it.
func headline(sites []siteJSON) (monitor.Verdict, string) {
	by := make(map[monitor.Verdict][]string)
	var pinnedButFailing []string
	for _, s := range sites {
		name := unbroken(s.Site)
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

// unbroken is a name that does not break at the end of a line.
func unbroken(name string) string { return strings.ReplaceAll(name, "-", "\u2011") }

// listSites is "site-a is down", "site-a and site-b are down", "5 sites are down".
func listSites(names []string, what string) string {
	verb := " are "
	if len(names) == 1 {
		verb = " is "
	}
	return enumerate(names, "sites") + verb + what
}

// mostNamed is how many names a sentence has at most.
const mostNamed = 3

// enumerate is "site-a", "site-a and site-b", "5 sites".
func enumerate(names []string, what string) string {
	switch n := len(names); {
	case n == 1:
		return names[0]
	case n <= mostNamed:
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	default:
		return fmt.Sprintf("%d %s", n, what)
	}
}

// certificateNotice is how long before its expiry a certificate is mentioned, as in the alert rule.
const certificateNotice = 14 * 24 * time.Hour

// warnings are what a person should look into. That a site's KEDA does not ask is said by
// explainScaleUps when there is something to tell it.
func warnings(c card) (texts []string) {
	if c.Prober != "" {
		texts = append(texts, c.Site+" cannot be probed: "+c.Prober)
	}
	if c.Override != "" {
		texts = append(texts, c.Explanation)
	}
	if !c.Told.Armed && c.Scaling == "" {
		texts = append(texts, "nobody asks for the value of "+c.Site+": its failover is disarmed")
	}
	if r := c.LastResult; r != nil && !r.CertificateExpires.IsZero() &&
		time.Until(r.CertificateExpires) < certificateNotice {
		texts = append(texts, "the certificate of "+c.Site+" "+c.Certificate)
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
