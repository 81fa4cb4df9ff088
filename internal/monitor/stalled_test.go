package monitor_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"failover-monitor/internal/monitor"
	"failover-monitor/internal/probe"
)

// TestStuckProber is a probe that never comes back: the verdict ages, and is then no longer told.
func TestStuckProber(t *testing.T) {
	t.Parallel()
	a, b := newFake(), newFake()
	bubble(t, 5*time.Second, []*fake{a, b}, func(t *testing.T, m *monitor.Monitor, events *recorder) {
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
		if got := events.since(); !slices.Equal(got[2:], []string{"09.010 site-b aged"}) {
			t.Errorf("got %q", got)
		}
		if got := b.probes(); len(got) != 2 {
			t.Errorf("%d probes, want no third beside the one that is stuck", len(got))
		}

		b.set(func(f *fake) { f.stuck = false })
		b.free <- true
		time.Sleep(time.Second)
		wantAnswer(t, m, "site-a", "0")
		if late := stalled(); late != 0 || !events.has("site-b known") {
			t.Errorf("healthy again: %v late, %q", late, events.since())
		}
	})
}

// TestFaultOfTheMonitor is a probe that cannot be made: it is not the site's fault, the verdict ages.
func TestFaultOfTheMonitor(t *testing.T) {
	t.Parallel()
	a, b := newFake(), newFake()
	bubble(t, 5*time.Second, []*fake{a, b}, func(t *testing.T, m *monitor.Monitor, events *recorder) {
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
		if got, want := events.since()[2:], []string{"05.010 site-b fault", "09.010 site-b aged", "15.010 site-b fault ended", "15.010 site-b known"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
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
			inBubble(t, func(t *testing.T) {
				f, free := newFake(), make(chan bool)
				f.takes = c.takes
				o := silent
				o.Observe = func(monitor.Event) { <-free }
				site := newSite('a', f.probe)
				site.Interval = c.interval
				watch(t, []*monitor.Site{site}, o, func(m *monitor.Monitor) {
					late := func() time.Duration { return m.Overview().Sites[0].Stalled(time.Now()) }
					sleepUntil(c.stuck)
					if late() != 0 {
						t.Errorf("after %v: %v late", c.stuck, late())
					}
					time.Sleep(100 * time.Millisecond)
					if late() != 100*time.Millisecond {
						t.Errorf("stuck since %v: %v late", c.stuck, late())
					}
					close(free)
				})
			})
		})
	}
}

// TestNoFalseExpiry has a result that arrives in the very moment in which the verdict before it expires. Whichever of the
// two comes first: a verdict that is told to have expired is told to be known again.
func TestNoFalseExpiry(t *testing.T) {
	t.Parallel()
	for range 200 {
		inBubble(t, func(t *testing.T) {
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
			o.Observe = func(e monitor.Event) { record(e); sleepUntil(5500 * time.Millisecond) } // so late is the second probe
			watch(t, []*monitor.Site{newSite('a', late)}, o, func(m *monitor.Monitor) {
				sleepUntil(9500 * time.Millisecond)
				if o := m.Overview(); o.Sites[0].Current(o.Time) != monitor.Up || events.has("aged") != events.has("known") {
					t.Errorf("%v, and %q", o.Sites[0].Current(o.Time), events.since())
				}
			})
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
				bubble(t, interval, []*fake{a, b}, func(t *testing.T, m *monitor.Monitor, events *recorder) {
					go m.Value(t.Context(), "site-a") // on demand, somebody has to ask
					time.Sleep(30 * time.Second)
					b.set(func(f *fake) { f.stuck, f.takes = false, time.Second })
					b.free <- true
					time.Sleep(100 * time.Millisecond)
					if !events.has("site-b fault") || events.has("site-b turned") {
						t.Errorf("its result counts: %q", events.since())
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
