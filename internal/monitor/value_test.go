package monitor_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"failover-monitor/internal/monitor"
)

func TestValueCountsPeersThatAreDown(t *testing.T) {
	t.Parallel()
	a, b, c := newFake(), newFake(), newFake()
	b.down = true
	runFakes(t, 5*time.Second, fakes{a, b, c}, func(t *testing.T, m *monitor.Monitor, _ *recorder) {
		time.Sleep(time.Second)
		wantAnswer(t, m, "site-a", "1")
		wantAnswer(t, m, "site-b", "0")
		wantAnswer(t, m, "site-c", "1")
		c.set(func(f *fake) { f.down = true })
		time.Sleep(5 * time.Second)
		wantAnswer(t, m, "site-a", "2")
		wantAnswer(t, m, "site-b", "1")
		if _, err := m.Value(t.Context(), "site-d"); !errors.Is(err, monitor.ErrNoSite) {
			t.Errorf("site-d: %v", err)
		}
	})
}

// TestDisaster has a peer that stops answering: no poll waits, and the value changes in time.
func TestDisaster(t *testing.T) {
	t.Parallel()
	a, b := newFake(), newFake()
	runFakes(t, 5*time.Second, fakes{a, b}, func(t *testing.T, m *monitor.Monitor, _ *recorder) {
		time.Sleep(20 * time.Millisecond) // just after the first probe: the worst moment
		died := time.Now()
		b.set(func(f *fake) { f.takes = time.Hour })
		turned := time.Duration(0)
		for time.Since(died) < 30*time.Second {
			asked := time.Now()
			got := poll(t, m, "site-a")
			if waited := time.Since(asked); waited > 0 {
				t.Fatalf("a poll waited %v", waited)
			}
			wantAnswer(t, m, "site-b", "0")
			if got == "1" && turned == 0 {
				turned = time.Since(died)
			}
			if got != "0" && turned == 0 || got != "1" && turned != 0 {
				t.Fatalf("got %q after %v", got, time.Since(died))
			}
			time.Sleep(10 * time.Millisecond)
		}
		if limit := 8 * time.Second; turned == 0 || turned > limit {
			t.Errorf("turned after %v, want at most %v", turned, limit)
		}
	})
}

func TestCallersBeforeTheFirstResult(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		takes  time.Duration
		want   string
		waited time.Duration
	}{
		{"wait for it", time.Second, "0", time.Second},
		{"but no longer than the answer timeout",
			2500 * time.Millisecond, "no verdict on site-b", 2 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a, b, other := newFake(), newFake(), newFake()
			b.takes, other.takes = c.takes, c.takes // waiting for both takes no longer than for one
			sites := fakes{a, b, other}
			runFakes(t, 5*time.Second, sites, func(t *testing.T, m *monitor.Monitor, _ *recorder) {
				asked := time.Now()
				var callers sync.WaitGroup
				for range 10 {
					callers.Go(func() {
						wantAnswer(t, m, "site-a", c.want)
						if waited := time.Since(asked); waited != c.waited {
							t.Errorf("waited %v, want %v", waited, c.waited)
						}
					})
				}
				callers.Wait()
				time.Sleep(3 * time.Second)
				wantAnswer(t, m, "site-a", "0")
				if got := len(b.probes()); got > 2 {
					t.Errorf("%d probes for ten callers", got)
				}
			})
		})
	}
}

// TestMaxWait: it is that of the slowest site, whatever the order of the sites.
func TestMaxWait(t *testing.T) {
	t.Parallel()
	background, onDemand := newSite('a', nil), newSite('b', nil)
	onDemand.Interval = 0
	for _, c := range []struct {
		sites []*monitor.Site
		want  time.Duration
	}{
		{[]*monitor.Site{background}, noEvents.AnswerTimeout},
		{[]*monitor.Site{background, onDemand}, timeout + time.Second},
		{[]*monitor.Site{onDemand, background}, timeout + time.Second},
	} {
		if got := monitor.New(c.sites, noEvents).MaxWait(); got != c.want {
			t.Errorf("%d sites, %s first: %v, want %v", len(c.sites), c.sites[0].Name, got, c.want)
		}
	}
}

// TestOwnFirstProbe: with ErrorWhenAllDown and all other sites down, a site gets no value before
// its own first probe has ended. Polls do not wait for its later probes: that would delay known
// answers.
func TestOwnFirstProbe(t *testing.T) {
	t.Parallel()
	const early = "no verdict on site-a"
	for _, c := range []struct {
		own    script
		answer string // in the end
	}{
		{dies(0, hangs), "all down"},
		{script{{0, slow}, {time.Second, hangs}}, "1"},
	} {
		sc := scenario{sites: []script{c.own, dies(0, refuses)}, errorWhenAllDown: true}
		sc.run(t, func(t *testing.T, m *monitor.Monitor, _ *recorder) {
			sleepUntil(500 * time.Millisecond)
			overview := m.Overview()
			told, _, err := overview.Told(overview.Sites[0])
			if got := formatAnswer(told, err); got != early {
				t.Errorf("the overview says %s", got)
			}
			if c.answer == "1" {
				wantAnswer(t, m, "site-a", "1")
				sleepUntil(6 * time.Second) // in the middle of the next probe
			} else {
				wantAnswer(t, m, "site-a", early)
				sleepUntil(4 * time.Second)
			}
			asked := time.Now()
			wantAnswer(t, m, "site-a", c.answer)
			if waited := time.Since(asked); waited != 0 {
				t.Errorf("waited %v", waited)
			}
		})
	}
}
