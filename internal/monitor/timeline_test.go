package monitor_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"failover-monitor/internal/monitor"
	"failover-monitor/internal/probe"
)

// runScenario runs a scenario and says what site-a is told over time, as "0 0; 12.5 1; 20 503": the seconds
// at which an answer changes, and the answer. It looks every 10 ms, and finds all loops live; and,
// every second, that a poll gets what the overview says.
func runScenario(t *testing.T, s scenario) (answers string, happened []string) {
	t.Helper()
	s.run(t, func(t *testing.T, m *monitor.Monitor, events *recorder) {
		time.Sleep(time.Millisecond) // first results of what answers at once
		var changes []string
		before := ""
		for time.Since(midnight) < cmp.Or(s.until, time.Minute) {
			overview := m.Overview()
			answer := "503"
			if value, _, err := overview.Told(overview.Sites[0]); err == nil {
				answer = fmt.Sprint(value)
			}
			if answer != before {
				changes = append(changes, fmt.Sprintf("%g %s", time.Since(midnight).Truncate(10*time.Millisecond).Seconds(), answer))
				before = answer
			}
			if time.Since(midnight)%time.Second < 10*time.Millisecond {
				wantSameAtOnce(t, m, overview)
			}
			if !overview.Live() {
				t.Fatalf("after %v a loop is stalled", time.Since(midnight))
			}
			time.Sleep(10 * time.Millisecond)
		}
		answers, happened = strings.Join(changes, "; "), events.since()
	})
	return answers, happened
}

// wantSameAtOnce polls every site's value for a caller who has gone already, and so is not waited for.
func wantSameAtOnce(t *testing.T, m *monitor.Monitor, overview monitor.Overview) {
	t.Helper()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	asked := time.Now()
	for _, site := range overview.Sites {
		got := inWords(m.Value(gone, site.Name))
		if took := time.Since(asked); took != 0 {
			t.Fatalf("%s waited %v for nobody", site.Name, took)
		}
		told, _, err := overview.Told(site)
		if want := inWords(told, err); got != want {
			t.Fatalf("%s at %v: a poll gets %s, the overview says %s", site.Name, time.Since(midnight), got, want)
		}
	}
}

// TestTimelines has a row for each rule: what happens when, and what site A is told when.
func TestTimelines(t *testing.T) {
	t.Parallel()
	const s = time.Second
	threeTwo := monitor.Thresholds{Failure: 3, Success: 2}
	flaps := func(every time.Duration) (f script) { // refuses, and is up, in turn
		for at := every; at < time.Minute; at += 2 * every {
			f = append(f, change{at, refuses}, change{at + every, up})
		}
		return f
	}
	for _, c := range []struct {
		name     string
		scenario scenario
		want     string
	}{
		{"as the predecessor: one failure, one success", scenario{sites: []script{nil, {{1 * s, refuses}, {11 * s, up}}}}, "0 0; 5 1; 15 0"},
		{"one failure that takes its timeout", scenario{sites: []script{nil, {{1 * s, hangs}, {11 * s, up}}}}, "0 0; 8 1; 15 0"},
		{"three failures, a second apart", scenario{sites: []script{nil, dies(1*s, refuses)}, limits: threeTwo}, "0 0; 7 1"},
		{"three that take their timeout", scenario{sites: []script{nil, dies(1*s, hangs)}, limits: threeTwo}, "0 0; 10 1"},
		{"two failures are absorbed", scenario{sites: []script{nil, {{1 * s, refuses}, {6500 * time.Millisecond, up}}}, limits: threeTwo}, "0 0"},
		{"two successes, a second apart", scenario{sites: []script{nil, {{1 * s, refuses}, {10 * s, up}}}, limits: threeTwo}, "0 0; 7 1; 11 0"},
		{"one success is absorbed", scenario{sites: []script{nil, {{1 * s, refuses}, {11500 * time.Millisecond, up}, {12500 * time.Millisecond, refuses}}}, limits: threeTwo}, "0 0; 7 1"},
		{"flapping at each probe, 1/1", scenario{sites: []script{nil, flaps(5 * s)}, until: 21 * s}, "0 0; 5 1; 10 0; 15 1; 20 0"},
		{"flapping at each probe, 2/2", scenario{sites: []script{nil, flaps(5 * s)}, limits: monitor.Thresholds{Failure: 2, Success: 2}, until: 21 * s}, "0 0; 6 1; 11 0; 16 1"},
		{"flapping faster than the retries, 2/2", scenario{sites: []script{nil, flaps(1 * s)}, limits: monitor.Thresholds{Failure: 2, Success: 2}}, "0 0"},
		{"dead from the start: as many failures as ever", scenario{sites: []script{nil, dies(0, refuses)}, limits: threeTwo}, "0 503; 2 1"},
		{"dead from the start, hanging", scenario{sites: []script{nil, dies(0, hangs)}, limits: threeTwo}, "0 503; 5 1"},
		{"down for a moment at the start", scenario{sites: []script{nil, {{0, refuses}, {1500 * time.Millisecond, up}}}, limits: threeTwo}, "0 503; 2 0"},
		{"two hang and one answers: absorbed", scenario{sites: []script{nil, {{1 * s, hangs}, {6500 * time.Millisecond, up}}}, limits: threeTwo}, "0 0"},
		{"one hangs and two refuse: counted in their order", scenario{sites: []script{nil, {{1 * s, hangs}, {5500 * time.Millisecond, refuses}}}, limits: threeTwo}, "0 0; 8 1"},
		{"two refuse and one hangs", scenario{sites: []script{nil, {{1 * s, refuses}, {6500 * time.Millisecond, hangs}}}, limits: threeTwo}, "0 0; 10 1"},
		{"a younger success does not clear an older streak early", scenario{sites: []script{nil, {{1 * s, hangs}, {5500 * time.Millisecond, up}, {6500 * time.Millisecond, hangs}}}, limits: threeTwo}, "0 0; 15 1"},
		{"a slow success cuts younger failures off", scenario{sites: []script{nil, {{1 * s, slow}, {5200 * time.Millisecond, refuses}, {8 * s, up}}}, limits: threeTwo, retry: 300 * time.Millisecond}, "0 0"},
		{"a threshold of one site alone", scenario{sites: []script{nil, dies(1*s, refuses), dies(1*s, refuses)}, limits: threeTwo, own: map[int]monitor.Thresholds{2: {Failure: 1, Success: 1}}}, "0 0; 5 1; 7 2"},
		{"the number of peers that are down", scenario{sites: []script{nil, dies(1*s, refuses), {{11 * s, refuses}, {21 * s, up}}}}, "0 0; 5 1; 15 2; 25 1"},
		{"all unknown", scenario{sites: []script{nil, dies(0, hangs), dies(0, broken)}, until: 20 * s}, "0 503"},
		{"unknown beside down is not known", scenario{sites: []script{nil, dies(0, refuses), dies(0, broken)}, until: 20 * s}, "0 503"},
		{"all down, everybody scales", scenario{sites: []script{dies(1*s, refuses), dies(1*s, refuses)}}, "0 0; 5 1"},
		{"all down, nobody does", scenario{sites: []script{{{1 * s, refuses}, {21 * s, up}}, dies(6*s, refuses)}, errorWhen: true}, "0 0; 10 503; 25 1"},
		{"nobody is held back while one of three is up", scenario{sites: []script{dies(1*s, refuses), dies(1*s, refuses), nil}, errorWhen: true}, "0 0; 5 1"},
		{"nor a site that is not known to be down", scenario{sites: []script{dies(0, broken), dies(1*s, refuses)}, errorWhen: true}, "0 0; 5 1"},
		{"a verdict lives until a late retry, of failures", scenario{sites: []script{nil, dies(1*s, hangs)}, limits: monitor.Thresholds{Failure: 2, Success: 1}, retry: 20 * s}, "0 0; 28 1"},
		{"a verdict lives until a late retry, of successes", scenario{sites: []script{nil, {{1 * s, refuses}, {8 * s, up}}}, limits: monitor.Thresholds{Failure: 1, Success: 2}, retry: 20 * s}, "0 0; 5 1; 30 0"},
		{"a prober that is broken for a while", scenario{sites: []script{nil, {{1 * s, broken}, {11 * s, up}}}}, "0 0; 9 503; 15 0"},
		{"a blip of it is absorbed", scenario{sites: []script{nil, {{1 * s, broken}, {6 * s, up}}}}, "0 0; 9 503; 10 0"},
		{"broken in the middle of a streak", scenario{sites: []script{nil, {{1 * s, refuses}, {5500 * time.Millisecond, broken}, {8500 * time.Millisecond, refuses}}}, limits: threeTwo}, "0 0; 10 1"},

		{"override in an outage", scenario{sites: []script{nil, dies(1*s, refuses)}, override: map[int]monitor.Verdict{1: monitor.Up}}, "0 0"},
		{"override for a drill", scenario{sites: []script{nil, nil}, override: map[int]monitor.Verdict{1: monitor.Down}}, "0 1"},
		{"override of what cannot be probed", scenario{sites: []script{nil, dies(0, broken)}, override: map[int]monitor.Verdict{1: monitor.Down}}, "0 1"},

		{"a witness that answers changes nothing", scenario{sites: []script{nil, {{1 * s, refuses}, {11 * s, up}}}, witnesses: []script{nil}}, "0 0; 5 1; 15 0"},
		{"nor does a dead one beside it", scenario{sites: []script{nil, {{1 * s, refuses}, {11 * s, up}}}, witnesses: []script{dies(0, hangs), nil}}, "0 0; 5 1; 15 0"},
		{"nor do two sites that hang, of which one waits for the other's witness", scenario{sites: []script{nil, dies(1*s, hangs), dies(1*s, hangs)}, intervals: map[int]time.Duration{2: 4900 * time.Millisecond}, witnesses: []script{{{0, slow}}}}, "0 0; 8.8 1; 9.8 2"},
		{"two sites that hang wait for each other's witness", scenario{sites: []script{nil, dies(1*s, hangs), dies(1*s, hangs)}, intervals: map[int]time.Duration{2: 5500 * time.Millisecond}, witnesses: []script{dies(0, hangs)}}, "0 0; 11 503"},
		{"offline: verdicts age, and resume", scenario{sites: []script{nil, dies(1*s, refuses)}, witnesses: []script{{{0, refuses}, {21 * s, up}}}}, "0 0; 11 503; 25 1"},
		{"an offline blip is absorbed", scenario{sites: []script{nil, {{4 * s, refuses}, {6 * s, up}}}, witnesses: []script{dies(4*s, refuses)}, until: 9 * s}, "0 0"},
		{"offline that ends with the site up", scenario{sites: []script{nil, {{1 * s, hangs}, {12 * s, up}}}, witnesses: []script{dies(1*s, hangs)}}, "0 0; 11 503; 15 0"},
		{"offline in the middle of a streak", scenario{sites: []script{nil, dies(1*s, refuses)}, limits: threeTwo,
			witnesses: []script{{{5500 * time.Millisecond, refuses}, {8500 * time.Millisecond, up}}}}, "0 0; 10 1"},
		{"offline at the start", scenario{sites: []script{nil, {{0, refuses}, {21 * s, up}}}, witnesses: []script{dies(0, refuses)}}, "0 503; 25 0"},
		{"offline at the start, then a witness", scenario{sites: []script{nil, dies(0, refuses)}, witnesses: []script{{{0, refuses}, {11 * s, up}}}, limits: threeTwo}, "0 503; 17 1"},
		{"three that hang, and a slow witness: its time counts once", scenario{sites: []script{nil, dies(1*s, hangs)}, witnesses: []script{{{0, slow}}}, limits: threeTwo}, "0 0; 10.9 1"},
		{"offline, with a site that hangs", scenario{sites: []script{nil, dies(1*s, hangs)}, witnesses: []script{{{0, refuses}, {16 * s, up}}}, limits: threeTwo}, "0 0; 11 503; 18 0; 20 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got, happened := runScenario(t, c.scenario); got != c.want {
				t.Errorf("site-a is told\n %s\nwant\n %s\n%s", got, c.want, strings.Join(happened, "\n"))
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
					for _, phase := range []time.Duration{0, interval * 13 / 50} {
						name := fmt.Sprintf("every %v from %v, %d failures of %v, %v apart", interval, phase, failure, takes, retry)
						t.Run(name, func(t *testing.T) {
							t.Parallel()
							site := monitor.Site{Interval: interval, Phase: phase, Retry: retry, Timeout: 3 * time.Second, Thresholds: monitor.Thresholds{Failure: failure, Success: 2}}
							var latest time.Duration
							for after := range 50 {
								latest = max(latest, detection(t, site, takes, interval*time.Duration(after)/50+1))
							}
							site.Timeout = takes // of a probe that fails
							limit := site.WorstCase(0).Hangs
							if latest > limit || latest < limit*95/100 {
								t.Errorf("found out after %v, want at most %v and near to it", latest, limit)
							}
						})
					}
				}
			}
		}
	}
}

// TestWorstCaseWithWitness has a witness that takes nearly all its time to confirm each failure: that counts once.
func TestWorstCaseWithWitness(t *testing.T) {
	t.Parallel()
	const takes = monitor.WitnessTimeout * 9 / 10
	witness := monitor.Witness{Name: "slow", Probe: func(context.Context) (probe.Result, error) {
		time.Sleep(takes)
		return probe.Result{Up: true}, nil
	}}
	for _, retry := range []time.Duration{50 * time.Millisecond, time.Second} {
		site := monitor.Site{Interval: time.Second, Retry: retry, Timeout: time.Second, Thresholds: monitor.Thresholds{Failure: 4, Success: 1}}
		limit, without := site.WorstCase(monitor.ConfirmTime(1)), site.WorstCase(0)
		for _, c := range []struct{ failing, limit, without time.Duration }{
			{0, limit.Refuses, without.Refuses}, {site.Timeout, limit.Hangs, without.Hangs},
		} {
			found := detection(t, site, c.failing, 1, witness)
			if found > c.limit || found < (c.without+takes)*95/100 {
				t.Errorf("retries after %v, failing takes %v: found out after %v, want at most %v", retry, c.failing, found, c.limit)
			}
		}
	}
}

// detection is how long a site is dead before its peer is told, if it dies that long after a probe.
func detection(t *testing.T, site monitor.Site, takes, phase time.Duration, witnesses ...monitor.Witness) (after time.Duration) {
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
				if ctx.Err() == context.Canceled {
					return probe.Result{}, ctx.Err()
				}
			}
			return probe.Result{Began: time.Now()}, nil
		}
		peer := monitor.Site{Name: "site-a", Interval: time.Hour, Timeout: time.Hour, Probe: site.Probe, Thresholds: site.Thresholds}
		o := silent
		o.Witnesses = witnesses
		o.Observe = func(event monitor.Event) {
			if e, ok := event.(monitor.SiteEvent); ok && e.Verdict == monitor.Down && slices.Contains(e.Changes, monitor.Turned) {
				turned <- time.Now()
			}
		}
		watch(t, []*monitor.Site{&peer, &site}, o, func(m *monitor.Monitor) {
			after = (<-turned).Sub(died)
			wantAnswer(t, m, "site-a", "1")
		})
	})
	return after
}
