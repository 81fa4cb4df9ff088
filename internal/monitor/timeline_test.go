package monitor_test

import (
	"bytes"
	"cmp"
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

// state is how something in the world is.
type state string

const (
	up      state = "up"      // answers at once
	refuses state = "refuses" // fails at once
	hangs   state = "hangs"   // fails at its timeout
	broken  state = "broken"  // the monitor cannot probe it
)

// change is when something becomes what.
type change struct {
	at time.Duration
	to state
}

// script is how something is over time, from up at the start.
type script []change

// probe makes a probe of something that is as the script says at the time when the probe begins.
func (s script) probe(zero time.Time, timeout time.Duration) monitor.Probe {
	return func(ctx context.Context) (probe.Result, error) {
		began, is := time.Now(), up
		for _, c := range s {
			if time.Since(zero) >= c.at {
				is = c.to
			}
		}
		result := probe.Result{Up: is == up, Began: began}
		switch is {
		case broken:
			return probe.Result{}, errors.New("broken")
		case refuses:
			result.Reason, result.Detail = probe.ReasonRefused, "refused"
		case hangs:
			result.Reason, result.Detail = probe.ReasonTimeout, "hangs"
			select {
			case <-time.After(timeout):
			case <-ctx.Done():
				return probe.Result{}, ctx.Err()
			}
		}
		result.Duration = time.Since(began)
		return result, nil
	}
}

// world is a monitor of scripted sites, with the usual timing: TTL 5, timeout 3, retry 1.
type world struct {
	sites     []script
	witnesses []script
	thresholds
	own       map[int]thresholds    // of single sites
	intervals map[int]time.Duration // of single sites
	override  map[int]monitor.Verdict
	errorWhen bool          // all are down
	until     time.Duration // how long to look, 60 s unless set
}

type thresholds struct{ failure, success int }

// play runs the world and tells what site-a is told over time, as "0 0; 12.5 1; 20 503": the seconds
// at which an answer changes, and the answer. It looks every 10 ms.
func play(t *testing.T, w world) (answers string, log string) {
	t.Helper()
	lines := new(journal)
	synctest.Test(t, func(t *testing.T) {
		zero := time.Now()
		const timeout = 3 * time.Second
		var sites []monitor.Site
		for i, s := range w.sites {
			limits := w.thresholds
			if own, ok := w.own[i]; ok {
				limits = own
			}
			sites = append(sites, monitor.Site{
				Name: fmt.Sprintf("site-%c", 'a'+i), Probe: s.probe(zero, timeout),
				Interval: cmp.Or(w.intervals[i], 5*time.Second), Retry: time.Second, Timeout: timeout,
				Thresholds: monitor.Thresholds{Failure: max(1, limits.failure), Success: max(1, limits.success)},
				Override:   w.override[i],
			})
		}
		o := options(lines)
		o.ErrorWhenAllDown = w.errorWhen
		for i, s := range w.witnesses {
			o.Witnesses = append(o.Witnesses, monitor.Witness{Name: fmt.Sprint("witness-", i), Probe: s.probe(zero, monitor.WitnessTimeout)})
		}
		ctx, cancel := context.WithCancel(t.Context())
		m := monitor.New(sites, o)
		m.Start(ctx)
		time.Sleep(time.Millisecond) // first results of what answers at once
		var changes []string
		before := ""
		for time.Since(zero) < cmp.Or(w.until, time.Minute) {
			metric := m.Status().Metrics[0]
			answer := "503"
			if metric.Value != nil {
				answer = fmt.Sprint(*metric.Value)
			}
			if answer != before {
				changes = append(changes, fmt.Sprintf("%g %s", time.Since(zero).Truncate(10*time.Millisecond).Seconds(), answer))
				before = answer
			}
			time.Sleep(10 * time.Millisecond)
		}
		answers = strings.Join(changes, "; ")
		cancel()
		m.Wait()
	})
	return answers, lines.String()
}

// TestTimelines has a row for each rule: what happens when, and what site A is told when.
func TestTimelines(t *testing.T) {
	t.Parallel()
	s := time.Second
	flaps := func(every time.Duration) (f script) { // refuses, and is up, in turn
		for at := every; at < time.Minute; at += 2 * every {
			f = append(f, change{at, refuses}, change{at + every, up})
		}
		return f
	}
	for _, c := range []struct {
		name  string
		world world
		want  string
	}{
		{"as the predecessor: one failure, one success", world{sites: []script{nil, {{1 * s, refuses}, {11 * s, up}}}}, "0 0; 5 1; 15 0"},
		{"one failure that takes its timeout", world{sites: []script{nil, {{1 * s, hangs}, {11 * s, up}}}}, "0 0; 8 1; 15 0"},
		{"three failures, a second apart", world{sites: []script{nil, {{1 * s, refuses}}}, thresholds: thresholds{3, 2}}, "0 0; 7 1"},
		{"three that take their timeout", world{sites: []script{nil, {{1 * s, hangs}}}, thresholds: thresholds{3, 2}}, "0 0; 16 1"},
		{"two failures are absorbed", world{sites: []script{nil, {{1 * s, refuses}, {6500 * time.Millisecond, up}}}, thresholds: thresholds{3, 2}}, "0 0"},
		{"two successes, a second apart", world{sites: []script{nil, {{1 * s, refuses}, {10 * s, up}}}, thresholds: thresholds{3, 2}}, "0 0; 7 1; 13 0"},
		{"one success is absorbed", world{sites: []script{nil, {{1 * s, refuses}, {11500 * time.Millisecond, up}, {12500 * time.Millisecond, refuses}}}, thresholds: thresholds{3, 2}}, "0 0; 7 1"},
		{"flapping at each probe, 1/1", world{sites: []script{nil, flaps(5 * s)}, until: 21 * s}, "0 0; 5 1; 10 0; 15 1; 20 0"},
		{"flapping at each probe, 2/2", world{sites: []script{nil, flaps(5 * s)}, thresholds: thresholds{2, 2}, until: 21 * s}, "0 0; 6 1; 12 0; 18 1"},
		{"flapping faster than the retries, 2/2", world{sites: []script{nil, flaps(1 * s)}, thresholds: thresholds{2, 2}}, "0 0"},
		{"the first result decides at once, down", world{sites: []script{nil, {{0, refuses}}}, thresholds: thresholds{3, 2}}, "0 1"},
		{"a threshold of one site alone", world{sites: []script{nil, {{1 * s, refuses}}, {{1 * s, refuses}}}, thresholds: thresholds{3, 2}, own: map[int]thresholds{2: {1, 1}}}, "0 0; 5 1; 7 2"},
		{"the number of peers that are down", world{sites: []script{nil, {{1 * s, refuses}}, {{11 * s, refuses}, {21 * s, up}}}}, "0 0; 5 1; 15 2; 25 1"},
		{"all unknown", world{sites: []script{nil, {{0, hangs}}, {{0, broken}}}, until: 20 * s}, "0 503"},
		{"unknown beside down is not known", world{sites: []script{nil, {{0, refuses}}, {{0, broken}}}, until: 20 * s}, "0 503"},
		{"all down, everybody scales", world{sites: []script{{{1 * s, refuses}}, {{1 * s, refuses}}}}, "0 0; 5 1"},
		{"all down, nobody does", world{sites: []script{{{1 * s, refuses}, {21 * s, up}}, {{6 * s, refuses}}}, errorWhen: true}, "0 0; 10 503; 25 1"},
		{"a prober that is broken for a while", world{sites: []script{nil, {{1 * s, broken}, {11 * s, up}}}}, "0 0; 9 503; 15 0"},
		{"a blip of it is absorbed", world{sites: []script{nil, {{1 * s, broken}, {6 * s, up}}}}, "0 0; 9 503; 10 0"},
		{"broken in the middle of a streak", world{sites: []script{nil, {{1 * s, refuses}, {5500 * time.Millisecond, broken}, {8500 * time.Millisecond, refuses}}}, thresholds: thresholds{3, 2}}, "0 0; 10 1"},

		{"override in an outage", world{sites: []script{nil, {{1 * s, refuses}}}, override: map[int]monitor.Verdict{1: monitor.Up}}, "0 0"},
		{"override for a drill", world{sites: []script{nil, nil}, override: map[int]monitor.Verdict{1: monitor.Down}}, "0 1"},
		{"override of what cannot be probed", world{sites: []script{nil, {{0, broken}}}, override: map[int]monitor.Verdict{1: monitor.Down}}, "0 1"},

		{"a witness that answers changes nothing", world{sites: []script{nil, {{1 * s, refuses}, {11 * s, up}}}, witnesses: []script{nil}}, "0 0; 5 1; 15 0"},
		{"nor does a dead one beside it", world{sites: []script{nil, {{1 * s, refuses}, {11 * s, up}}}, witnesses: []script{{{0, hangs}}, nil}}, "0 0; 5 1; 15 0"},
		{"offline: verdicts age, and resume", world{sites: []script{nil, {{1 * s, refuses}}}, witnesses: []script{{{0, refuses}, {21 * s, up}}}}, "0 0; 9 503; 25 1"},
		{"an offline blip is absorbed", world{sites: []script{nil, {{4 * s, refuses}, {6 * s, up}}}, witnesses: []script{{{4 * s, refuses}}}, until: 9 * s}, "0 0"},
		{"offline that ends with the site up", world{sites: []script{nil, {{1 * s, hangs}, {12 * s, up}}}, witnesses: []script{{{1 * s, hangs}}}}, "0 0; 9 503; 15 0"},
		{"offline in the middle of a streak", world{sites: []script{nil, {{1 * s, refuses}}}, thresholds: thresholds{3, 2},
			witnesses: []script{{{5500 * time.Millisecond, refuses}, {8500 * time.Millisecond, up}}}}, "0 0; 10 1"},
		{"offline at the start", world{sites: []script{nil, {{0, refuses}, {21 * s, up}}}, witnesses: []script{{{0, refuses}}}}, "0 503; 25 0"},
		{"offline at the start, then a witness", world{sites: []script{nil, {{0, refuses}}}, witnesses: []script{{{0, refuses}, {11 * s, up}}}, thresholds: thresholds{3, 2}}, "0 503; 15 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got, log := play(t, c.world); got != c.want {
				t.Errorf("site-a is told\n %s\nwant\n %s\n%s", got, c.want, log)
			}
		})
	}
}

// TestWorstCase lets a site die at every phase of the cycle, for a grid of settings: it is never found
// out later than the formula says, and at some phase within 5 % of it.
func TestWorstCase(t *testing.T) {
	t.Parallel()
	for _, interval := range []time.Duration{500 * time.Millisecond, 2 * time.Second, 5 * time.Second, 30 * time.Second} {
		for _, failure := range []int{1, 2, 3, 5} {
			for _, retry := range []time.Duration{200 * time.Millisecond, time.Second, 7 * time.Second} {
				for _, takes := range []time.Duration{0, 400 * time.Millisecond, 3 * time.Second} {
					name := fmt.Sprintf("every %v, %d failures of %v, %v apart", interval, failure, takes, retry)
					t.Run(name, func(t *testing.T) {
						t.Parallel()
						site := monitor.Site{Interval: interval, Retry: retry, Timeout: 3 * time.Second, Thresholds: monitor.Thresholds{Failure: failure, Success: 2}}
						var latest time.Duration
						for phase := range 50 {
							latest = max(latest, detection(t, site, takes, interval*time.Duration(phase)/50+1))
						}
						limit := site.WorstCase(takes)
						if latest > limit || latest < limit*95/100 {
							t.Errorf("found out after %v, want at most %v and near to it", latest, limit)
						}
					})
				}
			}
		}
	}
}

// detection is how long a site is dead before its peer is told, if it dies that long after a probe.
func detection(t *testing.T, site monitor.Site, takes, phase time.Duration) (after time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		died := time.Now().Add(2*site.Interval + phase)
		turned := make(chan time.Time, 1)
		site.Name = "site-b"
		site.Probe = func(ctx context.Context) (probe.Result, error) {
			if time.Now().Before(died) {
				return probe.Result{Up: true}, nil
			}
			select {
			case <-time.After(takes):
			case <-ctx.Done():
			}
			return probe.Result{}, ctx.Err()
		}
		peer := monitor.Site{Name: "site-a", Interval: time.Hour, Timeout: time.Hour, Probe: site.Probe, Thresholds: site.Thresholds}
		o := options(io.Discard)
		o.Log = slog.New(slog.NewTextHandler(onDown{turned}, nil))
		ctx, cancel := context.WithCancel(t.Context())
		m := monitor.New([]monitor.Site{peer, site}, o)
		m.Start(ctx)
		after = (<-turned).Sub(died)
		wantAnswer(t, m, "site-a", "1")
		cancel()
		m.Wait()
	})
	return after
}

// onDown is a log that tells when a site goes down.
type onDown struct{ turned chan<- time.Time }

func (o onDown) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte("site is down")) {
		select {
		case o.turned <- time.Now():
		default:
		}
	}
	return len(line), nil
}

// FuzzStep compares the step with a model that looks at the whole history each time.
func FuzzStep(f *testing.F) {
	f.Add([]byte("uddduudu"), byte(3), byte(2))
	f.Add([]byte("dududud"), byte(1), byte(1))
	f.Fuzz(func(t *testing.T, results []byte, failure, success byte) {
		limits := monitor.Thresholds{Failure: max(1, int(failure)), Success: max(1, int(success))}
		var state monitor.State
		model := monitor.Unknown
		for i, r := range results {
			isUp := r%2 == 1
			state = state.Step(isUp, limits)
			model = naive(results[:i+1], model, limits)
			if state.Verdict != model {
				t.Fatalf("%d/%d after %v: %v, the model says %v", limits.Failure, limits.Success, results[:i+1], state.Verdict, model)
			}
			if state.Streak < 0 || state.Streak >= max(limits.Failure, limits.Success) {
				t.Fatalf("a streak of %d", state.Streak)
			}
		}
	})
}

// naive is the rule as a person would say it: the first result decides; from then on, the verdict is
// turned by as many results of the other kind as the threshold says, the last ones without a gap.
func naive(history []byte, before monitor.Verdict, limits monitor.Thresholds) monitor.Verdict {
	said := map[byte]monitor.Verdict{0: monitor.Down, 1: monitor.Up}[history[len(history)-1]%2]
	if before == monitor.Unknown || before == said {
		return said
	}
	need := map[monitor.Verdict]int{monitor.Down: limits.Failure, monitor.Up: limits.Success}[said]
	if len(history) < need {
		return before
	}
	for _, r := range history[len(history)-need:] {
		if r%2 != history[len(history)-1]%2 {
			return before
		}
	}
	return said
}

// TestWitnesses counts how often they are asked, and when.
func TestWitnesses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var asked []time.Duration
		zero := time.Now()
		o := options(io.Discard)
		o.Witnesses = []monitor.Witness{{Name: "w", Probe: func(context.Context) (probe.Result, error) {
			mu.Lock()
			defer mu.Unlock()
			asked = append(asked, time.Since(zero))
			return probe.Result{Up: true}, nil
		}}}
		var sites []monitor.Site
		for i := range 20 { // 20 sites, of which all fail at once and then a tenth of a second apart
			s := script{{0, refuses}}
			if i == 0 {
				s = nil
			}
			sites = append(sites, monitor.Site{Name: fmt.Sprint("site-", i), Probe: s.probe(zero, timeout), Interval: 2*time.Second + time.Duration(i)*100*time.Millisecond,
				Timeout: timeout, Thresholds: monitor.Thresholds{Failure: 1, Success: 1}})
		}
		ctx, cancel := context.WithCancel(t.Context())
		m := monitor.New(sites, o)
		m.Start(ctx)
		time.Sleep(30 * time.Second)
		wantAnswer(t, m, "site-0", "19")
		cancel()
		m.Wait()
		if len(asked) < 20 || len(asked) > 31 {
			t.Errorf("asked %d times in 30 s, want up to once a second", len(asked))
		}
		for i := 1; i < len(asked); i++ {
			if asked[i]-asked[i-1] < time.Second {
				t.Errorf("asked at %v and again at %v", asked[i-1], asked[i])
			}
		}
	})
}

// TestWitnessAfterTheFailure: an answer from before a failure is no witness of it. Here the network is
// cut between the witness's answer for site-b, at 5 s, and the failure of site-c, at 5.5 s.
func TestWitnessAfterTheFailure(t *testing.T) {
	t.Parallel()
	cut := 5200 * time.Millisecond
	got, log := play(t, world{
		sites:     []script{nil, {{time.Second, refuses}}, {{cut, refuses}}},
		intervals: map[int]time.Duration{2: 5500 * time.Millisecond},
		witnesses: []script{{{cut, hangs}}},
		until:     30 * time.Second,
	})
	if want := "0 0; 5 1; 9.5 503"; got != want { // never 2; site-c's result of the start counts for 5.5 + 3 + 1 s
		t.Errorf("got %s, want %s\n%s", got, want, log)
	}
}

func TestConsumers(t *testing.T) {
	t.Parallel()
	a, b := newFake(), newFake()
	bubble(t, 5*time.Second, []*fake{a, b}, func(t *testing.T, m *monitor.Monitor, log *journal) {
		armed := func() (all []bool) {
			for _, metric := range m.Status().Metrics {
				all = append(all, metric.Armed)
			}
			return all
		}
		time.Sleep(time.Second)
		_ = log.String()
		for range 10 { // site-a's KEDA asks for two and a half minutes, site-b's never
			time.Sleep(15 * time.Second)
			m.Polled("site-a", "Go-http-client/1.1")
		}
		if got := armed(); !slices.Equal(got, []bool{true, false}) {
			t.Errorf("armed %v, want site-a alone", got)
		}
		if got := m.Status().Metrics[0]; got.PolledBy != "Go-http-client/1.1" || !got.LastPoll.Equal(time.Now()) {
			t.Errorf("site-a was polled %v by %q", got.LastPoll, got.PolledBy)
		}
		want := "level=WARN msg=\"nobody asks for this site's value: its failover is disarmed\" site=site-b for=1m0s last_asked_by=\"\"\n"
		if got := log.String(); got != want {
			t.Errorf("the log says\n%swant\n%s", got, want)
		}
		time.Sleep(10 * time.Minute) // then site-a's stops
		if got := armed(); !slices.Equal(got, []bool{false, false}) {
			t.Errorf("armed %v, want none", got)
		}
		want = "level=WARN msg=\"nobody asks for this site's value: its failover is disarmed\" site=site-a for=1m0s last_asked_by=Go-http-client/1.1\n"
		if got := log.String(); got != want {
			t.Errorf("the log says\n%swant\n%s", got, want)
		}
		m.Polled("site-a", "curl/8")
		time.Sleep(time.Second)
		if got := armed(); !slices.Equal(got, []bool{true, false}) {
			t.Errorf("armed %v, want site-a again", got)
		}
		if got, want := log.String(), "level=INFO msg=\"this site's value is asked for again\" site=site-a by=curl/8\n"; got != want {
			t.Errorf("the log says\n%swant\n%s", got, want)
		}
	})
}
