package monitor_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"failover-monitor/internal/monitor"
)

// TestCycle checks when the probes of a site start, in seconds, with a retry interval of 1 s and
// mostly an interval of 5 s.
func TestCycle(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name         string
		delay, phase float64
		interval     float64
		takes        float64
		dies, heals  float64
		want         []float64 // within 23 s
		most         int       // at the same time
	}{
		{"the first at once", 0, 0, 5, 0, 99, 0, []float64{0, 5, 10, 15, 20}, 1},
		{"a place in the cycle", 0, 1.25, 5, 0, 99, 0, []float64{0, 1.25, 6.25, 11.25, 16.25, 21.25}, 1},
		{"a first that is delayed beyond its place", 2, 1.25, 5, 0, 99, 0,
			[]float64{2, 6.25, 11.25, 16.25, 21.25}, 1},
		{"a first that is delayed", 0.5, 1.25, 5, 0, 99, 0,
			[]float64{0.5, 1.25, 6.25, 11.25, 16.25, 21.25}, 1},
		{"beyond the interval", 12, 0, 5, 0, 99, 0, []float64{12, 15, 20}, 1},
		{"retries of a failure, and back", 0, 0, 5, 0, 6, 99, []float64{0, 5, 10, 11, 12, 15, 20}, 1},
		{"a retry that succeeds, and back", 0, 0.5, 5, 0, 6, 12,
			[]float64{0, 0.5, 5.5, 10.5, 11.5, 12.5, 15.5, 20.5}, 1},
		{"retries of a success, too", 0, 0, 5, 0, 6, 14, []float64{0, 5, 10, 11, 12, 15, 16, 20}, 1},
		{"slow, start to start", 0, 0, 5, 0.999, 99, 0, []float64{0, 5, 10, 15, 20}, 1},
		{"slower than the retries: a second beside it", 0, 0, 5, 1.5, 99, 0,
			[]float64{0, 1, 5, 6, 10, 11, 15, 16, 20, 21}, 2},
		{"slow and failing: as many as the threshold", 0, 0, 5, 2.5, 6, 99,
			[]float64{0, 1, 2, 5, 6, 7, 10, 11, 12, 15, 20}, 3},
		{"slower than the interval while down: at once, never two", 0.5, 0, 2, 99, 99, 0,
			[]float64{0.5, 1.5, 2.5, 5.5, 8.5, 11.5, 14.5, 17.5, 20.5}, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a, b := newFake(), newFake()
				b.takes = seconds(c.takes)
				first, site := newSite('a', a.probe), newSite('b', b.probe)
				site.Delay, site.Phase, site.Interval = seconds(c.delay), seconds(c.phase), seconds(c.interval)
				site.Thresholds = monitor.Thresholds{Failure: 3, Success: 2}
				runMonitor(t, []*monitor.Site{first, site}, noEvents, func(m *monitor.Monitor) {
					for second := range 23 {
						down := float64(second) >= c.dies && float64(second) < c.heals
						b.set(func(f *fake) { f.down = down })
						time.Sleep(time.Second - time.Nanosecond)
						if !m.Overview().Live() {
							t.Errorf("stalled in second %d", second)
						}
						time.Sleep(time.Nanosecond)
					}
				})
				var want []time.Duration
				for _, at := range c.want {
					want = append(want, seconds(at))
				}
				if got := b.probes(); !slices.Equal(got, want) {
					t.Errorf("probes began at %v, want %v", got, want)
				}
				if b.mostRunning != c.most {
					t.Errorf("%d probes at once, want %d", b.mostRunning, c.most)
				}
				if got := a.probes(); len(got) < 2 || got[1] != 5*time.Second {
					t.Errorf("site-a was probed at %v, as if it waited for site-b", got)
				}
			})
		})
	}
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// TestProbesAfterAFailure: a failure that is counted already leaves fewer probes to run at the same
// time. With a threshold of 3, the first probe that fails refuses, and the two after it hang.
func TestProbesAfterAFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := newFake(), newFake()
		first, site := newSite('a', a.probe), newSite('b', b.probe)
		site.Failure = 3
		runMonitor(t, []*monitor.Site{first, site}, noEvents, func(*monitor.Monitor) {
			sleepUntil(6 * time.Second)
			b.set(func(f *fake) { f.down = true })
			sleepUntil(10500 * time.Millisecond)
			b.set(func(f *fake) { f.takes = time.Hour })
			sleepUntil(14500 * time.Millisecond)
		})
		want := []time.Duration{0, seconds(5), seconds(10), seconds(11), seconds(12)}
		if got := b.probes(); !slices.Equal(got, want) {
			t.Errorf("probes began at %v, want %v", got, want)
		}
	})
}

// TestFirstProbesKeepTheirDistance: a poll that waits for the first probes of many peers has them
// start one after the other. Their handshakes, all at once, would make each other time out.
func TestFirstProbesKeepTheirDistance(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		peers := newFake()
		sites := []*monitor.Site{newSite('a', script(nil).probe(midnight))}
		for i := range 100 {
			peer := newSite('b'+rune(i), peers.probe)
			peer.Delay = time.Minute
			sites = append(sites, peer)
		}
		runMonitor(t, sites, options(new(recorder)), func(m *monitor.Monitor) {
			if value, err := m.Value(t.Context(), "site-a"); value != 0 || err != nil {
				t.Errorf("%d, %v, want 0", value, err)
			}
			starts := peers.probes()
			slices.Sort(starts)
			for i := 1; i < len(starts); i++ {
				if starts[i]-starts[i-1] < monitor.FirstProbeGap {
					t.Fatalf("two probes begin at %v and %v", starts[i-1], starts[i])
				}
			}
			if len(starts) != 100 {
				t.Errorf("%d probes", len(starts))
			}
		})
	})
}

// TestPollHastensTheFirstProbe: a poll just after the start does not wait for the place of its
// peer's first probe among those of thousands. The probes after it keep theirs.
func TestPollHastensTheFirstProbe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		peer := newFake()
		late := newSite('b', peer.probe)
		late.Delay, late.Phase = 4*time.Second, 3*time.Second
		sites := []*monitor.Site{newSite('a', script(nil).probe(midnight)), late}
		runMonitor(t, sites, noEvents, func(m *monitor.Monitor) {
			time.Sleep(500 * time.Millisecond)
			for range 2 {
				if value, err := m.Value(t.Context(), "site-a"); value != 0 || err != nil {
					t.Errorf("%d, %v, want 0", value, err)
				}
			}
			sleepUntil(14 * time.Second)
			want := []time.Duration{500 * time.Millisecond, 3 * time.Second, 8 * time.Second,
				13 * time.Second}
			if got := peer.probes(); !slices.Equal(got, want) {
				t.Errorf("probes at %v, want %v", got, want)
			}
		})
	})
}
