package monitor_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"failover-monitor/internal/monitor"
	"failover-monitor/internal/probe"
)

// TestStuckProber is a probe that never comes back: the verdict ages, and is then no longer told.
func TestStuckProber(t *testing.T) {
	t.Parallel()
	a, b := newFake(), newFake()
	bubble(t, 5*time.Second, []*fake{a, b}, func(t *testing.T, m *monitor.Monitor, log *journal) {
		zero := time.Now()
		time.Sleep(time.Second)
		b.set(func(f *fake) { f.stuck = true }) // from the probe at 5 s on
		at := func(d time.Duration) { time.Sleep(d - time.Since(zero)) }

		at(8500 * time.Millisecond)
		if err := m.Alive(); err != nil {
			t.Errorf("a probe within its timeout: %v", err)
		}
		at(9 * time.Second) // result at 0.01 s, which counts for 5 + 3 + 1 s
		wantAnswer(t, m, "site-a", "0")
		at(9500 * time.Millisecond)
		if err := m.Alive(); err == nil || err.Error() != "site-b: its probe loop is stuck, 500ms late" {
			t.Errorf("a stuck probe: %v", err)
		}
		want := "no verdict on site-b: the last result that counts is 11.5s old, and expired after 9s, last known: up" // it waits 2 s for a new one
		wantAnswer(t, m, "site-a", want)
		wantAnswer(t, m, "site-b", "0")
		at(12 * time.Second)
		if got := ask(t, m, "site-a"); !strings.Contains(got, "last known: up") {
			t.Errorf("got %q", got)
		}
		logged := log.String()
		if n := strings.Count(logged, "verdict expired"); n != 1 {
			t.Errorf("%d lines in the log about it, want 1:\n%s", n, logged)
		}
		if len(b.since(zero)) != 2 {
			t.Errorf("%d probes, want no third beside the one that is stuck", len(b.since(zero)))
		}

		b.set(func(f *fake) { f.stuck = false })
		b.free <- true
		time.Sleep(time.Second)
		wantAnswer(t, m, "site-a", "0")
		if err := m.Alive(); err != nil {
			t.Errorf("well again: %v", err)
		}
		if logged := log.String(); !strings.Contains(logged, "verdict known again") {
			t.Errorf("the log does not say that all is well again:\n%s", logged)
		}
	})
}

// TestFaultOfTheMonitor is a probe that cannot be made: it is not the site's fault, the verdict ages.
func TestFaultOfTheMonitor(t *testing.T) {
	t.Parallel()
	a, b := newFake(), newFake()
	bubble(t, 5*time.Second, []*fake{a, b}, func(t *testing.T, m *monitor.Monitor, log *journal) {
		time.Sleep(time.Second)
		b.set(func(f *fake) { f.fault = errors.New("too many open files") })
		time.Sleep(7 * time.Second)
		wantAnswer(t, m, "site-a", "0")
		time.Sleep(2 * time.Second)
		wantAnswer(t, m, "site-a", "no verdict on site-b: too many open files; the last result that counts is 10s old, and expired after 9s, last known: up")
		if err := m.Well(); err == nil || err.Error() != "site-b: too many open files" || m.Alive() != nil {
			t.Errorf("the prober is not well: %v", err)
		}
		b.set(func(f *fake) { f.fault = nil })
		time.Sleep(6 * time.Second)
		wantAnswer(t, m, "site-a", "0")
		logged := log.String()
		for _, line := range []string{"probe does not count", "probes count again"} {
			if n := strings.Count(logged, line); n != 1 {
				t.Errorf("%d times %q in the log, want 1:\n%s", n, line, logged)
			}
		}
	})
}

// TestStuckBetweenProbes has a loop that hangs behind its first probe, in telling somebody of it: it has
// a second from when the next probe should have begun.
func TestStuckBetweenProbes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		interval time.Duration
		takes    time.Duration
		stuck    time.Duration // when it counts as that
	}{
		{"the next is at 5 s", 5 * time.Second, 2 * time.Second, 6 * time.Second},
		{"the next was at 1 s, and begins at once", time.Second, 2500 * time.Millisecond, 3500 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f, free := newFake(), make(chan bool)
				f.takes = c.takes
				o := options(io.Discard)
				o.Observe = func(monitor.Event) { <-free }
				m := monitor.New([]monitor.Site{{Name: "site-a", Probe: f.probe, Interval: c.interval, Timeout: timeout, Thresholds: monitor.Thresholds{Failure: 1, Success: 1}}}, o)
				ctx, cancel := context.WithCancel(t.Context())
				m.Start(ctx)
				sleepUntil(c.stuck)
				if err := m.Alive(); err != nil {
					t.Errorf("after %v: %v", c.stuck, err)
				}
				time.Sleep(100 * time.Millisecond)
				for _, err := range []error{m.Alive(), m.Well()} {
					if err == nil || err.Error() != "site-a: its probe loop is stuck, 100ms late" {
						t.Errorf("stuck since %v: %v", c.stuck, err)
					}
				}
				close(free)
				cancel()
				m.Wait()
			})
		})
	}
}

// TestNoFalseExpiry has a result that arrives in the very moment in which the verdict before it expires.
// Whichever of the two comes first: a verdict that is told to have expired is told to be known again.
func TestNoFalseExpiry(t *testing.T) {
	t.Parallel()
	for range 200 {
		synctest.Test(t, func(t *testing.T) {
			log := new(journal)
			o := options(log)
			o.Observe = func(monitor.Event) { sleepUntil(5500 * time.Millisecond) } // so late is the second probe
			late := func(context.Context) (probe.Result, error) {
				result := probe.Result{Up: true, Began: time.Now()}
				if time.Since(midnight) > time.Second {
					sleepUntil(5*time.Second + timeout + time.Second + 1)
				}
				return result, nil
			}
			m := monitor.New([]monitor.Site{{Name: "site-a", Probe: late, Interval: 5 * time.Second, Timeout: timeout, Thresholds: monitor.Thresholds{Failure: 1, Success: 1}}}, o)
			ctx, cancel := context.WithCancel(t.Context())
			m.Start(ctx)
			sleepUntil(9500 * time.Millisecond)
			status, logged := m.Status().Sites[0], log.String()
			if strings.Count(logged, "verdict expired") != strings.Count(logged, "verdict known again") || status.Verdict != monitor.Up {
				t.Errorf("%v, and the log says\n%s", status.Verdict, logged)
			}
			cancel()
			m.Wait()
		})
	}
}

// TestStoppedDuringAProbe is a monitor that the system stops, or starves, in the middle of a probe. What
// that probe says then is as old as the pause, and its deadline has passed without the site's doing.
func TestStoppedDuringAProbe(t *testing.T) {
	t.Parallel()
	for _, interval := range []time.Duration{0, 5 * time.Second} {
		for _, found := range []string{"up", "down"} {
			t.Run(fmt.Sprintf("every %v, %s", interval, found), func(t *testing.T) {
				t.Parallel()
				a, b := newFake(), newFake()
				b.stuck, b.down = true, found == "down"
				bubble(t, interval, []*fake{a, b}, func(t *testing.T, m *monitor.Monitor, log *journal) {
					go m.Value(t.Context(), "site-a") // on demand, somebody has to ask
					time.Sleep(30 * time.Second)
					b.set(func(f *fake) { f.stuck, f.takes = false, time.Second })
					b.free <- true
					time.Sleep(100 * time.Millisecond)
					if logged := log.String(); strings.Contains(logged, "site-b from=unknown") || !strings.Contains(logged, "which ended 2") {
						t.Errorf("its result counts:\n%s", logged)
					}
					if last := m.Status().Sites[1].LastResult; last == nil || last.Up != (found == "up") {
						t.Errorf("the last result is %+v, want it to be shown", last)
					}
					want := map[string]string{"up": "0", "down": "1"}[found]
					wantAnswer(t, m, "site-a", want) // by the next probe, which begins at once
				})
			})
		}
	}
}
