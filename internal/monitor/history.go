package monitor

import (
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

// history is a ring of the last probes.
type history struct {
	ring  [historyLength]Past
	count int // of all probes ever
}

func (h *history) add(p Past) {
	h.ring[h.count%historyLength] = p
	h.count++
}

// History is a site's last probes, the oldest first. It is no part of [Monitor.Status], most of whose readers,
// Prometheus and systemd among them, have no use for it. The name must be a site's.
func (m *Monitor) History(name string) []Past {
	w := m.byName[name]
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.history.list()
}

// list has the oldest first.
func (h *history) list() []Past {
	var past []Past
	for i := max(0, h.count-historyLength); i < h.count; i++ {
		past = append(past, h.ring[i%historyLength])
	}
	return past
}
