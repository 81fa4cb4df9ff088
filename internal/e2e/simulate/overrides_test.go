//go:build e2e

package simulate

import (
	"context"
	"slices"
	"time"

	"failover-monitor/internal/monitor"
)

// pin is an override of one site at one process.
type pin struct {
	verdict monitor.Verdict
	until   time.Duration
}

// at is what the site is pinned to.
func (p pin) at(now time.Duration) monitor.Verdict {
	if now < p.until {
		return p.verdict
	}
	return monitor.Unknown
}

// override has people pin the verdicts of a monitor, and some of them change their mind.
func (w *world) override(ctx context.Context, m int) {
	type order struct {
		fault
		at time.Duration
	}
	var orders []order
	for _, f := range w.faults {
		if f.kind == overridden && f.monitor == m {
			orders = append(orders, order{f, f.from})
			if f.cleared > 0 {
				f.verdict = monitor.Unknown
				orders = append(orders, order{f, f.from + f.cleared})
			}
		}
	}
	slices.SortFunc(orders, func(a, b order) int { return int(a.at - b.at) })
	for _, o := range orders {
		if !w.sleepUntil(ctx, o.at) {
			return
		}
		// While it is stalled it would take the order later.
		if p := w.current[m].Load(); p != nil && !p.shaken(o.at-time.Second) {
			p.pin(ctx, o.fault)
		}
	}
}

// pin gives the order.
func (p *process) pin(ctx context.Context, f fault) {
	w := p.world
	order := monitor.Override{
		Verdict: f.verdict, Began: time.Now(), Ends: w.began.Add(f.until), Reason: "drill", By: "uid 0",
	}
	if err := p.monitor.SetOverride(ctx, siteName(f.site), order); err != nil {
		return
	}
	w.log("monitor %d: %s is pinned: %v", p.number+1, siteName(f.site), f.verdict)
	w.audit.mu.Lock()
	defer w.audit.mu.Unlock()
	p.records[f.site].pin = pin{f.verdict, f.until}
}

// overrideEvent is that an override began or ended, at its time or by an order.
func (p *process) overrideEvent(r *record, e monitor.OverrideEvent) {
	w := p.world
	late := w.now() - e.Override.Ends.Sub(w.began)
	switch {
	case !e.Ended:
		w.audit.seen["override: begins"]++
	case e.EndedBy != "":
		w.audit.seen["override: ends by an order"]++
	default:
		w.audit.seen["override: ends by the time"]++
		if late < 0 || late > 0 && !p.shaken(r.pin.until) {
			w.violate("change", "monitor %d: the override of %s ends %v late", p.number+1, e.Name, late)
		}
	}
}
