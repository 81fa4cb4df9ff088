package main

import (
	"fmt"
	"strings"
	"time"
)

// demoView is what the demo shows of all sites. It is a value: what it looks like, and what has
// changed, follow from it alone.
type demoView []demoSite

// demoSite is one site, and what stands behind its KEDA.
type demoSite struct {
	name     string
	verdict  string // up, down or unknown
	detail   string // why the last probe failed; empty if it did not
	since    time.Time
	failover string // the last one, in words; empty without one

	told     string // to the site's KEDA: the value, or 503; empty before the first poll
	replicas int    // of the model of its HPA
}

// changes says what is different in a later view, a line for each change.
func (v demoView) changes(later demoView) (lines []string) {
	for i, now := range later {
		before := v[i]
		if now.verdict != before.verdict {
			line := now.name + " is " + now.verdict
			if now.verdict == "down" {
				line += ": " + now.detail
			}
			lines = append(lines, line)
		}
		if now.told != before.told {
			lines = append(lines, fmt.Sprintf("%s: its KEDA is told %s", now.name, now.told))
		}
		if now.replicas != before.replicas {
			lines = append(lines, fmt.Sprintf("%s: its HPA goes from %d to %d replicas",
				now.name, before.replicas, now.replicas))
		}
	}
	return lines
}

// The columns of the block. All lines fit into 80 columns; narrower terminals cut them.
const demoRow = "%-8s %-42.42s %-17s %s"

// block draws the view, with the last lines of the log below it.
func (v demoView) block(now time.Time, width int, log []string) []string {
	heading := fmt.Sprintf(demoRow, "site", "verdict", "its KEDA is told", "replicas")
	lines := []string{"", bold + cut(heading, width)}
	var failovers []string
	for _, s := range v {
		row := fmt.Sprintf(demoRow, s.name, s.verdictText(now), s.toldText(),
			fmt.Sprintf("%d %s", s.replicas, strings.Repeat("#", s.replicas)))
		colour := ""
		if s.verdict == "down" {
			colour = red
		}
		lines = append(lines, colour+cut(row, width))
		if s.failover != "" {
			failovers = append(failovers, cut(fmt.Sprintf("%-8s %s", s.name, s.failover), width))
		}
	}
	lines = append(lines, "")
	if failovers != nil {
		lines = append(lines, bold+cut("last failover, times in UTC", width))
		lines = append(append(lines, failovers...), "")
	}
	lines = append(lines,
		cut("The HPA here asks every second and scales down after 10 s; a real one asks", width),
		cut("every 15 s and scales down after 5 min.", width), "")
	if len(log) > 0 {
		lines = append(lines, bold+cut("the monitor's log", width))
	}
	for _, line := range log {
		lines = append(lines, cut(line, width))
	}
	return lines
}

// verdictText is "down for 12 s: status 500".
func (s demoSite) verdictText(now time.Time) string {
	switch {
	case s.verdict == "unknown":
		return "not known yet"
	case s.verdict == "up" && s.detail != "":
		return "up, but its last probe failed: " + s.detail
	case s.verdict == "down":
		return fmt.Sprintf("down for %.0f s: %s", max(0, now.Sub(s.since).Seconds()), s.detail)
	}
	return s.verdict
}

func (s demoSite) toldText() string {
	switch s.told {
	case "0", "503", "":
		return s.told
	}
	return s.told + ": scale up"
}

// cut shortens a line to the width of a terminal.
func cut(line string, width int) string {
	if runes := []rune(line); len(runes) > width {
		return string(runes[:width])
	}
	return line
}
