package monitor_test

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"failover-monitor/internal/monitor"
)

// runScenario runs a scenario and gives what site-a is told over time, as "0 0; 12.5 1; 20 503":
// the second at which an answer changes, and the new answer. It checks every 10 ms that all loops
// are live, and every second that polls get what the overview says.
func runScenario(t *testing.T, s scenario) (answers string, happened []string) {
	t.Helper()
	s.run(t, func(t *testing.T, m *monitor.Monitor, events *recorder) {
		time.Sleep(time.Millisecond) // until the first results of sites that answer at once
		var changes []string
		before := ""
		for time.Since(midnight) < cmp.Or(s.until, time.Minute) {
			overview := m.Overview()
			answer := "503"
			if value, _, err := overview.Told(overview.Sites[0]); err == nil {
				answer = fmt.Sprint(value)
			}
			if answer != before {
				changes = append(changes,
					fmt.Sprintf("%g %s", time.Since(midnight).Truncate(10*time.Millisecond).Seconds(), answer))
				before = answer
			}
			if time.Since(midnight)%time.Second < 10*time.Millisecond {
				wantPollsMatch(t, m, overview)
			}
			if !overview.Live() {
				t.Fatalf("after %v a loop is stalled", time.Since(midnight))
			}
			time.Sleep(10 * time.Millisecond)
		}
		answers, happened = strings.Join(changes, "; "), events.take()
	})
	return answers, happened
}

// wantPollsMatch polls every site's value, and compares it with the overview. The context has
// ended, so that polls do not wait.
func wantPollsMatch(t *testing.T, m *monitor.Monitor, overview monitor.Overview) {
	t.Helper()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	asked := time.Now()
	for _, site := range overview.Sites {
		got := formatAnswer(m.Value(ended, site.Name))
		if took := time.Since(asked); took != 0 {
			t.Fatalf("a poll of %s waited %v", site.Name, took)
		}
		told, _, err := overview.Told(site)
		if want := formatAnswer(told, err); got != want {
			t.Fatalf("%s at %v: a poll gets %s, the overview says %s",
				site.Name, time.Since(midnight), got, want)
		}
	}
}

// TestTimelines has a row for each rule: when sites and witnesses change, and what site-a is told.
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
		{"as the predecessor: one failure, one success",
			scenario{sites: []script{nil, {{1 * s, refuses}, {11 * s, up}}}}, "0 0; 5 1; 15 0"},
		{"one failure that takes its timeout",
			scenario{sites: []script{nil, {{1 * s, hangs}, {11 * s, up}}}}, "0 0; 8 1; 15 0"},
		{"three failures, a second apart",
			scenario{sites: []script{nil, dies(1*s, refuses)}, limits: threeTwo}, "0 0; 7 1"},
		{"three that take their timeout",
			scenario{sites: []script{nil, dies(1*s, hangs)}, limits: threeTwo}, "0 0; 10 1"},
		{"two failures are absorbed",
			scenario{sites: []script{nil, {{1 * s, refuses}, {6500 * time.Millisecond, up}}},
				limits: threeTwo}, "0 0"},
		{"two successes, a second apart",
			scenario{sites: []script{nil, {{1 * s, refuses}, {10 * s, up}}}, limits: threeTwo},
			"0 0; 7 1; 11 0"},
		{"one success is absorbed",
			scenario{sites: []script{nil,
				{{1 * s, refuses}, {11500 * time.Millisecond, up}, {12500 * time.Millisecond, refuses}}},
				limits: threeTwo}, "0 0; 7 1"},
		{"flapping at each probe, 1/1", scenario{sites: []script{nil, flaps(5 * s)}, until: 21 * s},
			"0 0; 5 1; 10 0; 15 1; 20 0"},
		{"flapping at each probe, 2/2",
			scenario{sites: []script{nil, flaps(5 * s)}, limits: monitor.Thresholds{Failure: 2, Success: 2},
				until: 21 * s}, "0 0; 6 1; 11 0; 16 1"},
		{"flapping faster than the retries, 2/2",
			scenario{sites: []script{nil, flaps(1 * s)}, limits: monitor.Thresholds{Failure: 2, Success: 2}},
			"0 0"},
		{"dead from the start: the threshold counts there, too",
			scenario{sites: []script{nil, dies(0, refuses)}, limits: threeTwo}, "0 503; 2 1"},
		{"dead from the start, hanging", scenario{sites: []script{nil, dies(0, hangs)}, limits: threeTwo},
			"0 503; 5 1"},
		{"down for a moment at the start",
			scenario{sites: []script{nil, {{0, refuses}, {1500 * time.Millisecond, up}}}, limits: threeTwo},
			"0 503; 2 0"},
		{"two hang and one answers: absorbed",
			scenario{sites: []script{nil, {{1 * s, hangs}, {6500 * time.Millisecond, up}}},
				limits: threeTwo}, "0 0"},
		{"one hangs and two refuse: counted in the order of their starts",
			scenario{sites: []script{nil, {{1 * s, hangs}, {5500 * time.Millisecond, refuses}}},
				limits: threeTwo}, "0 0; 8 1"},
		{"two refuse and one hangs",
			scenario{sites: []script{nil, {{1 * s, refuses}, {6500 * time.Millisecond, hangs}}},
				limits: threeTwo}, "0 0; 10 1"},
		{"a younger success does not clear an older streak early",
			scenario{sites: []script{nil,
				{{1 * s, hangs}, {5500 * time.Millisecond, up}, {6500 * time.Millisecond, hangs}}},
				limits: threeTwo}, "0 0; 15 1"},
		{"a slow success cuts younger failures off",
			scenario{sites: []script{nil, {{1 * s, slow}, {5200 * time.Millisecond, refuses}, {8 * s, up}}},
				limits: threeTwo, retry: 300 * time.Millisecond}, "0 0"},
		{"a threshold for one site alone",
			scenario{sites: []script{nil, dies(1*s, refuses), dies(1*s, refuses)}, limits: threeTwo,
				perSite: map[int]monitor.Thresholds{2: {Failure: 1, Success: 1}}}, "0 0; 5 1; 7 2"},
		{"the number of peers that are down",
			scenario{sites: []script{nil, dies(1*s, refuses), {{11 * s, refuses}, {21 * s, up}}}},
			"0 0; 5 1; 15 2; 25 1"},
		{"all unknown", scenario{sites: []script{nil, dies(0, hangs), dies(0, broken)}, until: 20 * s},
			"0 503"},
		{"unknown beside down is not known",
			scenario{sites: []script{nil, dies(0, refuses), dies(0, broken)}, until: 20 * s}, "0 503"},
		{"all down: all scale", scenario{sites: []script{dies(1*s, refuses), dies(1*s, refuses)}},
			"0 0; 5 1"},
		{"all down: an error, if wanted",
			scenario{sites: []script{{{1 * s, refuses}, {21 * s, up}}, dies(6*s, refuses)},
				errorWhenAllDown: true}, "0 0; 10 503; 25 1"},
		{"no error while one of three is up",
			scenario{sites: []script{dies(1*s, refuses), dies(1*s, refuses), nil}, errorWhenAllDown: true},
			"0 0; 5 1"},
		{"no error for a site that is not known to be down",
			scenario{sites: []script{dies(0, broken), dies(1*s, refuses)}, errorWhenAllDown: true},
			"0 0; 5 1"},
		{"a verdict lives until a late retry, of failures",
			scenario{sites: []script{nil, dies(1*s, hangs)},
				limits: monitor.Thresholds{Failure: 2, Success: 1}, retry: 20 * s}, "0 0; 28 1"},
		{"a verdict lives until a late retry, of successes",
			scenario{sites: []script{nil, {{1 * s, refuses}, {8 * s, up}}},
				limits: monitor.Thresholds{Failure: 1, Success: 2}, retry: 20 * s}, "0 0; 5 1; 30 0"},
		{"a prober that is broken for a while",
			scenario{sites: []script{nil, {{1 * s, broken}, {11 * s, up}}}}, "0 0; 9 503; 15 0"},
		{"a prober that is broken for a moment",
			scenario{sites: []script{nil, {{1 * s, broken}, {6 * s, up}}}},
			"0 0; 9 503; 10 0"},
		{"broken in the middle of a streak",
			scenario{sites: []script{nil,
				{{1 * s, refuses}, {5500 * time.Millisecond, broken}, {8500 * time.Millisecond, refuses}}},
				limits: threeTwo}, "0 0; 10 1"},

		{"override in an outage",
			scenario{sites: []script{nil, dies(1*s, refuses)},
				override: map[int]monitor.Verdict{1: monitor.Up}}, "0 0"},
		{"override for a drill",
			scenario{sites: []script{nil, nil}, override: map[int]monitor.Verdict{1: monitor.Down}}, "0 1"},
		{"override of what cannot be probed",
			scenario{sites: []script{nil, dies(0, broken)},
				override: map[int]monitor.Verdict{1: monitor.Down}}, "0 1"},

		{"a witness that answers changes nothing",
			scenario{sites: []script{nil, {{1 * s, refuses}, {11 * s, up}}}, witnesses: []script{nil}},
			"0 0; 5 1; 15 0"},
		{"a dead witness beside it changes nothing",
			scenario{sites: []script{nil, {{1 * s, refuses}, {11 * s, up}}},
				witnesses: []script{dies(0, hangs), nil}}, "0 0; 5 1; 15 0"},
		{"two sites that hang: the second waits for the next round of the witness",
			scenario{sites: []script{nil, dies(1*s, hangs), dies(1*s, hangs)},
				intervals: map[int]time.Duration{2: 4900 * time.Millisecond}, witnesses: []script{{{0, slow}}}},
			"0 0; 8.8 1; 9.8 2"},
		{"two sites that hang, and a dead witness",
			scenario{sites: []script{nil, dies(1*s, hangs), dies(1*s, hangs)},
				intervals: map[int]time.Duration{2: 5500 * time.Millisecond},
				witnesses: []script{dies(0, hangs)}}, "0 0; 11 503"},
		{"offline: verdicts age, and resume",
			scenario{sites: []script{nil, dies(1*s, refuses)},
				witnesses: []script{{{0, refuses}, {21 * s, up}}}}, "0 0; 11 503; 25 1"},
		{"an offline blip is absorbed",
			scenario{sites: []script{nil, {{4 * s, refuses}, {6 * s, up}}},
				witnesses: []script{dies(4*s, refuses)}, until: 9 * s}, "0 0"},
		{"offline that ends with the site up",
			scenario{sites: []script{nil, {{1 * s, hangs}, {12 * s, up}}},
				witnesses: []script{dies(1*s, hangs)}}, "0 0; 11 503; 15 0"},
		{"offline in the middle of a streak",
			scenario{sites: []script{nil, dies(1*s, refuses)}, limits: threeTwo,
				witnesses: []script{{{5500 * time.Millisecond, refuses}, {8500 * time.Millisecond, up}}}},
			"0 0; 10 1"},
		{"offline at the start",
			scenario{sites: []script{nil, {{0, refuses}, {21 * s, up}}},
				witnesses: []script{dies(0, refuses)}}, "0 503; 25 0"},
		{"offline at the start, then a witness",
			scenario{sites: []script{nil, dies(0, refuses)},
				witnesses: []script{{{0, refuses}, {11 * s, up}}}, limits: threeTwo}, "0 503; 17 1"},
		{"three that hang, and a slow witness: its time counts once",
			scenario{sites: []script{nil, dies(1*s, hangs)}, witnesses: []script{{{0, slow}}},
				limits: threeTwo}, "0 0; 10.9 1"},
		{"offline, with a site that hangs",
			scenario{sites: []script{nil, dies(1*s, hangs)},
				witnesses: []script{{{0, refuses}, {16 * s, up}}}, limits: threeTwo},
			"0 0; 11 503; 20 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got, happened := runScenario(t, c.scenario); got != c.want {
				t.Errorf("site-a is told\n %s\nwant\n %s\n%s", got, c.want, strings.Join(happened, "\n"))
			}
		})
	}
}
