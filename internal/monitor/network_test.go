package monitor_test

import (
	"context"
	"fmt"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"failover-monitor/internal/monitor"
	"failover-monitor/internal/probe"
)

// TestWitnesses counts how often they are asked, and when.
func TestWitnesses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var asked []time.Duration
		zero := time.Now()
		o := options(io.Discard)
		o.Witnesses = []monitor.Witness{{Name: "w", Probe: func(context.Context) (probe.Result, error) {
			mu.Lock()
			defer mu.Unlock()
			asked = append(asked, time.Since(zero))
			return probe.Result{Up: true}, nil
		}}}
		var sites []monitor.Site
		for i := range 20 { // 20 sites, of which all fail at once and then a tenth of a second apart
			s := script{{0, refuses}}
			if i == 0 {
				s = nil
			}
			sites = append(sites, monitor.Site{Name: fmt.Sprint("site-", i), Probe: s.probe(zero, timeout), Interval: 2*time.Second + time.Duration(i)*100*time.Millisecond,
				Timeout: timeout, Thresholds: monitor.Thresholds{Failure: 1, Success: 1}})
		}
		ctx, cancel := context.WithCancel(t.Context())
		m := monitor.New(sites, o)
		m.Start(ctx)
		time.Sleep(30 * time.Second)
		wantAnswer(t, m, "site-0", "19")
		cancel()
		m.Wait()
		if len(asked) < 20 || len(asked) > 31 {
			t.Errorf("asked %d times in 30 s, want up to once a second", len(asked))
		}
		for i := 1; i < len(asked); i++ {
			if asked[i]-asked[i-1] < time.Second {
				t.Errorf("asked at %v and again at %v", asked[i-1], asked[i])
			}
		}
	})
}

// TestWitnessAfterTheFailure: an answer from before a failure is no witness of it. Here the network is
// cut between the witness's answer for site-b, at 5 s, and the failure of site-c, at 5.5 s.
func TestWitnessAfterTheFailure(t *testing.T) {
	t.Parallel()
	cut := 5200 * time.Millisecond
	got, log := play(t, world{
		sites:     []script{nil, {{time.Second, refuses}}, {{cut, refuses}}},
		intervals: map[int]time.Duration{2: 5500 * time.Millisecond},
		witnesses: []script{{{cut, hangs}}},
		until:     30 * time.Second,
	})
	if want := "0 0; 5 1; 9.5 503"; got != want { // never 2; site-c's result of the start counts for 5.5 + 3 + 1 s
		t.Errorf("got %s, want %s\n%s", got, want, log)
	}
}
