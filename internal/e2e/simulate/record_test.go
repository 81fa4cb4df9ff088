//go:build e2e

package simulate

import (
	"slices"
	"time"

	"failover-monitor/internal/monitor"
)

// record is what really became of the probes of one site, by one process.
type record struct {
	flights []*flight        // under way, or behind one that is; in the order of their starts
	starts  [3]time.Duration // the last, the newest at the end

	failures, successes int           // in a row
	calm                int           // successes in a row that came within the retry interval
	longest             time.Duration // that one of those took: the next probe may begin so late
	wasUp               bool          // whether any probe has succeeded
	canBeDown           bool          // enough failures in a row, and no successes since
	turned, cleared     time.Duration // when it became true, and false
	succeeded           time.Duration // when a probe last did
	counted             time.Duration // when the last result came that counts
	unconfirmed         []time.Duration
	streaks             map[time.Duration]int // that each probe must lead to, by its start
	pin                 pin
	fault               time.Duration // when a probe could last not be made

	verdict     monitor.Verdict // as the events have it
	aged, fails bool
}

// flight is a probe under way.
type flight struct {
	began, ended time.Duration
	answer
	done, cutOff bool
	needless     bool // the oldest has succeeded, so it may be cut off
}

// begin notes that a probe begins, and whether it may.
func (p *process) begin(target int, now time.Duration) *flight {
	w := p.world
	f := &flight{began: now}
	if target >= w.sites {
		return f
	}
	w.audit.mu.Lock()
	defer w.audit.mu.Unlock()
	r := p.records[target]
	r.flights = append(r.flights, f)
	under := 0
	for _, other := range r.flights {
		if !other.done {
			under++
		}
	}
	if under > 1 {
		w.audit.seen["probes: overlap"]++
	}
	switch gap := now - r.starts[2]; {
	case under > w.Failure:
		p.violate("probes", target, "has %d probes under way", under)
	case r.starts[2] == 0 || p.shaken(now-4*w.interval):
	case under == 1 && r.calm > w.Failure+w.Success && gap < w.interval-r.longest:
		p.violate("probes", target, "is probed %v after the last, without a doubt", gap)
	case r.starts[0] != 0 && now-r.starts[0] < w.retry:
		p.violate("probes", target, "is probed the fourth time in %v", now-r.starts[0])
	}
	r.starts = [3]time.Duration{r.starts[1], r.starts[2], now}
	return f
}

// finish notes how a probe ended.
func (p *process) finish(f *flight, target int, a answer, stopping bool) {
	w := p.world
	now := w.now()
	w.audit.mu.Lock()
	defer w.audit.mu.Unlock()
	if target >= w.sites {
		p.witnessed(f, a, now)
		return
	}
	r := p.records[target]
	f.answer, f.ended, f.done = a, now, true
	if f.cutOff || a.err != nil {
		r.flights = slices.DeleteFunc(r.flights, func(other *flight) bool { return other == f })
		switch {
		case !f.cutOff:
			r.fault = now
		case f.needless, r.succeeded > 0 && now-r.succeeded < w.confirm(): // which may wait for witnesses
			w.audit.seen["probes: cut off"]++
		case !stopping && !p.shaken(now-2*time.Second):
			p.violate("probes", target, "is probed, and the probe cut off without a reason")
		}
	}
	if !f.cutOff && a.reason != "" && a.err == nil && w.witnesses > 0 {
		isOld := func(t time.Duration) bool { return t < now-w.confirm() }
		r.unconfirmed = slices.DeleteFunc(append(r.unconfirmed, now), isOld)
	}
	for len(r.flights) > 0 && r.flights[0].done {
		first := r.flights[0]
		r.flights = r.flights[1:]
		p.count(r, first, now)
	}
}

// witnessed notes how a witness answered.
func (p *process) witnessed(f *flight, a answer, now time.Duration) {
	if a.reason != "" || a.err != nil {
		p.witnessFailed = now
		return
	}
	p.witnessAsked = max(p.witnessAsked, f.began)
	for _, r := range p.records {
		left := slices.DeleteFunc(r.unconfirmed, func(t time.Duration) bool { return t <= f.began })
		if len(left) < len(r.unconfirmed) {
			r.counted = now
		}
		r.unconfirmed = left
	}
}

// count counts a result, in the order of the starts.
func (p *process) count(r *record, f *flight, now time.Duration) {
	w := p.world
	wasDown := r.canBeDown
	defer func() {
		switch {
		case wasDown != r.canBeDown:
			r.streaks[f.began] = 0
		case wasDown:
			r.streaks[f.began] = r.successes
		default:
			r.streaks[f.began] = r.failures
		}
	}()
	if f.reason == "" {
		r.failures, r.successes, r.wasUp = 0, r.successes+1, true
		r.counted = max(r.counted, f.ended)
		r.calm, r.longest = r.calm+1, max(r.longest, f.ended-f.began)
		if f.ended-f.began > w.retry {
			r.calm, r.longest = 0, 0
		}
		if r.canBeDown && r.successes >= w.Success {
			r.canBeDown, r.cleared = false, now
		}
		r.flights = slices.DeleteFunc(r.flights, func(other *flight) bool { return other.done })
		for _, other := range r.flights {
			other.needless = true
		}
		r.succeeded = now
		return
	}
	r.failures, r.successes, r.calm, r.longest = r.failures+1, 0, 0, 0
	if !r.canBeDown && r.failures >= w.Failure {
		r.canBeDown, r.turned = true, now
	}
	if w.witnesses == 0 {
		r.counted = max(r.counted, f.ended)
	}
}

// shaken is whether the process was stopped since then.
func (p *process) shaken(since time.Duration) bool {
	now := p.world.now()
	return slices.ContainsFunc(p.world.network.stalls[p.number], func(f fault) bool {
		return f.from <= now && f.until+time.Second > since
	})
}

// disturbed is whether since then something was in the way of counting the results of a site.
func (p *process) disturbed(r *record, since time.Duration) bool {
	happened := func(last time.Duration) bool { return last > 0 && last >= since }
	return p.shaken(since) || happened(r.fault) || happened(p.witnessFailed)
}
