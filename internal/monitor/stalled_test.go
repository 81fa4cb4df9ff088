package monitor_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"failover-monitor/internal/monitor"
	"failover-monitor/internal/probe"
)

// TestStuckProber has a probe that never ends: the verdict ages, and does not count any more.
func TestStuckProber(t *testing.T) {
	t.Parallel()
	a, b := newFake(), newFake()
	runFakes(t, 5*time.Second, fakes{a, b}, func(t *testing.T, m *monitor.Monitor, events *recorder) {
		time.Sleep(time.Second)
		b.set(func(f *fake) { f.stuck = true }) // from the probe at 5 s on

		sleepUntil(8500 * time.Millisecond)
		stalled := func() time.Duration { return m.Overview().Sites[1].Stalled(time.Now()) }
		if late := stalled(); late != 0 {
			t.Errorf("a probe within its timeout: %v late", late)
		}
		sleepUntil(9 * time.Second) // result at 0.01 s, which counts for 5 + 3 + 1 s
		wantAnswer(t, m, "site-a", "0")
		sleepUntil(9500 * time.Millisecond)
		if late := stalled(); late != 500*time.Millisecond || m.Overview().Live() {
			t.Errorf("a stuck probe: %v late", late)
		}
		wantAnswer(t, m, "site-a", "no verdict on site-b") // it waits 2 s for one
		wantAnswer(t, m, "site-b", "0")
		sleepUntil(12 * time.Second)
		if got := events.take(); !slices.Equal(got[2:], []string{"09.010 site-b aged"}) {
			t.Errorf("got %q", got)
		}
		if got := b.probes(); len(got) != 2 {
			t.Errorf("%d probes, want no third beside the one that is stuck", len(got))
		}

		b.set(func(f *fake) { f.stuck = false })
		b.release <- true
		time.Sleep(time.Second)
		wantAnswer(t, m, "site-a", "0")
		if late := stalled(); late != 0 || !events.contains("site-b known") {
			t.Errorf("healthy again: %v late, %q", late, events.take())
		}
	})
}

// TestFaultOfTheMonitor has a probe that cannot be made. That is not the site's fault, so the
// verdict ages.
func TestFaultOfTheMonitor(t *testing.T) {
	t.Parallel()
	a, b := newFake(), newFake()
	runFakes(t, 5*time.Second, fakes{a, b}, func(t *testing.T, m *monitor.Monitor, events *recorder) {
		tooMany := errors.New("too many open files")
		time.Sleep(time.Second)
		b.set(func(f *fake) { f.fault = tooMany })
		time.Sleep(7 * time.Second)
		wantAnswer(t, m, "site-a", "0")
		time.Sleep(2 * time.Second)
		wantAnswer(t, m, "site-a", "no verdict on site-b")
		if o := m.Overview(); o.Sites[1].Fault() != tooMany || !o.Live() {
			t.Errorf("the fault is %v", o.Sites[1].Fault())
		}
		time.Sleep(time.Second)
		b.set(func(f *fake) { f.fault = nil })
		time.Sleep(6 * time.Second)
		wantAnswer(t, m, "site-a", "0")
		want := []string{
			"05.010 site-b fault", "09.010 site-b aged",
			"15.010 site-b fault ended", "15.010 site-b known",
		}
		if got := events.take()[2:]; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// TestStuckBetweenProbes has a loop that hangs after its first probe, because the observer of its
// event does. It counts as stalled a second after the next probe should have started.
func TestStuckBetweenProbes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		interval time.Duration
		takes    time.Duration
		stalled  time.Duration // from then on
	}{
		{"the next is at 5 s", 5 * time.Second, 2 * time.Second, 6 * time.Second},
		{"the next was at 1 s, and starts at once",
			time.Second, 2500 * time.Millisecond, 3500 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f, free := newFake(), make(chan bool)
				f.takes = c.takes
				o := noEvents
				o.Observe = func(monitor.Event) { <-free }
				site := newSite('a', f.probe)
				site.Interval = c.interval
				runMonitor(t, []*monitor.Site{site}, o, func(m *monitor.Monitor) {
					late := func() time.Duration { return m.Overview().Sites[0].Stalled(time.Now()) }
					sleepUntil(c.stalled)
					if late() != 0 {
						t.Errorf("after %v: %v late", c.stalled, late())
					}
					time.Sleep(100 * time.Millisecond)
					if late() != 100*time.Millisecond {
						t.Errorf("stalled since %v: %v late", c.stalled, late())
					}
					close(free)
				})
			})
		})
	}
}

// TestNoFalseExpiry has a result that arrives in the moment in which the verdict before it expires.
// Either of the two may come first. If an event says that the verdict has expired, another one says
// that it is known again.
func TestNoFalseExpiry(t *testing.T) {
	t.Parallel()
	for range 200 {
		synctest.Test(t, func(t *testing.T) {
			late := func(context.Context) (probe.Result, error) {
				result := probe.Result{Up: true, Began: time.Now()}
				if time.Since(midnight) > time.Second {
					sleepUntil(5*time.Second + timeout + time.Second + 1)
				}
				return result, nil
			}
			events := new(recorder)
			o := options(events)
			record := o.Observe
			// The observer delays the second probe until then.
			o.Observe = func(e monitor.Event) { record(e); sleepUntil(5500 * time.Millisecond) }
			runMonitor(t, []*monitor.Site{newSite('a', late)}, o, func(m *monitor.Monitor) {
				sleepUntil(9500 * time.Millisecond)
				if o := m.Overview(); o.Sites[0].Current(o.Time) != monitor.Up ||
					events.contains("aged") != events.contains("known") {
					t.Errorf("%v, and %q", o.Sites[0].Current(o.Time), events.take())
				}
			})
		})
	}
}

// TestStoppedDuringAProbe has a monitor that the system stops in the middle of a probe. The result
// of that probe is as old as the pause is long, and the site is not to blame for the deadline.
func TestStoppedDuringAProbe(t *testing.T) {
	t.Parallel()
	for _, interval := range []time.Duration{0, 5 * time.Second} {
		for _, found := range []string{"up", "down"} {
			t.Run(fmt.Sprintf("every %v, %s", interval, found), func(t *testing.T) {
				t.Parallel()
				a, b := newFake(), newFake()
				b.stuck, b.down = true, found == "down"
				runFakes(t, interval, fakes{a, b}, func(t *testing.T, m *monitor.Monitor, events *recorder) {
					go m.Value(t.Context(), "site-a") // on demand, a poll starts the probe
					time.Sleep(30 * time.Second)
					b.set(func(f *fake) { f.stuck, f.takes = false, time.Second })
					b.release <- true
					time.Sleep(100 * time.Millisecond)
					if !events.contains("site-b fault") || events.contains("site-b turned") {
						t.Errorf("its result counts: %q", events.take())
					}
					if last := m.Overview().Sites[1].Last; last.Began.IsZero() || last.Up != (found == "up") {
						t.Errorf("the last result is %+v, want it to be shown", last)
					}
					want := map[string]string{"up": "0", "down": "1"}[found]
					wantAnswer(t, m, "site-a", want) // by the next probe, which begins at once
				})
			})
		}
	}
}
