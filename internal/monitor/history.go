package monitor

import (
	"slices"
	"time"

	"failover-monitor/internal/probe"
)

// historyLength is how many probes of a site are kept: five minutes' worth at the default interval.
const historyLength = 60

// Past is a probe that was made, in short.
type Past struct {
	Duration time.Duration
	Reason   probe.Reason // why it is not up; none if it could not be made
	Up       bool
	SetAside bool // it does not count
}

// remember keeps a probe, and forgets the oldest for it. The caller holds the lock.
func (w *watch) remember(p Past) {
	if len(w.history) == historyLength {
		w.history = slices.Delete(w.history, 0, 1)
	}
	w.history = append(w.history, p)
}

// History is a site's last probes, the oldest first. It is no part of [Monitor.Status], most of whose readers,
// Prometheus and systemd among them, have no use for it. The name must be a site's.
func (m *Monitor) History(name string) []Past {
	w := m.byName[name]
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.history)
}
