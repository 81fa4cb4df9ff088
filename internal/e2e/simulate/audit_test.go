//go:build e2e

package simulate

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"failover-monitor/internal/monitor"
)

// audit is what was seen in a run.
type audit struct {
	mu        sync.Mutex
	lines     []line
	seen      map[string]int // how often each reason, state and rule occurred
	violation *violation
}

// line is one of the event log.
type line struct {
	at   time.Duration
	text string
}

// violation is a rule that was broken.
type violation struct {
	at         time.Duration
	rule, what string
}

// String is the event log. What happens at one instant, in several goroutines, has no order of
// its own.
func (a *audit) String() string {
	slices.SortStableFunc(a.lines, func(a, b line) int {
		if a.at != b.at {
			return int(a.at - b.at)
		}
		return strings.Compare(a.text, b.text)
	})
	var b strings.Builder
	for _, l := range a.lines {
		fmt.Fprintf(&b, "%14.6f %s\n", l.at.Seconds(), l.text)
	}
	return b.String()
}

func (w *world) log(format string, values ...any) {
	w.audit.mu.Lock()
	defer w.audit.mu.Unlock()
	w.note(format, values...)
}

// note is log for whoever has the lock.
func (w *world) note(format string, values ...any) {
	w.audit.lines = append(w.audit.lines, line{w.now(), fmt.Sprintf(format, values...)})
}

func (w *world) see(what string) {
	w.audit.mu.Lock()
	defer w.audit.mu.Unlock()
	w.audit.seen[what]++
}

// violate notes the first violation, with the lock held, and ends the run.
func (w *world) violate(rule, format string, values ...any) {
	if w.audit.violation == nil {
		w.audit.violation = &violation{w.now(), rule, fmt.Sprintf(format, values...)}
		w.note("VIOLATION (%s): %s", rule, w.audit.violation.what)
		w.end()
	}
}

// violate is that of a process, about a site.
func (p *process) violate(rule string, target int, format string, values ...any) {
	what := fmt.Sprintf(format, values...)
	p.world.violate(rule, "monitor %d: %s %s", p.number+1, siteName(target), what)
}

// checkAnswer compares an answer with what really happened.
func (p *process) checkAnswer(site, value int, err error) {
	w := p.world
	now := w.now()
	w.audit.mu.Lock()
	defer w.audit.mu.Unlock()
	if err != nil {
		p.checkError(site, err, now)
		return
	}
	w.audit.seen[fmt.Sprint("value: ", value)]++
	must, can := 0, 0
	for target, r := range p.records {
		if target == site {
			continue
		}
		pinned := r.pin.at(now)
		if pinned == monitor.Down || pinned == monitor.Unknown && p.mustBeDown(target, r, now) {
			must++
		}
		if p.canBeDown(r, now) {
			can++
		}
		age := now - r.counted
		if age > w.lifetime() && pinned == monitor.Unknown && !p.shaken(r.counted) {
			p.violate("lifetime", target, "told to %s by a verdict that is %v old", siteName(site), age)
		}
	}
	if value < must {
		p.violate("late", site, "told %d, and %d others are dead for too long", value, must)
	}
	if value > can {
		p.violate("false", site, "told %d, and %d others can be down", value, can)
	}
}

// mustBeDown is whether a site must not be said to be up: no probe has succeeded, or enough have
// failed in a row, or it is dead for too long. Which failures count with witnesses, they decide.
func (p *process) mustBeDown(target int, r *record, now time.Duration) bool {
	if !r.wasUp || p.world.witnesses == 0 && r.canBeDown && !p.shaken(r.turned-2*time.Second) {
		return true
	}
	since, dead := p.world.network.deadSince(p.number, target, now)
	since = max(since, p.began)
	return dead && now-since > p.world.worstCase() && !p.disturbed(r, since-p.world.timeout)
}

// canBeDown is whether a site may be said to be down. A success may wait for the witnesses of a
// failure before it.
func (p *process) canBeDown(r *record, now time.Duration) bool {
	if pinned := r.pin.at(now); pinned != monitor.Unknown {
		return pinned == monitor.Down
	}
	ago := now - r.cleared
	late := ago < p.world.confirm() || ago < 2*time.Second && p.shaken(r.cleared-time.Second)
	return r.canBeDown || r.cleared > 0 && late
}

// checkError asks why there is no value.
func (p *process) checkError(site int, err error, now time.Duration) {
	w := p.world
	if errors.Is(err, monitor.ErrAllDown) {
		w.audit.seen["value: all are down"]++
		isUp := func(r *record) bool { return !p.canBeDown(r, now) }
		if !w.errorWhenAllDown || slices.ContainsFunc(p.records, isUp) {
			p.violate("error", site, "told that all are down")
		}
		return
	}
	w.audit.seen["value: unknown"]++
	whole := w.lifetime() + w.worstCase()
	if now-p.began < whole {
		return
	}
	for _, r := range p.records {
		if p.disturbed(r, now-whole) {
			return
		}
	}
	p.violate("error", site, "told nothing, without a reason: %v", err)
}

// scaled is that an HPA scales.
func (w *world) scaled(c *cluster, replicas int) {
	w.log("cluster of %s: from %d replicas to %d", siteName(c.site), c.replicas, replicas)
	if replicas > c.replicas {
		return
	}
	w.audit.mu.Lock()
	defer w.audit.mu.Unlock()
	for target := range w.sites {
		since, dead := w.deadForAll(target)
		if target == c.site || !dead || w.pinnedUp(target) {
			continue
		}
		if took := w.now() - since; took > w.worstCase()+syncPeriod+2*kedaTimeout {
			w.violate("fall", "replicas of %s: %s is dead for %v", siteName(c.site), siteName(target), took)
		}
	}
}

// deadForAll is since when a site is dead for every monitor.
func (w *world) deadForAll(target int) (latest time.Duration, dead bool) {
	for m := range w.monitors {
		since, dead := w.network.deadSince(m, target, w.now())
		if !dead {
			return 0, false
		}
		latest = max(latest, since)
	}
	return latest, true
}

// pinnedUp is whether somebody says that a site is up, or has just done so.
func (w *world) pinnedUp(target int) bool {
	now := w.now()
	return slices.ContainsFunc(w.faults, func(f fault) bool {
		return f.kind == overridden && f.site == target && f.from <= now && now < f.until+2*syncPeriod
	})
}

func (w *world) unreached(site int) bool {
	now := w.now()
	return slices.ContainsFunc(w.faults, func(f fault) bool {
		return f.kind == unreached && f.site == site && f.from <= now && now < f.until
	})
}
