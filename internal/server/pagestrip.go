package server

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"failover-monitor/internal/monitor"
)

// This file draws the last probes of a site as bars over time.

// The bars of successes stand on the line, 40 of 64 units from the top; the other bars hang from
// it. Now is at the right end.
const stripWidth, stripLine = 360, 40

// strip is the last probes of a site, as SVG paths, and the labels of its time axis.
type strip struct {
	Text                        string // the summary of what it shows
	Ups, Downs, Discarded, Grid string
	Labels                      []label
}

// label is a text at a place of a picture.
type label struct{ X, Text string }

func newStrip(s *monitor.Snapshot, now time.Time) strip {
	span := stripSpan(s, now)
	ups, downs, discarded := historyBars(s.History, s.Timeout, now, span)
	grid, labels := timeAxis(now, span)
	return strip{historyText(s.History, now), ups, downs, discarded, grid, labels}
}

// stripSpan is how much time the strip shows: all of the history, and what it will be when it is
// full, so that bars move at an even pace from the start.
func stripSpan(s *monitor.Snapshot, now time.Time) time.Duration {
	span := max(monitor.HistoryLength*s.Interval, time.Second)
	if s.OnDemand() {
		span = time.Minute
	}
	if len(s.History) > 0 {
		span = max(span, now.Sub(s.History[0].Ended))
	}
	return span
}

// historyText says how the last probes ended.
func historyText(history []monitor.Past, now time.Time) string {
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
	if span := now.Sub(history[0].Ended); span >= time.Second {
		text += ", in " + formatSpan(span)
	}
	return text
}

func historyBars(
	history []monitor.Past, timeout time.Duration, now time.Time, span time.Duration,
) (ups, downs, discarded string) {
	var up, down, hollow strings.Builder
	for _, p := range history {
		age := float64(now.Sub(p.Ended)) / float64(span)
		x := min(stripWidth-2, max(2, stripWidth*(1-age)))
		switch f := scale(p.Duration, timeout); {
		case p.Discarded:
			fmt.Fprintf(&hollow, "M%.1f %dh4v%.0fh-4z", x-2, stripLine+1, 6+16*f)
		case p.Up:
			fmt.Fprintf(&up, "M%.1f %dv-%.0f", x, stripLine, 6+32*f)
		default:
			fmt.Fprintf(&down, "M%.1f %dv%.0f", x, stripLine, 6+18*f)
		}
	}
	return up.String(), down.String(), hollow.String()
}

// scale is 0 for a millisecond or less, 1 for the timeout or more, and logarithmic in between.
func scale(took, timeout time.Duration) float64 {
	f := math.Log(took.Seconds()*1000) / math.Log(max(2, timeout.Seconds()*1000))
	return min(1, max(0, f))
}

// axisSteps are the distances that times on the axis may have: those that people count in.
var axisSteps = []time.Duration{
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second,
	30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute,
	15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour,
	12 * time.Hour,
}

// timeAxis has a line and a label at round times, at most four, so that they fit on a phone.
func timeAxis(now time.Time, span time.Duration) (grid string, labels []label) {
	const most = 4
	i := slices.IndexFunc(axisSteps, func(step time.Duration) bool { return span <= most*step })
	step, layout := 24*time.Hour, "Jan 2"
	if i >= 0 {
		step, layout = axisSteps[i], "15:04"
	} else {
		step *= time.Duration(math.Ceil(float64(span) / float64(most*step)))
	}
	if step < time.Minute {
		layout = "15:04:05"
	}
	now = now.UTC()
	for t := now.Truncate(step); ; t = t.Add(-step) {
		x := 1 - float64(now.Sub(t))/float64(span)
		if x < .1 {
			return grid, labels
		}
		grid += fmt.Sprintf("M%.1f 0v64", stripWidth*x)
		if x < .82 { // "now" is at the end
			labels = append(labels, label{percent(x), t.Format(layout)})
		}
	}
}

// percent is a place in a picture, from 0 to 1.
func percent(x float64) string { return fmt.Sprintf("%.1f%%", 100*x) }
