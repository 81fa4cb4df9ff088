package monitor_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"failover-monitor/internal/monitor"
)

func TestOnDemand(t *testing.T) {
	t.Parallel()
	a, b, c := newFake(), newFake(), newFake()
	b.takes, c.takes = time.Second, time.Second
	runFakes(t, 0, fakes{a, b, c}, func(t *testing.T, m *monitor.Monitor, events *recorder) {
		time.Sleep(10 * time.Second)
		if got := b.probes(); len(got) > 0 {
			t.Errorf("probed at %v without being asked", got)
		}
		asked := time.Now()
		var callers sync.WaitGroup
		for range 10 {
			callers.Go(func() { wantAnswer(t, m, "site-a", "0") })
		}
		callers.Wait()
		if waited := time.Since(asked); waited != time.Second {
			t.Errorf("waited %v, want 1s: both peers at once, one probe for all callers", waited)
		}
		if len(b.probes()) != 1 || len(a.probes()) != 0 {
			t.Errorf("%d probes of site-b and %d of site-a, want 1 and 0",
				len(b.probes()), len(a.probes()))
		}
		b.set(func(f *fake) { f.down = true })
		wantAnswer(t, m, "site-a", "1") // no cache: asked anew

		b.set(func(f *fake) { f.takes = time.Hour })
		asked = time.Now()
		wantAnswer(t, m, "site-a", "1")
		if waited := time.Since(asked); waited != timeout {
			t.Errorf("waited %v for a site that hangs, want its timeout, %v", waited, timeout)
		}
		time.Sleep(time.Hour)
		if !m.Overview().Live() {
			t.Error("an idle loop counts as stalled")
		}
		if events.contains("aged") {
			t.Error("the verdict expired, which does not matter on demand")
		}
		b.set(func(f *fake) { f.stuck = true })
		asked = time.Now()
		wantAnswer(t, m, "site-a", "no verdict on site-b")
		if waited := time.Since(asked); waited != 4*time.Second {
			t.Errorf("waited %v for a stuck probe, want 4s", waited)
		}
		time.Sleep(time.Second)
		if m.Overview().Live() {
			t.Error("a stuck probe, and the monitor counts as live")
		}
	})
}

// TestHalfClosed has a caller that gives up, or half-closes its connection, which looks the same.
// It gets an error, and not the result of an earlier poll.
func TestHalfClosed(t *testing.T) {
	t.Parallel()
	a, b := newFake(), newFake()
	runFakes(t, 0, fakes{a, b}, func(t *testing.T, m *monitor.Monitor, _ *recorder) {
		wantAnswer(t, m, "site-a", "0")
		b.set(func(f *fake) { f.takes = time.Second })
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if value, err := m.Value(ctx, "site-a"); err == nil {
			t.Errorf("got %d, want an error", value)
		}
	})
}

// TestPinnedOnDemand: a poll does not wait for a pinned site, but has it probed.
func TestPinnedOnDemand(t *testing.T) {
	t.Parallel()
	for _, onDemand := range []bool{true, false} {
		sc := scenario{
			sites:    []script{nil, dies(0, hangs)},
			onDemand: onDemand,
			override: map[int]monitor.Verdict{1: monitor.Up},
		}
		sc.run(t, func(t *testing.T, m *monitor.Monitor, _ *recorder) {
			asked := time.Now()
			wantAnswer(t, m, "site-a", "0")
			if waited := time.Since(asked); waited != 0 {
				t.Errorf("on demand %v: waited %v", onDemand, waited)
			}
			sleepUntil(4 * time.Second)
			if got := m.Overview().Sites[1]; got.Verdict != monitor.Down ||
				got.Current(time.Now()) != monitor.Up {
				t.Errorf("on demand %v: got %+v", onDemand, got.State)
			}
		})
	}
}

// TestAllDownOnDemand: with ErrorWhenAllDown each poll has the polled site probed as well.
func TestAllDownOnDemand(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		own  script
		want string
	}{
		{"all are down", script{{0, refuses}}, "all down"},
		{"it hangs", script{{0, hangs}}, "all down"},
		{"it is up", nil, "1"},
		{"it is not known to be down", script{{0, broken}}, "1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			sc := scenario{
				sites:    []script{c.own, dies(0, refuses)},
				onDemand: true, errorWhenAllDown: true,
			}
			sc.run(t, func(t *testing.T, m *monitor.Monitor, _ *recorder) {
				for range 3 {
					wantAnswer(t, m, "site-a", c.want)
					time.Sleep(15 * time.Second)
				}
			})
		})
	}
}

// TestWitnessesOnDemand: a poll waits for both peers' witnesses, of which the second is asked a
// second after the first.
func TestWitnessesOnDemand(t *testing.T) {
	t.Parallel()
	sc := scenario{
		sites:     []script{nil, dies(0, hangs), dies(0, refuses), dies(0, hangs)},
		onDemand:  true,
		witnesses: []script{dies(0, slow)},
	}
	sc.run(t, func(t *testing.T, m *monitor.Monitor, _ *recorder) {
		for range 3 {
			wantAnswer(t, m, "site-a", "3")
			time.Sleep(15 * time.Second)
		}
	})
}

// TestOverrideOnDemand: a poll does not wait for a site that is pinned while the monitor runs.
func TestOverrideOnDemand(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newFake()
		b.takes = time.Hour
		sites := []*monitor.Site{newSite('a', newFake().probe), newSite('b', b.probe)}
		sites[0].Interval, sites[1].Interval = 0, 0
		runMonitor(t, sites, noEvents, func(m *monitor.Monitor) {
			if err := m.SetOverride(t.Context(), "site-b", pin(monitor.Down, time.Hour)); err != nil {
				t.Fatal(err)
			}
			wantAnswer(t, m, "site-a", "1")
			if waited := time.Since(midnight); waited != 0 {
				t.Errorf("waited %v", waited)
			}
		})
	})
}

// TestStopOnDemand: a caller that waits for a new probe when the monitor stops does not get the
// result of the last one.
func TestStopOnDemand(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newFake()
		sites := []*monitor.Site{newSite('a', newFake().probe), newSite('b', b.probe)}
		sites[0].Interval, sites[1].Interval = 0, 0
		ctx, cancel := context.WithCancel(t.Context())
		m := monitor.New(sites, noEvents)
		m.Start(ctx)
		wantAnswer(t, m, "site-a", "0")
		b.set(func(f *fake) { f.takes = time.Hour })
		time.AfterFunc(time.Second, cancel)
		wantAnswer(t, m, "site-a", "no verdict on site-b")
		m.Wait()
	})
}
