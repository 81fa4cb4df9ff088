//go:build e2e

package simulate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"failover-monitor/internal/monitor"
	"failover-monitor/internal/probe"
)

// plan is all that a seed draws: what there is, how it is set, and what goes wrong when.
type plan struct {
	seed      uint64
	sites     int // each with a cluster of its own
	monitors  int
	witnesses int
	monitor.Thresholds
	interval, retry, timeout time.Duration
	errorWhenAllDown         bool
	loss                     float64         // of each packet, at any time before the quiet phase
	roundTrip                time.Duration   // the mean, of all paths
	phases                   []time.Duration // when each cluster first asks
	length                   time.Duration   // of the time with faults
	faults                   []fault         // in the order of time
}

// fault is something that goes wrong for a while.
type fault struct {
	kind        kind
	from, until time.Duration
	monitor     int             // whose fault it is; unless all monitors see it
	site        int             // where it is; unless it is at all of them
	reason      probe.Reason    // of [fails] and [flaps]
	period      time.Duration   // of [flaps]
	loss        float64         // of [lossy]
	verdict     monitor.Verdict // of [overridden]
	cleared     time.Duration   // after that; zero: never
}

type kind int

// The kinds of faults: of a site, of the path from a monitor to a site, of a monitor, and of a
// cluster.
const (
	fails      kind = iota // the site answers at once, in a way that is a failure
	hangs                  // it accepts connections and never answers
	halfOpen               // it accepts connections and resets them later
	slow                   // it takes its time: now less than the timeout, now more
	flaps                  // it fails and does not, in turns
	lossy                  // the path loses packets
	cut                    // the path loses all packets
	cutOff                 // the monitor loses all packets: to the sites, and to the witnesses
	noWitness              // the witnesses do not answer this monitor
	broken                 // the monitor cannot make a probe
	stalled                // its process is stopped, and goes on
	stopped                // its process ends, and another one starts
	overridden             // somebody pins the verdict of a site, at one monitor
	unreached              // the cluster cannot reach any monitor
	kinds
)

func (k kind) String() string {
	return [...]string{"fails", "hangs", "half-open", "slow", "flaps", "lossy", "cut", "cut off",
		"no witness", "broken", "stalled", "stopped", "overridden", "unreached"}[k]
}

// reasons are those that a site can give. A timeout is what hangs.
var reasons = []probe.Reason{
	probe.ReasonDNS, probe.ReasonRefused, probe.ReasonUnreachable, probe.ReasonReset,
	probe.ReasonTLSExpired, probe.ReasonTLSUnknown, probe.ReasonTLSName, probe.ReasonTLS,
	probe.ReasonRedirect, probe.ReasonStatus, probe.ReasonCredentials, probe.ReasonBody,
	probe.ReasonProtocol,
}

// draw makes the plan of a seed. The numbers are to the nanosecond, so that no two events fall on
// one instant.
func draw(seed uint64) plan {
	r := rand.New(rand.NewPCG(seed, 0))
	p := plan{
		seed: seed, sites: 2, monitors: 1, length: 24*time.Hour - quiet,
		Thresholds:       monitor.Thresholds{Failure: 1 + r.IntN(3), Success: 1 + r.IntN(3)},
		interval:         between(r, 4*time.Second, 30*time.Second),
		retry:            between(r, time.Second/2, 4*time.Second),
		timeout:          between(r, time.Second, 5*time.Second),
		roundTrip:        between(r, time.Millisecond, 80*time.Millisecond),
		errorWhenAllDown: r.IntN(4) == 0,
	}
	if r.IntN(5) == 0 {
		p.sites = 3
	}
	if r.IntN(6) == 0 {
		p.monitors = 3
	}
	if r.IntN(2) == 0 {
		p.witnesses = 1 + r.IntN(2)
	}
	if r.IntN(3) == 0 {
		p.loss = math.Pow(10, -4+2*r.Float64())
	}
	for range p.sites {
		p.phases = append(p.phases, between(r, 0, syncPeriod))
	}
	for range 80 {
		p.faults = append(p.faults, p.drawFault(r))
	}
	slices.SortFunc(p.faults, func(a, b fault) int { return int(a.from - b.from) })
	return p
}

// drawFault draws one of 20 ms to 20 minutes. Some follow closely on the one drawn before.
func (p *plan) drawFault(r *rand.Rand) fault {
	f := fault{
		kind: kind(r.IntN(int(kinds))), monitor: r.IntN(p.monitors), site: r.IntN(p.sites),
		reason: reasons[r.IntN(len(reasons))], period: between(r, time.Second, time.Minute),
		loss: r.Float64(), from: between(r, 0, p.length),
	}
	if n := len(p.faults); n > 0 && r.IntN(3) == 0 {
		f.from = min(p.faults[n-1].from+between(r, 0, time.Minute), p.length-1)
	}
	lasts := time.Duration(20e6 * math.Pow(60e3, r.Float64()))
	f.until = min(f.from+lasts, p.length)
	f.verdict = monitor.Up
	if r.IntN(2) == 0 {
		f.verdict = monitor.Down
	}
	if r.IntN(2) == 0 {
		f.cleared = between(r, 0, f.until-f.from)
	}
	return f
}

func between(r *rand.Rand, low, high time.Duration) time.Duration {
	return low + time.Duration(r.Int64N(int64(high-low)))
}

// concerns is whether a fault is seen on the path from a monitor to a site, or to a witness:
// those count on from the sites.
func (p *plan) concerns(f fault, m, target int) bool {
	switch f.kind {
	case fails, hangs, halfOpen, slow, flaps:
		return target == f.site
	case lossy, cut:
		return m == f.monitor && target == f.site
	case cutOff:
		return m == f.monitor
	case noWitness:
		return m == f.monitor && target >= p.sites
	case broken:
		return m == f.monitor && target < p.sites
	}
	return false
}

// confirm is the longest that witnesses take.
func (p *plan) confirm() time.Duration { return monitor.ConfirmTime(p.witnesses) }

// site is one as a monitor has it.
func (p *plan) site(i int) *monitor.Site {
	return &monitor.Site{
		Name: siteName(i), Thresholds: p.Thresholds,
		Interval: p.interval, Retry: p.retry, Timeout: p.timeout,
		Phase: p.interval * time.Duration(i) / time.Duration(p.sites),
		Delay: p.interval * time.Duration(i) / time.Duration(10*p.sites),
	}
}

// worstCase is the longest from the death of a site to the verdict, as the monitor has it.
func (p *plan) worstCase() time.Duration { return p.site(0).WorstCase(p.confirm()).Hangs }

// lifetime is how long a verdict may count without a new result.
func (p *plan) lifetime() time.Duration {
	longest := p.interval
	if max(p.Failure, p.Success) > 1 {
		longest = max(longest, p.retry)
	}
	return longest + p.timeout + p.confirm() + time.Second
}

func siteName(i int) string { return "site-" + string(rune('a'+i)) }

// String is the plan in words.
func (p *plan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d: %d sites, %d monitors, %d witnesses, thresholds %d/%d\n",
		p.seed, p.sites, p.monitors, p.witnesses, p.Failure, p.Success)
	fmt.Fprintf(&b, "interval %v, retry %v, timeout %v, round trip %v, %.4f %% of packets lost\n",
		p.interval, p.retry, p.timeout, p.roundTrip, 100*p.loss)
	fmt.Fprintf(&b, "error when all are down: %v, clusters ask from %v on\n",
		p.errorWhenAllDown, p.phases)
	fmt.Fprintf(&b, "worst case %v, a verdict lives %v; %d faults until %v:\n",
		p.worstCase(), p.lifetime(), len(p.faults), p.length)
	for _, f := range p.faults {
		fmt.Fprintf(&b, "  %14.6f to %14.6f  %s\n", f.from.Seconds(), f.until.Seconds(), f)
	}
	return b.String()
}

// String says what it is.
func (f fault) String() string {
	at, by := siteName(f.site), fmt.Sprintf("monitor %d", f.monitor+1)
	switch f.kind {
	case fails:
		return fmt.Sprintf("%s fails: %s", at, f.reason)
	case flaps:
		return fmt.Sprintf("%s flaps every %v: %s", at, f.period, f.reason)
	case hangs, halfOpen, slow:
		return fmt.Sprintf("%s: %v", at, f.kind)
	case lossy:
		return fmt.Sprintf("%s to %s loses %.1f %% of packets", by, at, 100*f.loss)
	case cut:
		return fmt.Sprintf("%s to %s: cut", by, at)
	case overridden:
		if f.cleared == 0 {
			return fmt.Sprintf("%s: %s is pinned: %v", by, at, f.verdict)
		}
		return fmt.Sprintf("%s: %s is pinned: %v, cleared after %v", by, at, f.verdict, f.cleared)
	case unreached:
		return fmt.Sprintf("the cluster of %s reaches no monitor", at)
	}
	return fmt.Sprintf("%s: %v", by, f.kind)
}
