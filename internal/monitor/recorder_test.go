package monitor_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"failover-monitor/internal/monitor"
)

// recorder records each event as one line, with the seconds since midnight.
type recorder struct {
	mu    sync.Mutex
	lines []string
}

// changes are the words for the changes of a site.
var changes = map[monitor.Change]string{
	monitor.FaultBegan: "fault", monitor.FaultEnded: "fault ended",
	monitor.VerdictAged: "aged", monitor.VerdictKnown: "known",
}

func (r *recorder) observe(event monitor.Event) {
	var words []string
	switch e := event.(type) {
	case monitor.SiteEvent:
		for _, change := range e.Changes {
			if change == monitor.Turned {
				words = append(words, fmt.Sprintf("%s turned %v after %d", e.Name, e.Verdict, e.TurnedBy))
			} else {
				words = append(words, e.Name+" "+changes[change])
			}
		}
	case monitor.OverrideEvent:
		words = []string{fmt.Sprintf("%s pinned %v", e.Name, e.Override.Verdict)}
		if e.Ended {
			words = []string{fmt.Sprintf("%s no longer pinned %v, by %s", e.Name, e.Override.Verdict,
				cmp.Or(e.EndedBy, "its time"))}
		}
	case monitor.NetworkEvent:
		words = []string{"offline"}
		if e.Online {
			words = []string{fmt.Sprintf("online after %v", e.Offline)}
		}
	case monitor.PollEvent:
		words = []string{fmt.Sprintf("%s armed: %v", e.Name, e.Armed)}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, word := range words {
		r.lines = append(r.lines, fmt.Sprintf("%06.3f %s", time.Since(midnight).Seconds(), word))
	}
}

// take gives the lines since the last call, in the order of time.
func (r *recorder) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	lines := r.lines
	r.lines = nil
	slices.Sort(lines)
	return lines
}

// contains is whether some line has a text in it.
func (r *recorder) contains(text string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Contains(strings.Join(r.lines, "\n"), text)
}
