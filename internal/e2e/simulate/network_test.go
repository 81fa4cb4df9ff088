//go:build e2e

package simulate

import (
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"failover-monitor/internal/probe"
)

// errBroken is why a probe could not be made.
var errBroken = errors.New("too many open files")

// never is longer than any timeout.
const never = time.Hour

// What TCP waits before it sends a packet again, at first; then twice that, and so on (RFC 6298,
// Linux).
const (
	synTimeout  = time.Second
	dataTimeout = 200 * time.Millisecond
)

// network says what becomes of every probe. It is a function of the time alone: no order of
// goroutines can change it.
type network struct {
	*plan
	paths  [][][]fault // what concerns each, by monitor and target
	dead   [][][]span  // when each is such that every probe fails, by monitor and site
	stalls [][]fault   // by monitor
}

// span is a time.
type span struct{ from, until time.Duration }

func newNetwork(p *plan) *network {
	n := &network{plan: p}
	for m := range p.monitors {
		var stalls []fault
		for _, f := range p.faults {
			if f.kind == stalled && f.monitor == m {
				stalls = append(stalls, f)
			}
		}
		n.stalls = append(n.stalls, stalls)
		var paths [][]fault
		var dead [][]span
		for target := range p.sites + p.witnesses {
			var path []fault
			for _, f := range p.faults {
				if p.concerns(f, m, target) {
					path = append(path, f)
				}
			}
			paths, dead = append(paths, path), append(dead, deadSpans(path))
		}
		n.paths, n.dead = append(n.paths, paths), append(n.dead, dead)
	}
	return n
}

// deadSpans joins the faults that fail every probe, and meet.
func deadSpans(path []fault) []span {
	var spans []span
	for _, f := range path {
		if f.kind != fails && f.kind != hangs && f.kind != cut && f.kind != cutOff {
			continue
		}
		if last := len(spans) - 1; last >= 0 && f.from <= spans[last].until {
			spans[last].until = max(spans[last].until, f.until)
		} else {
			spans = append(spans, span{f.from, f.until})
		}
	}
	return spans
}

// deadSince is since when a site is dead for a monitor.
func (n *network) deadSince(m, site int, now time.Duration) (time.Duration, bool) {
	for _, s := range n.dead[m][site] {
		if s.from <= now && now < s.until {
			return s.from, true
		}
	}
	return 0, false
}

// answer is what comes of a probe.
type answer struct {
	takes  time.Duration
	reason probe.Reason // empty for a good one
	err    error        // why it could not be made
}

// exchange is a probe that begins at that time: a connection, a handshake, and a request. Its
// names come from a cache.
func (n *network) exchange(m, target int, at time.Duration) answer {
	path := n.paths[m][target]
	dice := rand.New(rand.NewPCG(n.seed^uint64(1+m*100+target)<<32, uint64(at)))
	trip := n.roundTrip/2 + time.Duration(dice.Int64N(int64(n.roundTrip)))
	if active(path, broken, at) != nil {
		return answer{takes: trip, err: errBroken}
	}
	now := at
	for _, first := range [...]time.Duration{synTimeout, dataTimeout + trip, dataTimeout + trip} {
		for wait := first; n.loses(path, now, dice); wait *= 2 {
			if now += wait; now-at > n.timeout {
				return answer{takes: never}
			}
		}
		now += trip
	}
	a := n.serve(path, now-trip/2, dice)
	a.takes += now - at
	return a
}

// loses is whether a packet, or the one that answers it, is lost.
func (n *network) loses(path []fault, now time.Duration, dice *rand.Rand) bool {
	p := n.loss
	if now >= n.length {
		p = 0
	}
	if f := active(path, lossy, now); f != nil {
		p = f.loss
	}
	if p > 0 && dice.Float64() < 1-(1-p)*(1-p) {
		return true
	}
	return slices.ContainsFunc([]kind{cut, cutOff, noWitness}, func(k kind) bool {
		return active(path, k, now) != nil
	})
}

// serve is what the site does with a request, and how long that takes.
func (n *network) serve(path []fault, now time.Duration, dice *rand.Rand) answer {
	switch f := active(path, fails, now); {
	case f != nil:
		return answer{reason: f.reason}
	case active(path, hangs, now) != nil:
		return answer{takes: never}
	}
	if f := active(path, flaps, now); f != nil && (now-f.from)/f.period%2 == 0 {
		return answer{reason: f.reason}
	}
	part := time.Duration(dice.Float64() * float64(n.timeout))
	switch {
	case active(path, halfOpen, now) != nil:
		return answer{takes: part, reason: probe.ReasonReset}
	case active(path, slow, now) != nil:
		return answer{takes: part * 13 / 10}
	}
	return answer{}
}

// active is a fault of that kind at that time, or nil.
func active(faults []fault, k kind, now time.Duration) *fault {
	for i := range faults {
		if f := &faults[i]; f.kind == k && f.from <= now && now < f.until {
			return f
		}
	}
	return nil
}
