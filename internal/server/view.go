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

// view is what the page shows: the status, and what people want to read of it first.
type view struct {
	statusJSON
	State    monitor.Verdict // the worst of all sites, for the colour
	Headline string
	ScaleUp  string   // who is told to; empty when nobody is
	Notes    []string // what somebody should look into
	Cards    []card
	CSS      template.CSS
	JS       template.JS
}

// card is one site.
type card struct {
	siteJSON
	Told                  metricJSON
	ScaleUp               bool // what that means
	Certificate           string
	Strip                 string // the last probes in words
	Ups, Downs, Discarded string // and as bars: SVG paths
}

func newView(o monitor.Overview) view {
	v := view{statusJSON: newStatus(o), CSS: template.CSS(pageCSS), JS: template.JS(pageJS)}
	v.State, v.Headline = headline(v.Sites)
	var told []string
	for i, site := range v.Sites {
		history := o.Sites[i].History
		c := card{siteJSON: site, Told: v.Metrics[i], Certificate: validity(site), Strip: strip(history)}
		c.Ups, c.Downs, c.Discarded = bars(history, o.Sites[i].Timeout)
		if c.ScaleUp = c.Told.Value != nil && *c.Told.Value > 0; c.ScaleUp {
			told = append(told, site.Site)
		}
		v.Cards = append(v.Cards, c)
		v.Notes = append(v.Notes, notes(site, c.Told, c.Certificate)...)
	}
	if told != nil {
		v.ScaleUp = are(told, "told to scale up")
	}
	if v.Witnesses == nil && !slices.ContainsFunc(v.Sites, func(s siteJSON) bool { return s.Observed != monitor.Down }) {
		v.Notes = append(v.Notes, "all sites fail, and no witnesses are set: it may be the monitor's own network")
	}
	if v.State == monitor.Up && (!v.Online || slices.ContainsFunc(v.Sites, func(s siteJSON) bool { return s.Prober != "" })) {
		v.State = monitor.Unknown
	}
	return v
}

// headline is what one reads from three metres.
func headline(sites []siteJSON) (monitor.Verdict, string) {
	with := make(map[monitor.Verdict][]string)
	var pinnedButFailing []string
	for _, s := range sites {
		name := strings.ReplaceAll(s.Site, "-", "\u2011") // a line does not end in a name
		with[s.Verdict] = append(with[s.Verdict], name)
		if s.Verdict == monitor.Up && s.Observed == monitor.Down {
			pinnedButFailing = append(pinnedButFailing, name)
		}
	}
	down, unknown := with[monitor.Down], with[monitor.Unknown]
	switch {
	case down != nil && unknown != nil:
		return monitor.Down, are(down, "down") + ", " + are(unknown, "unknown")
	case down != nil:
		return monitor.Down, are(down, "down")
	case unknown != nil:
		return monitor.Unknown, are(unknown, "unknown")
	case pinnedButFailing != nil:
		return monitor.Unknown, are(pinnedButFailing, "pinned up, and failing")
	}
	return monitor.Up, "All sites are up"
}

// are is "site-a is down", "site-a and site-b are down", "5 sites are down".
func are(names []string, what string) string {
	switch n := len(names); {
	case n == 1:
		return names[0] + " is " + what
	case n <= 3:
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1] + " are " + what
	default:
		return fmt.Sprintf("%d sites are %s", n, what)
	}
}

// certificateNotice is how long before its end a certificate is worth a word, as the alert rule has it.
const certificateNotice = 14 * 24 * time.Hour

// notes are what somebody should look into.
func notes(site siteJSON, told metricJSON, certificate string) (notes []string) {
	if site.Prober != "" {
		notes = append(notes, site.Site+" cannot be probed: "+site.Prober)
	}
	if site.Override != "" {
		notes = append(notes, site.Explanation)
	}
	if !told.Armed {
		notes = append(notes, "nobody asks for the value of "+site.Site+": its failover is disarmed")
	}
	if r := site.LastResult; r != nil && !r.CertificateExpires.IsZero() && time.Until(r.CertificateExpires) < certificateNotice {
		notes = append(notes, "the certificate of "+site.Site+" "+certificate)
	}
	return notes
}

// validity says how long the certificate is good for.
func validity(site siteJSON) string {
	if site.LastResult == nil || site.LastResult.CertificateExpires.IsZero() {
		return "none seen"
	}
	at := site.LastResult.CertificateExpires
	day := at.Format(time.DateOnly)
	if left := time.Until(at); left > 0 {
		return fmt.Sprintf("expires in %s, on %s", span(left), day)
	}
	return fmt.Sprintf("expired %s ago, on %s", ago(at), day)
}

// strip says the last probes in words.
func strip(history []monitor.Past) string {
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
	for _, reason := range slices.SortedFunc(maps.Keys(reasons), func(a, b string) int { return cmp.Or(reasons[b]-reasons[a], strings.Compare(a, b)) }) {
		text += fmt.Sprintf(", %d %s", reasons[reason], reason)
	}
	if discarded > 0 {
		text += fmt.Sprintf(", %d did not count", discarded)
	}
	return text
}

// The strip has 60 slots of 6 units. Bars of success stand on the line at 40 of 64 units from the top, the
// others hang from it.
const slot, slots, line = 6, 60, 40

func bars(history []monitor.Past, timeout time.Duration) (ups, downs, discarded string) {
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

// scale is 0 for a millisecond or less, 1 for the timeout or more, and logarithmic between them.
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
func ago(t time.Time) string { return span(time.Since(t)) }

func span(d time.Duration) string {
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
