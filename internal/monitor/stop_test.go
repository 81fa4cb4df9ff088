package monitor_test

import (
	"context"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"failover-monitor/internal/monitor"
	"failover-monitor/internal/probe"
)

// TestStopIsNoOutage stops the monitor in the middle of a probe.
func TestStopIsNoOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newFake()
		log := new(journal)
		m := monitor.New([]monitor.Site{{Name: "site-a", Probe: newFake().probe, Interval: time.Hour, Timeout: timeout, Thresholds: monitor.Thresholds{Failure: 1, Success: 1}},
			{Name: "site-b", Probe: b.probe, Interval: 5 * time.Second, Timeout: timeout, Thresholds: monitor.Thresholds{Failure: 1, Success: 1}}},
			options(log))
		ctx, cancel := context.WithCancel(t.Context())
		m.Start(ctx)
		time.Sleep(time.Second)
		b.set(func(f *fake) { f.takes = time.Hour })
		time.Sleep(5 * time.Second) // its second probe hangs
		stopped := time.Now()
		cancel()
		m.Wait()
		if took := time.Since(stopped); took != 0 {
			t.Errorf("took %v to stop", took)
		}
		wantAnswer(t, m, "site-a", "0")
		if logged := log.String(); strings.Contains(logged, "to=down") {
			t.Errorf("stopping is in the log as an outage:\n%s", logged)
		}
	})
}

// TestStopLetsCallersGo stops the monitor while callers wait for a first result.
func TestStopLetsCallersGo(t *testing.T) {
	t.Parallel()
	for _, interval := range []time.Duration{0, 5 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			b := newFake()
			b.takes = time.Hour
			site := func(name string, f *fake) monitor.Site {
				return monitor.Site{Name: name, Probe: f.probe, Interval: interval, Timeout: timeout, Thresholds: monitor.Thresholds{Failure: 1, Success: 1}}
			}
			m := monitor.New([]monitor.Site{site("site-a", newFake()), site("site-b", b)}, options(io.Discard))
			ctx, cancel := context.WithCancel(t.Context())
			m.Start(ctx)
			asked := time.Now()
			var caller sync.WaitGroup
			caller.Go(func() { wantAnswer(t, m, "site-a", "no verdict on site-b: no probe of it has had a result yet") })
			time.Sleep(time.Second)
			cancel()
			m.Wait()
			caller.Wait()
			wantAnswer(t, m, "site-a", "no verdict on site-b: no probe of it has had a result yet")
			if waited := time.Since(asked); waited != time.Second {
				t.Errorf("interval %v: callers were let go after %v, want 1s", interval, waited)
			}
		})
	}
}

// TestStopWaits for all that the monitor has started, and for no more than that.
func TestStopWaits(t *testing.T) {
	t.Parallel()
	const notices = 100 * time.Millisecond // what the slow one takes to end with ctx
	var asking atomic.Int32
	slow := monitor.Witness{Name: "slow", Probe: func(ctx context.Context) (probe.Result, error) {
		asking.Add(1)
		defer asking.Add(-1)
		<-ctx.Done()
		time.Sleep(notices)
		return probe.Result{}, ctx.Err()
	}}
	quick := monitor.Witness{Name: "quick", Probe: script(nil).probe(midnight)}
	for _, c := range []struct {
		name      string
		witnesses []monitor.Witness
		own       monitor.Probe // of site-a
		takes     time.Duration
	}{
		{"in a probe", nil, slow.Probe, notices},
		{"in a round", []monitor.Witness{slow}, quick.Probe, notices},
		{"in a round that is decided already", []monitor.Witness{quick, slow}, quick.Probe, notices},
		{"before a round: the last was less than a second ago", []monitor.Witness{quick}, quick.Probe, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := new(journal)
				o := options(log)
				o.Witnesses = c.witnesses
				dies := script{{time.Second, refuses}}
				ctx, cancel := context.WithCancel(t.Context())
				sites := world{sites: []script{nil, dies, dies}, intervals: map[int]time.Duration{2: 5500 * time.Millisecond}}.list()
				sites[0].Probe = c.own
				m := monitor.New(sites, o)
				m.Start(ctx)
				sleepUntil(5600 * time.Millisecond) // site-b failed at 5 s, site-c at 5.5 s
				_ = log.String()
				cancel()
				m.Wait()
				if took := time.Since(midnight) - 5600*time.Millisecond; took != c.takes || asking.Load() != 0 {
					t.Errorf("took %v, want %v; %d of them still under way", took, c.takes, asking.Load())
				}
				time.Sleep(time.Hour)
				if logged := log.String(); logged != "" {
					t.Errorf("it speaks of what it does not watch any more:\n%s", logged)
				}
			})
		})
	}
}

// TestStopOnDemand: who waits for a new probe when the monitor stops does not get what the last one found.
func TestStopOnDemand(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newFake()
		ctx, cancel := context.WithCancel(t.Context())
		m := monitor.New([]monitor.Site{
			{Name: "site-a", Probe: newFake().probe, Timeout: timeout, Thresholds: monitor.Thresholds{Failure: 1, Success: 1}},
			{Name: "site-b", Probe: b.probe, Timeout: timeout, Thresholds: monitor.Thresholds{Failure: 1, Success: 1}},
		}, options(io.Discard))
		m.Start(ctx)
		wantAnswer(t, m, "site-a", "0")
		b.set(func(f *fake) { f.takes = time.Hour })
		time.AfterFunc(time.Second, cancel)
		wantAnswer(t, m, "site-a", "no verdict on site-b: no probe of it has had a result yet")
		m.Wait()
	})
}
