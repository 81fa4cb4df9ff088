package monitor_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"failover-monitor/internal/monitor"
	"failover-monitor/internal/probe"
)

// fake is a site whose behaviour a test changes while the monitor runs.
type fake struct {
	mu          sync.Mutex
	takes       time.Duration // by each probe; it fails at its deadline if that is sooner
	down        bool
	fault       error
	stuck       bool            // the probe ignores ctx
	release     chan bool       // ends a stuck probe
	starts      []time.Duration // of all probes, after midnight
	running     int             // probes under way
	mostRunning int             // at the same time
}

func newFake() *fake { return &fake{release: make(chan bool), takes: 10 * time.Millisecond} }

func (f *fake) probe(ctx context.Context) (probe.Result, error) {
	f.mu.Lock()
	began := time.Now()
	f.starts = append(f.starts, began.Sub(midnight))
	f.running++
	f.mostRunning = max(f.mostRunning, f.running)
	takes, down, fault, stuck := f.takes, f.down, f.fault, f.stuck
	f.mu.Unlock()
	defer f.set(func(f *fake) { f.running-- })
	late := false
	if stuck {
		<-f.release
	} else {
		select {
		case <-time.After(takes):
		case <-ctx.Done():
			if late = true; ctx.Err() == context.Canceled {
				return probe.Result{}, ctx.Err()
			}
		}
	}
	if fault != nil {
		return probe.Result{}, fault
	}
	result := probe.Result{Up: !down && !late, Status: 200, Began: began, Duration: time.Since(began)}
	if !result.Up {
		result.Reason, result.Detail = probe.ReasonTimeout, "hangs"
	}
	return result, nil
}

func (f *fake) set(change func(*fake)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

// probes are the starts of all probes so far.
func (f *fake) probes() []time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.starts)
}

// fakes are sites called site-a, site-b, …
type fakes []*fake

// runFakes runs a test on a monitor of fakes, in synthetic time.
func runFakes(t *testing.T, interval time.Duration, all fakes,
	test func(t *testing.T, m *monitor.Monitor, events *recorder)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var sites []*monitor.Site
		for i, f := range all {
			f.release = make(chan bool) // belongs to this synctest bubble
			site := newSite('a'+rune(i), f.probe)
			site.Interval = interval
			sites = append(sites, site)
		}
		events := new(recorder)
		runMonitor(t, sites, options(events), func(m *monitor.Monitor) {
			test(t, m, events)
			for _, f := range all {
				f.set(func(f *fake) {
					if f.stuck {
						close(f.release)
					}
				})
			}
		})
	})
}
