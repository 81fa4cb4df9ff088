package server

import (
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	"failover-monitor/internal/monitor"
)

// This file writes the rows of the table of several apps. A thousand of them are made every 2 s, for
// each reader: html/template would take twice as long for a page. Closing tags that HTML lets
// out are left out.

// writeRow writes an app's row, with the cells of its sites in their columns. Sites and columns are
// in the order of their names.
func writeRow(to *strings.Builder, o monitor.Overview, state monitor.Verdict, columns []siteCount) {
	to.WriteString("<tr")
	if state != monitor.Up {
		to.WriteString(" class=" + state.String())
	}
	to.WriteString(`><th><a href="?app=` + template.URLQueryEscaper(o.App) + `">`)
	template.HTMLEscape(to, []byte(o.App))
	to.WriteString("</a>")
	next := 0
	for _, column := range columns {
		if next == len(o.Sites) || o.Sites[next].Name != column.Site {
			to.WriteString("<td class=none>")
			continue
		}
		writeCell(to, o.Sites[next], o.Time)
		next++
	}
	to.WriteByte('\n')
}

// writeCell writes how a site stands, and its last probes as a strip. A site that is up, and has not
// failed of late, has neither class nor strip: most are like that, and style draws them.
func writeCell(to *strings.Builder, s *monitor.Snapshot, now time.Time) {
	verdict, pinned := s.Current(now), s.Override(now).Verdict != monitor.Unknown
	failed := func(p monitor.Past) bool { return !p.Up || p.Discarded }
	if verdict == monitor.Up && !pinned && !slices.ContainsFunc(s.History, failed) {
		to.WriteString("<td>up")
		return
	}
	to.WriteString("<td class=" + verdict.String() + ">" + verdict.String())
	if pinned {
		to.WriteString(" <small>pinned</small>")
	}
	to.WriteString(`<svg viewBox="0 0 60 16" preserveAspectRatio="none" aria-hidden="true">`)
	ups, downs, discarded := cellStrip(s.History)
	for _, path := range []struct{ class, d string }{
		{"up", ups}, {"down", downs}, {"discarded", discarded},
	} {
		if path.d != "" {
			to.WriteString("<path class=" + path.class + ` d="` + path.d + `"/>`)
		}
	}
	to.WriteString("</svg>")
}

// cellStrip draws a history, the newest at the right, as a line of successes from which failures
// hang. Probes in a row that ended in the same way are one piece.
func cellStrip(history []monitor.Past) (ups, downs, discarded string) {
	for i := 0; i < len(history); {
		first := history[i]
		n := 1
		for i+n < len(history) && history[i+n].Up == first.Up &&
			history[i+n].Discarded == first.Discarded {
			n++
		}
		x := monitor.HistoryLength - len(history) + i
		switch {
		case first.Discarded:
			discarded += fmt.Sprintf("M%d 6h%dv6h-%dz", x, n, n)
		case first.Up:
			ups += fmt.Sprintf("M%d 4h%d", x, n)
		default:
			downs += fmt.Sprintf("M%d 4h%dv12h-%dz", x, n, n)
		}
		i += n
	}
	return ups, downs, discarded
}
