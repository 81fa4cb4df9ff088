//go:build e2e

package simulate

import (
	"context"
	"slices"
	"time"
)

// inspect looks at the monitors when it is critical, and at the end.
func (w *world) inspect(ctx context.Context) {
	var moments []time.Duration
	for m := range w.monitors {
		for target := range w.sites {
			for _, s := range w.network.dead[m][target] {
				moments = append(moments, s.from+w.worstCase()+time.Millisecond)
			}
		}
	}
	for _, f := range w.faults {
		moments = append(moments, f.until+time.Millisecond, f.until+w.worstCase()+time.Millisecond)
	}
	slices.Sort(moments)
	for _, at := range moments {
		if !w.sleepUntil(ctx, at) {
			return
		}
		for m := range w.monitors {
			w.glance(m)
		}
	}
	w.inspectEnd(ctx)
}

// inspectEnd finds all right again: the verdicts within a cycle, the replicas before the end.
func (w *world) inspectEnd(ctx context.Context) {
	streak := time.Duration(w.Success) * (w.retry + 5*w.roundTrip)
	cycle := w.timeout + w.confirm() + time.Second + w.interval + streak
	if !w.sleepUntil(ctx, w.length+cycle) {
		return
	}
	for m := range w.monitors {
		p := w.current[m].Load()
		for site := range w.sites {
			if value, err := p.monitor.Value(ctx, siteName(site)); value != 0 || err != nil {
				w.audit.mu.Lock()
				p.violate("quiet", site, "told %d, %v, a cycle after the last fault", value, err)
				w.audit.mu.Unlock()
			}
		}
	}
	if !w.sleepUntil(ctx, w.length+quiet-time.Second) {
		return
	}
	for _, c := range w.clusters {
		if c.replicas != minReplicas {
			w.audit.mu.Lock()
			w.violate("quiet", "%s has %d replicas long after that", siteName(c.site), c.replicas)
			w.audit.mu.Unlock()
		}
	}
}
