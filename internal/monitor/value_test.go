package monitor_test

import (
	"context"
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
	bubble(t, 5*time.Second, []*fake{a, b, c}, func(t *testing.T, m *monitor.Monitor, _ *recorder) {
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

// TestDisaster is a peer that stops answering: no poll waits, and the value is right in time.
func TestDisaster(t *testing.T) {
	t.Parallel()
	a, b := newFake(), newFake()
	bubble(t, 5*time.Second, []*fake{a, b}, func(t *testing.T, m *monitor.Monitor, _ *recorder) {
		time.Sleep(20 * time.Millisecond) // just after the first probe: the worst moment
		died := time.Now()
		b.set(func(f *fake) { f.takes = time.Hour })
		turned := time.Duration(0)
		for time.Since(died) < 30*time.Second {
			asked := time.Now()
			got := ask(t, m, "site-a")
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
		{"but no longer than the answer timeout", 2500 * time.Millisecond, "no verdict on site-b", 2 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a, b, other := newFake(), newFake(), newFake() // two to wait for, and no longer than for one
			b.takes, other.takes = c.takes, c.takes
			bubble(t, 5*time.Second, []*fake{a, b, other}, func(t *testing.T, m *monitor.Monitor, _ *recorder) {
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

func TestOnDemand(t *testing.T) {
	t.Parallel()
	a, b, c := newFake(), newFake(), newFake()
	b.takes, c.takes = time.Second, time.Second
	bubble(t, 0, []*fake{a, b, c}, func(t *testing.T, m *monitor.Monitor, events *recorder) {
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
			t.Errorf("%d probes of site-b and %d of site-a, want 1 and 0", len(b.probes()), len(a.probes()))
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
			t.Error("idle, and stalled")
		}
		if events.has("aged") {
			t.Error("nobody expects a verdict to be there")
		}
		b.set(func(f *fake) { f.stuck = true })
		asked = time.Now()
		if got := ask(t, m, "site-a"); got != "no verdict on site-b" || time.Since(asked) != 4*time.Second {
			t.Errorf("stuck: got %q after %v", got, time.Since(asked))
		}
		time.Sleep(time.Second)
		if m.Overview().Live() {
			t.Error("stuck, and live")
		}
	})
}

// TestHalfClosed is a caller who gives up, or half-closes its connection, which looks the same: what it gets is
// not what was found for somebody before.
func TestHalfClosed(t *testing.T) {
	t.Parallel()
	a, b := newFake(), newFake()
	bubble(t, 0, []*fake{a, b}, func(t *testing.T, m *monitor.Monitor, _ *recorder) {
		wantAnswer(t, m, "site-a", "0")
		b.set(func(f *fake) { f.takes = time.Second })
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if value, err := m.Value(ctx, "site-a"); err == nil {
			t.Errorf("got %d, want an error", value)
		}
	})
}

// TestMaxWait is the longest of all sites', whatever their order.
func TestMaxWait(t *testing.T) {
	t.Parallel()
	background, onDemand := newSite('a', nil), newSite('b', nil)
	onDemand.Interval = 0
	for _, c := range []struct {
		sites []*monitor.Site
		want  time.Duration
	}{
		{[]*monitor.Site{background}, 2 * time.Second}, // the answer timeout
		{[]*monitor.Site{background, onDemand}, timeout + time.Second},
		{[]*monitor.Site{onDemand, background}, timeout + time.Second},
	} {
		if got := monitor.New(c.sites, silent).MaxWait(); got != c.want {
			t.Errorf("%d sites, %s first: %v, want %v", len(c.sites), c.sites[0].Name, got, c.want)
		}
	}
}

// TestPinnedOnDemand: a poll does not wait for a pinned site, whose probing goes on beside its override.
func TestPinnedOnDemand(t *testing.T) {
	t.Parallel()
	for _, onDemand := range []bool{true, false} {
		scenario{sites: []script{nil, {{0, hangs}}}, onDemand: onDemand, override: map[int]monitor.Verdict{1: monitor.Up}}.run(t, func(t *testing.T, m *monitor.Monitor, _ *recorder) {
			asked := time.Now()
			wantAnswer(t, m, "site-a", "0")
			if waited := time.Since(asked); waited != 0 {
				t.Errorf("on demand %v: waited %v", onDemand, waited)
			}
			sleepUntil(4 * time.Second)
			if got := m.Overview().Sites[1]; got.Verdict != monitor.Down || got.Current(time.Now()) != monitor.Up {
				t.Errorf("on demand %v: got %+v", onDemand, got.State)
			}
		})
	}
}

// TestAllDownOnDemand: whether all are down is found out for each poll, which asks the site itself as well.
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
			scenario{sites: []script{c.own, {{0, refuses}}}, onDemand: true, errorWhen: true}.run(t, func(t *testing.T, m *monitor.Monitor, _ *recorder) {
				for range 3 {
					wantAnswer(t, m, "site-a", c.want)
					time.Sleep(15 * time.Second)
				}
			})
		})
	}
}

// TestWitnessesOnDemand: a poll waits for both peers' witnesses, of which the second is asked a second
// after the first.
func TestWitnessesOnDemand(t *testing.T) {
	t.Parallel()
	hang := script{{0, hangs}}
	scenario{sites: []script{nil, hang, {{0, refuses}}, hang}, onDemand: true, witnesses: []script{{{0, slow}}}}.run(t, func(t *testing.T, m *monitor.Monitor, _ *recorder) {
		for range 3 {
			wantAnswer(t, m, "site-a", "3")
			time.Sleep(15 * time.Second)
		}
	})
}

// TestOwnFirstProbe: while all others are down, and before its own first probe has told, a site is not told to
// scale. Later probes of its own are not waited for: that would delay answers that are known.
func TestOwnFirstProbe(t *testing.T) {
	t.Parallel()
	const early = "no verdict on site-a"
	for _, c := range []struct {
		own    script
		answer string // in the end
	}{{script{{0, hangs}}, "all down"}, {script{{0, slow}, {time.Second, hangs}}, "1"}} {
		scenario{sites: []script{c.own, {{0, refuses}}}, errorWhen: true}.run(t, func(t *testing.T, m *monitor.Monitor, _ *recorder) {
			sleepUntil(500 * time.Millisecond)
			overview := m.Overview()
			told, _, err := overview.Told(overview.Sites[0])
			if got := inWords(told, err); got != early {
				t.Errorf("the overview says %s", got)
			}
			if c.answer == "1" {
				wantAnswer(t, m, "site-a", "1")
				sleepUntil(6 * time.Second) // in the middle of the next
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
