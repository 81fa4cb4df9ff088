package monitor_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"failover-monitor/internal/monitor"
	"failover-monitor/internal/probe"
)

// fake is a site whose probes take and say what a test wants, in the bubble's time.
type fake struct {
	mu     sync.Mutex
	takes  time.Duration // each probe; over the timeout it fails at that
	down   bool
	fault  error
	stuck  bool        // the probe heeds neither its timeout nor ctx
	free   chan bool   // ends a stuck one
	starts []time.Time // of all probes
	now    int         // probes under way
	most   int
}

const timeout = 3 * time.Second

func newFake() *fake { return &fake{free: make(chan bool), takes: 10 * time.Millisecond} }

func (f *fake) probe(ctx context.Context) (probe.Result, error) {
	f.mu.Lock()
	began := time.Now()
	f.starts = append(f.starts, began)
	f.now++
	f.most = max(f.most, f.now)
	takes, down, fault, stuck := f.takes, f.down, f.fault, f.stuck
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.now--
	}()
	if stuck {
		<-f.free
	}
	select {
	case <-time.After(min(takes, timeout)):
	case <-ctx.Done():
		return probe.Result{}, ctx.Err()
	}
	if fault != nil {
		return probe.Result{}, fault
	}
	result := probe.Result{Up: !down && takes < timeout, Status: 200, Began: began, Duration: time.Since(began)}
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

// since are the starts of all probes, counted from a time.
func (f *fake) since(zero time.Time) []time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	var at []time.Duration
	for _, s := range f.starts {
		at = append(at, s.Sub(zero))
	}
	return at
}

// bubble runs a test on a monitor of fakes called site-a, site-b, … in a bubble of synthetic time.
func bubble(t *testing.T, interval time.Duration, fakes []*fake, test func(t *testing.T, m *monitor.Monitor, log *journal)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var sites []monitor.Site
		for i, f := range fakes {
			f.free = make(chan bool) // of this bubble
			sites = append(sites, monitor.Site{
				Name: fmt.Sprintf("site-%c", 'a'+i), Probe: f.probe, Interval: interval, Timeout: timeout,
				Thresholds: monitor.Thresholds{Failure: 1, Success: 1},
			})
		}
		log := new(journal)
		m := monitor.New(sites, options(log))
		ctx, cancel := context.WithCancel(t.Context())
		m.Start(ctx)
		test(t, m, log)
		cancel()
		for _, f := range fakes {
			f.set(func(f *fake) {
				if f.stuck {
					close(f.free)
				}
			})
		}
		m.Wait()
	})
}

// journal is a log that a test reads while the loops write it.
type journal struct {
	mu    sync.Mutex
	lines bytes.Buffer
}

func (j *journal) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.lines.Write(line)
}

// String is what was logged since the last call.
func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	defer j.lines.Reset()
	return j.lines.String()
}

// options are the usual ones.
func options(log io.Writer) monitor.Options {
	return monitor.Options{AnswerTimeout: 2 * time.Second, Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{ReplaceAttr: withoutTime}))}
}

func withoutTime(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}

// ask is a poll of /metric/site: the value, or the error in words.
func ask(t *testing.T, m *monitor.Monitor, site string) string {
	t.Helper()
	value, err := m.Value(t.Context(), site)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprint(value)
}

func wantAnswer(t *testing.T, m *monitor.Monitor, site, want string) {
	t.Helper()
	if got := ask(t, m, site); got != want {
		t.Errorf("%s at %v: got %q, want %q", site, time.Now().Format("05.000"), got, want)
	}
}

func TestFirstProbeAtOnceThenEveryInterval(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		interval time.Duration
		takes    time.Duration
		want     []time.Duration // starts within 12 s
	}{
		{"quick", 5 * time.Second, 10 * time.Millisecond, []time.Duration{0, 5 * time.Second, 10 * time.Second}},
		{"slow, start to start", 5 * time.Second, 2 * time.Second, []time.Duration{0, 5 * time.Second, 10 * time.Second}},
		{"slower than the interval: at once, never two", 2 * time.Second, time.Hour,
			[]time.Duration{0, 3 * time.Second, 6 * time.Second, 9 * time.Second}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a, b := newFake(), newFake()
			b.takes = c.takes
			bubble(t, c.interval, []*fake{a, b}, func(t *testing.T, _ *monitor.Monitor, _ *journal) {
				zero := time.Now()
				time.Sleep(12*time.Second - 1)
				if got := b.since(zero); !slices.Equal(got, c.want) {
					t.Errorf("site-b probed at %v, want %v", got, c.want)
				}
				if b.most != 1 {
					t.Errorf("%d probes of site-b at once", b.most)
				}
				if got := a.since(zero); got[0] != 0 || got[1] != c.interval {
					t.Errorf("site-a probed at %v: it waits for site-b", got)
				}
			})
		})
	}
}

func TestValueCountsPeersThatAreDown(t *testing.T) {
	t.Parallel()
	a, b, c := newFake(), newFake(), newFake()
	b.down = true
	bubble(t, 5*time.Second, []*fake{a, b, c}, func(t *testing.T, m *monitor.Monitor, _ *journal) {
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
	bubble(t, 5*time.Second, []*fake{a, b}, func(t *testing.T, m *monitor.Monitor, _ *journal) {
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
		{"but no longer than the answer timeout", 2500 * time.Millisecond, "no verdict on site-b: no probe of it has had a result yet", 2 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a, b := newFake(), newFake()
			b.takes = c.takes
			bubble(t, 5*time.Second, []*fake{a, b}, func(t *testing.T, m *monitor.Monitor, _ *journal) {
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
				if got := len(b.since(asked)); got > 2 {
					t.Errorf("%d probes for ten callers", got)
				}
			})
		})
	}
}

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
		want := "no verdict on site-b: its last result is 11.5s old, and expired after 9s, last known: up" // it waits 2 s for a new one
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

// TestStopIsNoOutage stops the monitor in the middle of a probe.
func TestStopIsNoOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newFake()
		log := new(journal)
		m := monitor.New([]monitor.Site{{Name: "site-a", Probe: newFake().probe, Interval: time.Hour, Timeout: timeout, Thresholds: monitor.Thresholds{Failure: 1, Success: 1}},
			{Name: "site-b", Probe: b.probe, Interval: 5 * time.Second, Timeout: timeout, Thresholds: monitor.Thresholds{Failure: 1, Success: 1}}},
			options(log))
		ctx, cancel := context.WithCancel(t.Context())
		m.Start(ctx)
		time.Sleep(time.Second)
		b.set(func(f *fake) { f.takes = time.Hour })
		time.Sleep(5 * time.Second) // its second probe hangs
		stopped := time.Now()
		cancel()
		m.Wait()
		if took := time.Since(stopped); took != 0 {
			t.Errorf("took %v to stop", took)
		}
		wantAnswer(t, m, "site-a", "0")
		if logged := log.String(); strings.Contains(logged, "to=down") {
			t.Errorf("stopping is in the log as an outage:\n%s", logged)
		}
	})
}

// TestStopLetsCallersGo stops the monitor while callers wait for a first result.
func TestStopLetsCallersGo(t *testing.T) {
	t.Parallel()
	for _, interval := range []time.Duration{0, 5 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			b := newFake()
			b.takes = time.Hour
			site := func(name string, f *fake) monitor.Site {
				return monitor.Site{Name: name, Probe: f.probe, Interval: interval, Timeout: timeout, Thresholds: monitor.Thresholds{Failure: 1, Success: 1}}
			}
			m := monitor.New([]monitor.Site{site("site-a", newFake()), site("site-b", b)}, options(io.Discard))
			ctx, cancel := context.WithCancel(t.Context())
			m.Start(ctx)
			asked := time.Now()
			var caller sync.WaitGroup
			caller.Go(func() { wantAnswer(t, m, "site-a", "no verdict on site-b: no probe of it has had a result yet") })
			time.Sleep(time.Second)
			cancel()
			m.Wait()
			caller.Wait()
			wantAnswer(t, m, "site-a", "no verdict on site-b: no probe of it has had a result yet")
			if waited := time.Since(asked); waited != time.Second {
				t.Errorf("interval %v: callers were let go after %v, want 1s", interval, waited)
			}
		})
	}
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
		wantAnswer(t, m, "site-a", "no verdict on site-b: too many open files; its last result is 10s old, and expired after 9s, last known: up")
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

func TestOnDemand(t *testing.T) {
	t.Parallel()
	a, b, c := newFake(), newFake(), newFake()
	b.takes, c.takes = time.Second, time.Second
	bubble(t, 0, []*fake{a, b, c}, func(t *testing.T, m *monitor.Monitor, _ *journal) {
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
		if m.Patience() != timeout+time.Second {
			t.Errorf("patience %v", m.Patience())
		}
		time.Sleep(time.Hour)
		if err := m.Alive(); err != nil {
			t.Errorf("idle: %v", err)
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

func TestLogOfAVerdict(t *testing.T) {
	t.Parallel()
	a, b := newFake(), newFake()
	bubble(t, 5*time.Second, []*fake{a, b}, func(t *testing.T, _ *monitor.Monitor, log *journal) {
		time.Sleep(time.Second)
		_ = log.String()
		b.set(func(f *fake) { f.takes = time.Hour })
		time.Sleep(20 * time.Second)
		want := "level=INFO msg=\"site is down\" site=site-b from=up to=down probes=1 reason=timeout detail=hangs address=\"\" took=3s since_last_up=7.99s\n"
		if got := log.String(); got != want {
			t.Errorf("got  %swant %s", got, want)
		}
	})
}
