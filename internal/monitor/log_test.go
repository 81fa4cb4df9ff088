package monitor_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"failover-monitor/internal/monitor"
)

// TestLog has a row for each kind of line: all that the log says from a time on, in the order of time.
func TestLog(t *testing.T) {
	t.Parallel()
	s := time.Second
	for _, c := range []struct {
		name  string
		world world
		from  time.Duration
		want  string
	}{
		{"first results", world{sites: []script{nil, {{0, refuses}}}, thresholds: thresholds{3, 2}}, 0, `
time=00:00.000 level=INFO msg="site is down" site=site-b from=unknown to=down probes=1 reason=refused detail=refused address="" took=0s
time=00:00.000 level=INFO msg="site is up" site=site-a from=unknown to=up probes=1 status=0 address="" took=0s`},
		{"down and up: since the last opposite result", world{sites: []script{nil, {{1 * s, hangs}, {20 * s, up}}}, thresholds: thresholds{3, 2}}, s, `
time=00:16.000 level=INFO msg="site is down" site=site-b from=up to=down probes=3 reason=timeout detail=hangs address="" took=3s since_last_up=16s
time=00:24.000 level=INFO msg="site is up" site=site-b from=down to=up probes=2 status=0 address="" took=0s since_last_down=3s was_down_for=8s`},
		{"again, and not since the first", world{sites: []script{nil, {{6 * s, refuses}, {16 * s, up}, {31 * s, refuses}}}}, s, `
time=00:10.000 level=INFO msg="site is down" site=site-b from=up to=down probes=1 reason=refused detail=refused address="" took=0s since_last_up=5s
time=00:20.000 level=INFO msg="site is up" site=site-b from=down to=up probes=1 status=0 address="" took=0s since_last_down=5s was_down_for=10s
time=00:35.000 level=INFO msg="site is down" site=site-b from=up to=down probes=1 reason=refused detail=refused address="" took=0s since_last_up=5s`},
		{"an absorbed failure is no news", world{sites: []script{nil, {{1 * s, refuses}, {6 * s, up}}}, thresholds: thresholds{3, 2}}, s, ``},
		{"a pinned site", world{sites: []script{nil, {{1 * s, refuses}}}, override: map[int]monitor.Verdict{1: monitor.Up}}, s, `
time=00:05.000 level=INFO msg="site is down" site=site-b override=up from=up to=down probes=1 reason=refused detail=refused address="" took=0s since_last_up=5s`},
		{"the prober's fault, twice", world{sites: []script{nil, {{6 * s, broken}, {16 * s, up}, {31 * s, broken}, {46 * s, refuses}}}}, s, `
time=00:10.000 level=WARN msg="probe does not count" site=site-b error=broken
time=00:14.000 level=WARN msg="verdict expired" site=site-b error="no verdict on site-b: broken; the last result that counts is 9s old, and expired after 9s, last known: up"
time=00:20.000 level=INFO msg="probes count again" site=site-b
time=00:20.000 level=INFO msg="verdict known again" site=site-b verdict=up
time=00:35.000 level=WARN msg="probe does not count" site=site-b error=broken
time=00:39.000 level=WARN msg="verdict expired" site=site-b error="no verdict on site-b: broken; the last result that counts is 9s old, and expired after 9s, last known: up"
time=00:50.000 level=INFO msg="probes count again" site=site-b
time=00:50.000 level=INFO msg="site is down" site=site-b from=up to=down probes=1 reason=refused detail=refused address="" took=0s since_last_up=20s
time=00:50.000 level=INFO msg="verdict known again" site=site-b verdict=down`},
		{"the prober's fault while offline", world{sites: []script{nil, {{1 * s, refuses}, {8 * s, broken}, {17 * s, refuses}, {22 * s, up}}}, witnesses: []script{{{0, refuses}}}}, s, `
time=00:05.000 level=WARN msg="monitor is offline: no witness answers, and failed probes do not count" witnesses="witness-0: refused"
time=00:10.000 level=WARN msg="probe does not count" site=site-b error=broken
time=00:11.000 level=WARN msg="verdict expired" site=site-b error="no verdict on site-b: broken; the last result that counts is 11s old, and expired after 11s, last known: up"
time=00:25.000 level=INFO msg="monitor is online again" offline_for=20s
time=00:25.000 level=INFO msg="verdict known again" site=site-b verdict=up`},
		{"offline, from the first site that is cut off to the last", world{
			sites:     []script{nil, {{1 * s, refuses}, {12 * s, up}}, {{1 * s, refuses}, {17 * s, up}}},
			intervals: map[int]time.Duration{2: 5500 * time.Millisecond}, witnesses: []script{{{0, refuses}}}}, s, `
time=00:05.000 level=WARN msg="monitor is offline: no witness answers, and failed probes do not count" witnesses="witness-0: refused"
time=00:11.000 level=WARN msg="verdict expired" site=site-b error="no verdict on site-b: the monitor has been offline since 00:00:05 UTC: no witness answers; the last result that counts is 11s old, and expired after 11s, last known: up"
time=00:11.500 level=WARN msg="verdict expired" site=site-c error="no verdict on site-c: the monitor has been offline since 00:00:05 UTC: no witness answers; the last result that counts is 11.5s old, and expired after 11.5s, last known: up"
time=00:15.000 level=INFO msg="verdict known again" site=site-b verdict=up
time=00:22.000 level=INFO msg="monitor is online again" offline_for=17s
time=00:22.000 level=INFO msg="verdict known again" site=site-c verdict=up`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.world.run(t, func(t *testing.T, _ *monitor.Monitor, log *journal) {
				if c.from > 0 {
					sleepUntil(c.from)
					_ = log.String()
				}
				sleepUntil(59 * time.Second) // then consumers are missed
				lines := strings.Split(strings.TrimSpace(log.String()), "\n")
				slices.Sort(lines)
				if got := strings.Join(lines, "\n"); got != strings.TrimSpace(c.want) {
					t.Errorf("the log says\n%s\nwant%s", got, c.want)
				}
			})
		})
	}
}
