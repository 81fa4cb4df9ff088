//go:build e2e

package simulate

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"failover-monitor/internal/monitor"
	"failover-monitor/internal/probe"
)

// quiet is how long a run goes on without faults: for a cycle, and until every HPA has scaled
// down.
const quiet = 10 * time.Minute

// world is a run of a plan.
type world struct {
	*plan
	network  *network
	began    time.Time
	current  []atomic.Pointer[process] // of each monitor, nil while it is stopped
	clusters []*cluster
	audit    audit
	end      context.CancelFunc // of the run, early
}

// process is a monitor from its start to its stop.
type process struct {
	world   *world
	number  int // the monitor's
	began   time.Duration
	monitor *monitor.Monitor
	records []*record // of its sites

	witnessAsked  time.Duration // the last time that one was asked and answered
	witnessFailed time.Duration // when one last did not answer
	offline       bool          // as the events have it
}

// errGone is why nobody answers.
var errGone = errors.New("the monitor does not answer")

// run runs a plan in a bubble of its own, to its end or to the first violation.
func run(t *testing.T, p *plan) *world {
	w := &world{plan: p, network: newNetwork(p), current: make([]atomic.Pointer[process], p.monitors)}
	w.audit.seen = make(map[string]int)
	for i, phase := range p.phases {
		w.clusters = append(w.clusters, newCluster(w, i, phase))
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), p.length+quiet)
		defer cancel()
		w.began, w.end = time.Now(), cancel
		var all sync.WaitGroup
		for m := range p.monitors {
			all.Go(func() { w.live(ctx, m) })
			all.Go(func() { w.override(ctx, m) })
		}
		for _, c := range w.clusters {
			all.Go(func() { c.live(ctx) })
		}
		all.Go(func() { w.inspect(ctx) })
		all.Wait()
	})
	return w
}

func (w *world) now() time.Duration { return time.Since(w.began) }

// sleepUntil is false when the run ends before.
func (w *world) sleepUntil(ctx context.Context, then time.Duration) bool {
	timer := time.NewTimer(then - w.now())
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// live starts a monitor, stops it when the plan says so, and starts it again.
func (w *world) live(ctx context.Context, m int) {
	w.sleepUntil(ctx, time.Duration(1+m)*1234567*time.Nanosecond)
	for _, f := range w.faults {
		if f.kind != stopped || f.monitor != m || f.from < w.now() {
			continue
		}
		w.serve(ctx, m, f.from)
		w.sleepUntil(ctx, f.until)
	}
	w.serve(ctx, m, w.length+quiet)
}

// serve runs a monitor until then.
func (w *world) serve(ctx context.Context, m int, until time.Duration) {
	ctx, stop := context.WithCancel(ctx)
	p := &process{world: w, number: m, began: w.now()}
	options := monitor.Options{
		AnswerTimeout: 2 * time.Second, ErrorWhenAllDown: w.errorWhenAllDown,
		Observe: func(e monitor.Event) { p.observe(ctx, e) },
	}
	var sites []*monitor.Site
	for target := range w.sites {
		site := w.site(target)
		p.records = append(p.records, &record{streaks: make(map[time.Duration]int)})
		site.Probe = p.probe(ctx, target)
		sites = append(sites, site)
	}
	var witnesses []monitor.Witness
	for i := range w.witnesses {
		witness := monitor.Witness{Name: fmt.Sprint("witness-", i+1), Probe: p.probe(ctx, w.sites+i)}
		witnesses = append(witnesses, witness)
	}
	options.Host = monitor.NewHost(witnesses)
	p.monitor = monitor.New(sites, options)
	w.log("monitor %d starts", m+1)
	p.monitor.Start(ctx)
	w.current[m].Store(p)
	w.sleepUntil(ctx, until)
	w.current[m].Store(nil)
	stop()
	p.monitor.Wait()
	options.Host.Wait()
	w.log("monitor %d has stopped", m+1)
}

// probe asks a site, or a witness, through the network, until the life of the process ends.
func (p *process) probe(life context.Context, target int) monitor.Probe {
	w := p.world
	return func(ctx context.Context) (probe.Result, error) {
		began, clock := w.now(), time.Now()
		flight := p.begin(target, began)
		wasStalled := p.stall(ctx, target)
		a := w.network.exchange(p.number, target, w.now())
		if a.takes > w.timeout {
			a.reason = probe.ReasonTimeout
			<-ctx.Done()
		} else {
			timer := time.NewTimer(a.takes)
			select {
			case <-timer.C:
			case <-ctx.Done():
				a.reason = probe.ReasonTimeout
			}
			timer.Stop()
		}
		if p.stall(ctx, target) || wasStalled {
			if a.reason != "" { // as the monitor's own meter of stalls would say, which sees no stall here
				a.err = &monitor.StallError{Lost: w.now() - began}
			}
		}
		flight.cutOff = context.Cause(ctx) == context.Canceled
		p.finish(flight, target, a, life.Err() != nil)
		if a.err != nil {
			return probe.Result{}, a.err
		}
		return probe.Result{
			Up: a.reason == "", Reason: a.reason, Began: clock, Duration: w.now() - began,
		}, nil
	}
}

// stall waits until the process goes on, if it is stopped. All that waits goes on soon after
// that, in some order.
func (p *process) stall(ctx context.Context, salt int) bool {
	until, ok := p.stalledUntil()
	if ok {
		soon := time.Duration(1+salt)*time.Millisecond + p.world.now()%time.Millisecond
		p.world.sleepUntil(ctx, until+soon)
	}
	return ok
}

func (p *process) stalledUntil() (until time.Duration, ok bool) {
	now := p.world.now()
	for _, f := range p.world.network.stalls[p.number] {
		if f.from <= now && now < f.until {
			until, ok = max(until, f.until), true
		}
	}
	return until, ok
}

// ask asks a monitor for the value of a site, as KEDA's client does: it waits for no longer than
// that.
func (w *world) ask(ctx context.Context, m, site int, limit time.Duration) (int, error) {
	p := w.current[m].Load()
	if p == nil {
		return 0, errGone
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if p.stall(ctx, w.sites+site); ctx.Err() != nil || w.current[m].Load() != p {
		return 0, errGone
	}
	value, err := p.monitor.Value(ctx, siteName(site))
	p.monitor.Polled(siteName(site), "KEDA", value)
	if w.current[m].Load() != p || ctx.Err() != nil {
		return 0, errGone
	}
	p.checkAnswer(site, value, err)
	return value, err
}

// glance asks a monitor for what it knows at this moment, of all sites.
func (w *world) glance(m int) {
	p := w.current[m].Load()
	if p == nil {
		return
	}
	if _, stopped := p.stalledUntil(); stopped {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for site := range w.sites {
		value, err := p.monitor.Value(ctx, siteName(site))
		p.checkAnswer(site, value, err)
	}
}
