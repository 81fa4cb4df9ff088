package monitor_test

import (
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"failover-monitor/internal/monitor"
)

func TestOnDemand(t *testing.T) {
	t.Parallel()
	a, b, c := newFake(), newFake(), newFake()
	b.takes, c.takes = time.Second, time.Second
	bubble(t, 0, []*fake{a, b, c}, func(t *testing.T, m *monitor.Monitor, log *journal) {
		zero := time.Now()
		time.Sleep(10 * time.Second)
		if got := b.since(zero); got != nil {
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
		if len(b.since(zero)) != 1 || len(a.since(zero)) != 0 {
			t.Errorf("%d probes of site-b and %d of site-a, want 1 and 0", len(b.since(zero)), len(a.since(zero)))
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
		if err := m.Alive(); err != nil {
			t.Errorf("idle: %v", err)
		}
		if logged := log.String(); strings.Contains(logged, "expired") {
			t.Errorf("nobody expects a verdict to be there:\n%s", logged)
		}
		b.set(func(f *fake) { f.stuck = true })
		asked = time.Now()
		if got := ask(t, m, "site-a"); !strings.Contains(got, "last known: down") || time.Since(asked) != 4*time.Second {
			t.Errorf("stuck: got %q after %v", got, time.Since(asked))
		}
		time.Sleep(time.Second)
		if err := m.Alive(); err == nil {
			t.Error("stuck: alive")
		}
	})
}

// TestHalfClosed is a caller who gives up, or half-closes its connection, which looks the same: what it gets is
// not what was found for somebody before.
func TestHalfClosed(t *testing.T) {
	t.Parallel()
	a, b := newFake(), newFake()
	bubble(t, 0, []*fake{a, b}, func(t *testing.T, m *monitor.Monitor, _ *journal) {
		wantAnswer(t, m, "site-a", "0")
		b.set(func(f *fake) { f.takes = time.Second })
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if value, err := m.Value(ctx, "site-a"); err == nil {
			t.Errorf("got %d, want an error", value)
		}
	})
}

// TestPatience is the longest of all sites', whatever their order.
func TestPatience(t *testing.T) {
	t.Parallel()
	background := monitor.Site{Name: "background", Interval: 5 * time.Second, Timeout: timeout}
	onDemand := monitor.Site{Name: "on demand", Timeout: timeout}
	for _, c := range []struct {
		sites []monitor.Site
		want  time.Duration
	}{
		{[]monitor.Site{background}, 2 * time.Second}, // the answer timeout
		{[]monitor.Site{background, onDemand}, timeout + time.Second},
		{[]monitor.Site{onDemand, background}, timeout + time.Second},
	} {
		if got := monitor.New(c.sites, options(io.Discard)).Patience(); got != c.want {
			t.Errorf("%d sites, %s first: %v, want %v", len(c.sites), c.sites[0].Name, got, c.want)
		}
	}
}

// TestPinnedOnDemand: a poll does not wait for a pinned site, whose probing goes on beside its override.
func TestPinnedOnDemand(t *testing.T) {
	t.Parallel()
	for _, onDemand := range []bool{true, false} {
		world{sites: []script{nil, {{0, hangs}}}, onDemand: onDemand, override: map[int]monitor.Verdict{1: monitor.Up}}.run(t, func(t *testing.T, m *monitor.Monitor, _ *journal) {
			asked := time.Now()
			wantAnswer(t, m, "site-a", "0")
			if waited := time.Since(asked); waited != 0 {
				t.Errorf("on demand %v: waited %v", onDemand, waited)
			}
			sleepUntil(4 * time.Second)
			if got, want := m.Status().Sites[1].Explanation, "site-b is pinned up by its OVERRIDE; its probes say down"; got != want {
				t.Errorf("on demand %v: got %s, want %s", onDemand, got, want)
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
		{"all are down", script{{0, refuses}}, monitor.ErrAllDown.Error()},
		{"it hangs", script{{0, hangs}}, monitor.ErrAllDown.Error()},
		{"it is up", nil, "1"},
		{"it is not known to be down", script{{0, broken}}, "1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			world{sites: []script{c.own, {{0, refuses}}}, onDemand: true, errorWhen: true}.run(t, func(t *testing.T, m *monitor.Monitor, _ *journal) {
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
	world{sites: []script{nil, hang, {{0, refuses}}, hang}, onDemand: true, witnesses: []script{{{0, slow}}}}.run(t, func(t *testing.T, m *monitor.Monitor, _ *journal) {
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
	const early = "no verdict on site-a: no probe of it has had a result yet"
	for _, c := range []struct {
		own    script
		answer string // in the end
	}{{script{{0, hangs}}, monitor.ErrAllDown.Error()}, {script{{0, slow}, {time.Second, hangs}}, "1"}} {
		world{sites: []script{c.own, {{0, refuses}}}, errorWhen: true}.run(t, func(t *testing.T, m *monitor.Monitor, _ *journal) {
			sleepUntil(500 * time.Millisecond)
			if metric := m.Status().Metrics[0]; metric.Value != nil || metric.Explanation != early {
				t.Errorf("the status is %+v", metric)
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
