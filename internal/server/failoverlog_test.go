package server

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"failover-monitor/internal/monitor"
)

// TestFailoverLog has a line when a peer is told, and the result at the end.
func TestFailoverLog(t *testing.T) {
	t.Parallel()
	told := []monitor.Told{{Peer: "site-a", At: after(15)}}
	event := func(f monitor.Failover, change monitor.FailoverChange, untold int) monitor.FailoverEvent {
		return monitor.FailoverEvent{
			Site: &monitor.Site{Name: "site-b"}, Failover: f, Change: change, Untold: untold,
		}
	}
	for _, c := range []struct {
		event monitor.FailoverEvent
		want  string
	}{
		{event(monitor.Failover{Failed: after(2), Down: after(7)}, monitor.FailoverBegan, 1), ""},
		{event(monitor.Failover{Down: after(7), Told: told}, monitor.FailoverTold, 0),
			`level=INFO msg="peer is told" site=site-b peer=site-a after=8s drill=false`},
		{event(monitor.Failover{Down: after(7), Told: told, Ended: after(60)}, monitor.FailoverEnded, 1),
			`level=INFO msg="failover is over" site=site-b drill=false lasted=53s ` +
				`told="site-a after 8s" untold=1`},
		{event(monitor.Failover{Down: after(7), Ended: after(9), Drill: true}, monitor.FailoverEnded, 1),
			`level=WARN msg="failover is over, and nobody was told" site=site-b drill=true lasted=2s ` +
				`told="" untold=1`},
	} {
		var text bytes.Buffer
		LogEvents(slog.New(slog.NewTextHandler(&text, nil)))(c.event)
		_, got, _ := strings.Cut(strings.TrimSpace(text.String()), " ")
		if got != c.want {
			t.Errorf("got\n %s\nwant\n %s", got, c.want)
		}
	}
}
