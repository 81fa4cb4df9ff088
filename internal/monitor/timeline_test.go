package monitor_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"failover-monitor/internal/monitor"
	"failover-monitor/internal/probe"
)

// play runs the world and tells what site-a is told over time, as "0 0; 12.5 1; 20 503": the seconds
// at which an answer changes, and the answer. It looks every 10 ms, and finds all loops alive; and,
// every second, /metric of one mind with /status.
func play(t *testing.T, w world) (answers string, log string) {
	t.Helper()
	w.run(t, func(t *testing.T, m *monitor.Monitor, lines *journal) {
		time.Sleep(time.Millisecond) // first results of what answers at once
		var changes []string
		before := ""
		for time.Since(midnight) < cmp.Or(w.until, time.Minute) {
			metrics := m.Status().Metrics
			answer := "503"
			if value := metrics[0].Value; value != nil {
				answer = fmt.Sprint(*value)
			}
			if answer != before {
				changes = append(changes, fmt.Sprintf("%g %s", time.Since(midnight).Truncate(10*time.Millisecond).Seconds(), answer))
				before = answer
			}
			if time.Since(midnight)%time.Second < 10*time.Millisecond {
				wantSameAtOnce(t, m, metrics)
			}
			if err := m.Alive(); err != nil {
				t.Fatalf("after %v: %v", time.Since(midnight), err)
			}
			time.Sleep(10 * time.Millisecond)
		}
		answers, log = strings.Join(changes, "; "), lines.String()
	})
	return answers, log
}

// wantSameAtOnce polls every site's value for a caller who has gone already, and so is not waited for.
func wantSameAtOnce(t *testing.T, m *monitor.Monitor, metrics []monitor.MetricStatus) {
	t.Helper()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	asked := time.Now()
	for _, metric := range metrics {
		value, err := m.Value(gone, metric.Site)
		if took := time.Since(asked); took != 0 {
			t.Fatalf("%s waited %v for nobody", metric.Site, took)
		}
		if err != nil && metric.Value == nil && strings.HasPrefix(metric.Explanation, err.Error()) || err == nil && metric.Value != nil && value == *metric.Value {
			continue
		}
		t.Fatalf("%s at %v: /metric says %d, %v, and /status %+v", metric.Site, asked.Format("05.000"), value, err, metric)
	}
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
		{"nobody is held back while one of three is up", world{sites: []script{{{1 * s, refuses}}, {{1 * s, refuses}}, nil}, errorWhen: true}, "0 0; 5 1"},
		{"nor a site that is not known to be down", world{sites: []script{{{0, broken}}, {{1 * s, refuses}}}, errorWhen: true}, "0 0; 5 1"},
		{"a verdict lives until a late retry, of failures", world{sites: []script{nil, {{1 * s, hangs}}}, thresholds: thresholds{2, 1}, retry: 20 * s}, "0 0; 31 1"},
		{"a verdict lives until a late retry, of successes", world{sites: []script{nil, {{1 * s, refuses}, {8 * s, up}}}, thresholds: thresholds{1, 2}, retry: 20 * s}, "0 0; 5 1; 30 0"},
		{"a prober that is broken for a while", world{sites: []script{nil, {{1 * s, broken}, {11 * s, up}}}}, "0 0; 9 503; 15 0"},
		{"a blip of it is absorbed", world{sites: []script{nil, {{1 * s, broken}, {6 * s, up}}}}, "0 0; 9 503; 10 0"},
		{"broken in the middle of a streak", world{sites: []script{nil, {{1 * s, refuses}, {5500 * time.Millisecond, broken}, {8500 * time.Millisecond, refuses}}}, thresholds: thresholds{3, 2}}, "0 0; 10 1"},

		{"override in an outage", world{sites: []script{nil, {{1 * s, refuses}}}, override: map[int]monitor.Verdict{1: monitor.Up}}, "0 0"},
		{"override for a drill", world{sites: []script{nil, nil}, override: map[int]monitor.Verdict{1: monitor.Down}}, "0 1"},
		{"override of what cannot be probed", world{sites: []script{nil, {{0, broken}}}, override: map[int]monitor.Verdict{1: monitor.Down}}, "0 1"},

		{"a witness that answers changes nothing", world{sites: []script{nil, {{1 * s, refuses}, {11 * s, up}}}, witnesses: []script{nil}}, "0 0; 5 1; 15 0"},
		{"nor does a dead one beside it", world{sites: []script{nil, {{1 * s, refuses}, {11 * s, up}}}, witnesses: []script{{{0, hangs}}, nil}}, "0 0; 5 1; 15 0"},
		{"nor do two sites that hang, of which one waits for the other's witness", world{sites: []script{nil, {{1 * s, hangs}}, {{1 * s, hangs}}}, intervals: map[int]time.Duration{2: 4900 * time.Millisecond}, witnesses: []script{{{0, slow}}}}, "0 0; 8.8 1; 9.8 2"},
		{"two sites that hang wait for each other's witness", world{sites: []script{nil, {{1 * s, hangs}}, {{1 * s, hangs}}}, intervals: map[int]time.Duration{2: 5500 * time.Millisecond}, witnesses: []script{{{0, hangs}}}}, "0 0; 11 503"},
		{"offline: verdicts age, and resume", world{sites: []script{nil, {{1 * s, refuses}}}, witnesses: []script{{{0, refuses}, {21 * s, up}}}}, "0 0; 11 503; 25 1"},
		{"an offline blip is absorbed", world{sites: []script{nil, {{4 * s, refuses}, {6 * s, up}}}, witnesses: []script{{{4 * s, refuses}}}, until: 9 * s}, "0 0"},
		{"offline that ends with the site up", world{sites: []script{nil, {{1 * s, hangs}, {12 * s, up}}}, witnesses: []script{{{1 * s, hangs}}}}, "0 0; 11 503; 15 0"},
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
					for _, phase := range []time.Duration{0, interval * 13 / 50} {
						name := fmt.Sprintf("every %v from %v, %d failures of %v, %v apart", interval, phase, failure, takes, retry)
						t.Run(name, func(t *testing.T) {
							t.Parallel()
							site := monitor.Site{Interval: interval, Phase: phase, Retry: retry, Timeout: 3 * time.Second, Thresholds: monitor.Thresholds{Failure: failure, Success: 2}}
							var latest time.Duration
							for after := range 50 {
								latest = max(latest, detection(t, site, takes, interval*time.Duration(after)/50+1))
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
}

// TestWorstCaseWithWitness has a witness that takes nearly all its time to confirm each failure.
func TestWorstCaseWithWitness(t *testing.T) {
	t.Parallel()
	const takes = monitor.WitnessTimeout * 9 / 10
	witness := monitor.Witness{Name: "slow", Probe: func(context.Context) (probe.Result, error) {
		time.Sleep(takes)
		return probe.Result{Up: true}, nil
	}}
	for _, retry := range []time.Duration{50 * time.Millisecond, time.Second} {
		site := monitor.Site{Interval: time.Second, Retry: retry, Timeout: time.Second, Thresholds: monitor.Thresholds{Failure: 4, Success: 1}}
		worst := monitor.NewWorstCase(site, monitor.ConfirmTime(1))
		for _, c := range []struct{ takes, limit float64 }{{0, worst.RefusesSeconds}, {1, worst.HangsSeconds}} {
			failing := time.Duration(c.takes * float64(time.Second))
			found := detection(t, site, failing, 1, witness).Seconds()
			if found > c.limit || found < (site.WorstCase(failing)+4*takes).Seconds()*95/100 {
				t.Errorf("retries after %v, failing takes %v: found out after %v s, want at most %v", retry, failing, found, c.limit)
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
			return probe.Result{}, nil
		}
		peer := monitor.Site{Name: "site-a", Interval: time.Hour, Timeout: time.Hour, Probe: site.Probe, Thresholds: site.Thresholds}
		o := options(io.Discard)
		o.Log, o.Witnesses = slog.New(slog.NewTextHandler(onDown{turned}, nil)), witnesses
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
