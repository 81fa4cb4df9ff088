package monitor_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
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
	takes  time.Duration // each probe; it fails at its deadline if that is sooner
	down   bool
	fault  error
	stuck  bool        // the probe does not heed ctx
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
	case <-time.After(takes):
	case <-ctx.Done():
		if ctx.Err() == context.Canceled {
			return probe.Result{}, ctx.Err()
		}
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
	return monitor.Options{AnswerTimeout: 2 * time.Second, Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{ReplaceAttr: shortTime}))}
}

// shortTime leaves minutes, seconds and milliseconds.
func shortTime(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		a.Value = slog.StringValue(a.Value.Time().Format("04:05.000"))
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
			a, b, other := newFake(), newFake(), newFake() // two to wait for, and no longer than for one
			b.takes, other.takes = c.takes, c.takes
			bubble(t, 5*time.Second, []*fake{a, b, other}, func(t *testing.T, m *monitor.Monitor, _ *journal) {
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
