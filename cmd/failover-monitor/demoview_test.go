package main

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestDemoView has two views, the block of the later one, and what has changed in between.
func TestDemoView(t *testing.T) {
	t.Parallel()
	now := time.Date(2000, 1, 1, 12, 1, 20, 0, time.UTC)
	before := demoView{
		{name: "site-a", verdict: "up", told: "0", replicas: 2},
		{name: "site-b", verdict: "up", told: "0", replicas: 2},
	}
	later := demoView{
		{name: "site-a", verdict: "up", told: "1", replicas: 4},
		{name: "site-b", verdict: "down", detail: "no answer within 1s, or any other long sentence",
			since: now.Add(-13 * time.Second), told: "503", replicas: 2,
			failover: "failed 12:01:06, down 12:01:07, site-a told 12:01:07"},
	}
	want := strings.Split(`
site     verdict                                    its KEDA is told  replicas
site-a   up                                         1: scale up       4 ####
site-b   down for 13 s: no answer within 1s, or any 503               2 ##

last failover, times in UTC
site-b   failed 12:01:06, down 12:01:07, site-a told 12:01:07

The HPA here asks every second and scales down after 10 s; a real one asks
every 15 s and scales down after 5 min.

the monitor's log
a line of the log`, "\n")
	colours := regexp.MustCompile("\x1b\\[[0-9]+m")
	for _, width := range []int{200, 80, 20} {
		block := strings.Join(later.block(now, width, []string{"a line of the log"}), "\n")
		var cuts []string
		for _, line := range want {
			cuts = append(cuts, cut(line, width))
		}
		want := strings.Join(cuts, "\n")
		if got := colours.ReplaceAllString(block, ""); got != want {
			t.Errorf("width %d: got\n%s\nwant\n%s", width, got, want)
		}
	}
	changes := strings.Join(before.changes(later), "\n")
	if want := `site-a: its KEDA is told 1
site-a: its HPA goes from 2 to 4 replicas
site-b is down: no answer within 1s, or any other long sentence
site-b: its KEDA is told 503`; changes != want {
		t.Errorf("got\n%s\nwant\n%s", changes, want)
	}
	if changes := later.changes(later); changes != nil {
		t.Errorf("nothing has changed, but %q", changes)
	}
}

// TestLogTail keeps the last lines of a log.
func TestLogTail(t *testing.T) {
	t.Parallel()
	var tail logTail
	for _, line := range strings.Split("abcdefgh", "") {
		tail.Write([]byte(line + "\n"))
	}
	if got := strings.Join(tail.last(), ""); got != "cdefgh" {
		t.Errorf("the last lines are %q, want c to h", got)
	}
}
