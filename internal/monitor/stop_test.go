package monitor_test

import (
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"failover-monitor/internal/monitor"
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
