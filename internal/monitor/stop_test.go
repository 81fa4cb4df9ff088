package monitor_test

import (
	"context"
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
		b, events := newFake(), new(recorder)
		ctx, cancel := context.WithCancel(t.Context())
		sites := []*monitor.Site{newSite('a', newFake().probe), newSite('b', b.probe)}
		m := monitor.New(sites, options(events))
		m.Start(ctx)
		time.Sleep(time.Second)
		b.set(func(f *fake) { f.takes = time.Hour })
		time.Sleep(5 * time.Second) // its second probe hangs
		stopped := time.Now()
		cancel()
		m.Wait()
		if took := time.Since(stopped); took != 0 || events.contains("down") {
			t.Errorf("took %v to stop: %q", took, events.take())
		}
		wantAnswer(t, m, "site-a", "0")
	})
}

// TestStopReleasesCallers stops the monitor while callers wait for a first result.
func TestStopReleasesCallers(t *testing.T) {
	t.Parallel()
	for _, interval := range []time.Duration{0, 5 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			b := newFake()
			b.takes = time.Hour
			sites := []*monitor.Site{newSite('a', newFake().probe), newSite('b', b.probe)}
			sites[0].Interval, sites[1].Interval = interval, interval
			ctx, cancel := context.WithCancel(t.Context())
			m := monitor.New(sites, noEvents)
			m.Start(ctx)
			asked := time.Now()
			var caller sync.WaitGroup
			caller.Go(func() { wantAnswer(t, m, "site-a", "no verdict on site-b") })
			time.Sleep(time.Second)
			cancel()
			m.Wait()
			caller.Wait()
			wantAnswer(t, m, "site-a", "no verdict on site-b")
			if waited := time.Since(asked); waited != time.Second {
				t.Errorf("interval %v: callers were released after %v, want 1s", interval, waited)
			}
		})
	}
}

// TestStopWaits: Wait waits for all goroutines that the monitor has started, and for nothing else.
func TestStopWaits(t *testing.T) {
	t.Parallel()
	const slowness = 100 * time.Millisecond // from the end of ctx to the end of the slow witness
	var asking atomic.Int32
	slow := monitor.Witness{Name: "slow", Probe: func(ctx context.Context) (probe.Result, error) {
		asking.Add(1)
		defer asking.Add(-1)
		<-ctx.Done()
		time.Sleep(slowness)
		return probe.Result{}, ctx.Err()
	}}
	quick := monitor.Witness{Name: "quick", Probe: script(nil).probe(midnight)}
	for _, c := range []struct {
		name      string
		witnesses []monitor.Witness
		probe     monitor.Probe // of site-a
		takes     time.Duration
	}{
		{"in a probe", nil, slow.Probe, slowness},
		{"in a round", []monitor.Witness{slow}, quick.Probe, slowness},
		{"in a round that is decided already", []monitor.Witness{quick, slow}, quick.Probe, slowness},
		{"before a round: the last was less than a second ago",
			[]monitor.Witness{quick}, quick.Probe, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				events := new(recorder)
				o := options(events)
				o.Host = monitor.NewHost(c.witnesses)
				ctx, cancel := context.WithCancel(t.Context())
				dead := dies(time.Second, refuses)
				sites := scenario{
					sites:     []script{nil, dead, dead},
					intervals: map[int]time.Duration{2: 5500 * time.Millisecond},
				}.list()
				sites[0].Probe = c.probe
				m := monitor.New(sites, o)
				m.Start(ctx)
				sleepUntil(5600 * time.Millisecond) // site-b failed at 5 s, site-c at 5.5 s
				events.take()
				cancel()
				m.Wait()
				o.Host.Wait()
				took := time.Since(midnight) - 5600*time.Millisecond
				if took != c.takes || asking.Load() != 0 {
					t.Errorf("took %v, want %v; %d still under way", took, c.takes, asking.Load())
				}
				time.Sleep(time.Hour)
				if happened := events.take(); happened != nil {
					t.Errorf("events after the stop: %q", happened)
				}
			})
		})
	}
}
