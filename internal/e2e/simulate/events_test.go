//go:build e2e

package simulate

import (
	"context"
	"fmt"

	"failover-monitor/internal/monitor"
)

// observe gets all that a monitor tells, and asks for its reason.
func (p *process) observe(ctx context.Context, e monitor.Event) {
	w := p.world
	switch e := e.(type) {
	case monitor.SiteEvent:
		target := int(e.Name[len("site-")] - 'a')
		if p.stall(ctx, 20+target); ctx.Err() != nil {
			return // stopped while it was stalled: the loops end in any order
		}
		w.audit.mu.Lock()
		defer w.audit.mu.Unlock()
		p.checkStreak(target, e)
		for _, c := range e.Changes {
			p.changed(p.records[target], e, c)
		}
	case monitor.OverrideEvent:
		w.audit.mu.Lock()
		defer w.audit.mu.Unlock()
		p.overrideEvent(p.records[e.Name[len("site-")]-'a'], e)
	case monitor.NetworkEvent:
		w.audit.mu.Lock()
		defer w.audit.mu.Unlock()
		w.note("monitor %d: online %v", p.number+1, e.Online)
		w.audit.seen[fmt.Sprint("network: online ", e.Online)]++
		if e.Online != p.offline {
			w.violate("change", "monitor %d: online %v, twice", p.number+1, e.Online)
		}
		if p.offline = !e.Online; p.offline && p.witnessFailed == 0 {
			w.violate("change", "monitor %d is offline, and each witness has answered", p.number+1)
		}
	case monitor.PollEvent:
		w.see(fmt.Sprint("polls: armed ", e.Armed))
		w.log("monitor %d: %s is armed: %v", p.number+1, e.Name, e.Armed)
	}
}

// checkStreak has the monitor count what really came. Which failures count with witnesses, they
// decide; and which results after a stall, their age.
func (p *process) checkStreak(target int, e monitor.SiteEvent) {
	r := p.records[target]
	if e.Outcome == nil {
		return
	}
	began := e.Outcome.Result.Began.Sub(p.world.began)
	want, counted := r.streaks[began]
	delete(r.streaks, began)
	if p.world.witnesses > 0 || p.shaken(p.began) || !counted || e.Streak == want {
		return
	}
	p.violate("streak", target, "has a streak of %d, want %d", e.Streak, want)
}

// changed is one change of a site.
func (p *process) changed(r *record, e monitor.SiteEvent, c monitor.Change) {
	w := p.world
	name := map[monitor.Change]string{
		monitor.Turned: "turned ", monitor.FaultBegan: "fault", monitor.FaultEnded: "fault ended",
		monitor.VerdictAged: "aged", monitor.VerdictKnown: "known again",
	}[c]
	if c == monitor.Turned {
		name += e.Before.Verdict.String() + " to " + e.Verdict.String()
	}
	w.audit.seen["change: "+name]++
	w.note("monitor %d: %s %s %s", p.number+1, e.Name, name, e.Last.Reason)
	wrong := ""
	switch c {
	case monitor.Turned:
		wrong = p.turned(r, e)
	case monitor.FaultBegan, monitor.FaultEnded:
		began := c == monitor.FaultBegan
		if r.fails == began || began && !p.disturbed(r, w.now()-w.lifetime()) {
			wrong = fmt.Sprintf("twice, or without a fault: %v", e.Discarded)
		} else {
			r.fails = began
		}
	case monitor.VerdictAged, monitor.VerdictKnown:
		aged := c == monitor.VerdictAged
		switch {
		case r.aged == aged:
			wrong = "twice"
		case !aged && e.Streak > 0:
			wrong = "by a result that speaks against it"
		}
		r.aged = aged
	}
	if wrong != "" {
		w.violate("change", "monitor %d: %s %s: %s", p.number+1, e.Name, name, wrong)
	}
}

// turned says what is wrong with a verdict that turns.
func (p *process) turned(r *record, e monitor.SiteEvent) string {
	before := r.verdict
	r.verdict = e.Verdict
	switch need := p.world.Success; {
	case e.Before.Verdict != before || e.Verdict == before:
		return "it was " + before.String()
	case e.Outcome == nil || e.Outcome.Discarded != nil:
		return "by no result"
	case e.Verdict == monitor.Up:
		if before == monitor.Unknown {
			need = 1
		}
		if !e.Outcome.Result.Up || e.TurnedBy != need {
			return fmt.Sprintf("after %d successes", e.TurnedBy)
		}
		return ""
	}
	p.world.audit.seen["reason: "+string(e.Outcome.Result.Reason)]++
	ended := e.Outcome.Result.Began.Add(e.Outcome.Result.Duration).Sub(p.world.began)
	switch {
	case e.Outcome.Result.Up || e.Outcome.Result.Reason == "":
		return "without a reason"
	case e.TurnedBy != p.world.Failure || r.failures < p.world.Failure:
		return fmt.Sprintf("after %d failures", e.TurnedBy)
	case p.world.witnesses > 0 && p.witnessAsked < ended:
		return "and no witness has answered"
	}
	return ""
}
