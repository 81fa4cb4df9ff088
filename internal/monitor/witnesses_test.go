package monitor_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"failover-monitor/internal/monitor"
	"failover-monitor/internal/probe"
)

// TestWitnesses checks how often witnesses are asked, and when.
func TestWitnesses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var asked []time.Duration
		o := noEvents
		o.Host = monitor.NewHost([]monitor.Witness{{Name: "w",
			Probe: func(context.Context) (probe.Result, error) {
				mu.Lock()
				defer mu.Unlock()
				asked = append(asked, time.Since(midnight))
				return probe.Result{Up: true}, nil
			}}})
		var sites []*monitor.Site
		for i := range 20 { // all but the first fail: at first together, then 100 ms apart
			how := script{{0, refuses}}
			if i == 0 {
				how = nil
			}
			site := newSite('a'+rune(i), how.probe(midnight))
			site.Interval = 2*time.Second + time.Duration(i)*100*time.Millisecond
			sites = append(sites, site)
		}
		runMonitor(t, sites, o, func(m *monitor.Monitor) {
			time.Sleep(30 * time.Second)
			wantAnswer(t, m, "site-a", "19")
		})
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

// TestWitnessAfterTheFailure: an answer from before a failure is no witness of it. Here the network
// is cut between the witness's answer for site-b, at 5 s, and the failure of site-c, at 5.5 s.
func TestWitnessAfterTheFailure(t *testing.T) {
	t.Parallel()
	cut := 5200 * time.Millisecond
	got, happened := runScenario(t, scenario{
		sites:     []script{nil, {{time.Second, refuses}}, {{cut, refuses}}},
		intervals: map[int]time.Duration{2: 5500 * time.Millisecond},
		witnesses: []script{{{cut, hangs}}},
		until:     30 * time.Second,
	})
	// The value is never 2. Site-c's first result counts for 5.5 + 3 + 1 s, and 2 s for witnesses.
	if want := "0 0; 5 1; 11.5 503"; got != want {
		t.Errorf("got %s, want %s\n%s", got, want, strings.Join(happened, "\n"))
	}
}

// TestWitnessAnswers has a witness of each kind, before and after a failure.
func TestWitnessAnswers(t *testing.T) {
	t.Parallel()
	scenario{
		sites:     []script{nil, dies(time.Second, refuses)},
		witnesses: []script{nil, dies(0, refuses), dies(0, hangs), dies(0, broken)},
	}.run(t, func(t *testing.T, m *monitor.Monitor, _ *recorder) {
		shown := func() string {
			var all []string
			for _, w := range m.Overview().Witnesses {
				words := fmt.Sprint(w.Witness, " ", w.Result.Up, " ", w.Result.Reason)
				if w.Err != nil {
					words += w.Err.Error()
				}
				if !w.Asked.IsZero() {
					words += fmt.Sprint(" at ", w.Asked.Sub(midnight))
				}
				all = append(all, words)
			}
			return strings.Join(all, "; ")
		}
		sleepUntil(4 * time.Second)
		want := "witness-0 false ; witness-1 false ; witness-2 false ; witness-3 false "
		if got := shown(); got != want {
			t.Errorf("before a failure: got %s, want %s", got, want)
		}
		sleepUntil(7 * time.Second)
		want = "witness-0 true  at 5s; witness-1 false refused at 5s; " +
			"witness-2 false timeout at 5s; witness-3 false broken at 5s"
		if got := shown(); got != want {
			t.Errorf("after one: got %s, want %s", got, want)
		}
	})
}

// TestNoWitnessOfAFault: a probe that could not be made is no failure, and no witness is asked.
func TestNoWitnessOfAFault(t *testing.T) {
	t.Parallel()
	sc := scenario{sites: []script{nil, dies(0, broken)}, witnesses: []script{dies(0, refuses)}}
	sc.run(t, func(t *testing.T, m *monitor.Monitor, _ *recorder) {
		sleepUntil(20 * time.Second)
		if o := m.Overview(); !o.Online() || !o.Witnesses[0].Asked.IsZero() ||
			o.Sites[1].Discarded != errBroken {
			t.Errorf("online %v, witnesses %+v, discarded %v",
				o.Online(), o.Witnesses, o.Sites[1].Discarded)
		}
	})
}

// TestOfflineIsNoFault: while the monitor is offline, it is still live, since a restart would not
// help.
func TestOfflineIsNoFault(t *testing.T) {
	t.Parallel()
	sc := scenario{
		sites:     []script{nil, dies(time.Second, refuses)},
		witnesses: []script{dies(0, refuses)},
	}
	sc.run(t, func(t *testing.T, m *monitor.Monitor, _ *recorder) {
		sleepUntil(20 * time.Second)
		if o := m.Overview(); o.Online() || !o.OfflineSince.Equal(midnight.Add(5*time.Second)) ||
			o.Sites[1].Fault() != nil || !o.Live() {
			t.Errorf("offline since %v, fault %v", o.OfflineSince, o.Sites[1].Fault())
		}
	})
}

// TestOnlineAgain: a witness that confirms one site's failure ends the offline state, although
// another site's failure is unconfirmed; that one is probed once an hour here. A probe that could
// not be made proves nothing.
func TestOnlineAgain(t *testing.T) {
	t.Parallel()
	scenario{
		sites: []script{
			nil, {{1 * time.Second, broken}, {12 * time.Second, refuses}}, {{0, refuses}},
		},
		intervals: map[int]time.Duration{2: time.Hour},
		witnesses: []script{{{0, refuses}, {12 * time.Second, up}}},
	}.run(t, func(t *testing.T, m *monitor.Monitor, _ *recorder) {
		for _, want := range []struct {
			at     time.Duration
			online bool
		}{{14 * time.Second, false}, {16 * time.Second, true}} {
			sleepUntil(want.at)
			if got := m.Overview().Online(); got != want.online {
				t.Errorf("after %v: online %v", want.at, got)
			}
		}
	})
}

// TestLateWitness has a witness whose first answer comes after its second: the overview has the
// second.
func TestLateWitness(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		late := monitor.Witness{Name: "late", Probe: func(context.Context) (probe.Result, error) {
			if asked.Add(1) == 1 {
				time.Sleep(10 * time.Second)
				return probe.Result{Detail: "late"}, nil
			}
			return probe.Result{Up: true}, nil
		}}
		o := noEvents
		o.Host = monitor.NewHost([]monitor.Witness{late,
			{Name: "quick", Probe: script(nil).probe(midnight)}})
		failsTwice := scenario{
			sites:  []script{nil, {{time.Second, refuses}, {6500 * time.Millisecond, up}}},
			limits: monitor.Thresholds{Failure: 3},
		}
		runMonitor(t, failsTwice.list(), o, func(m *monitor.Monitor) {
			time.Sleep(30 * time.Second)
			if got := m.Overview().Witnesses[0]; asked.Load() != 2 || !got.Result.Up {
				t.Errorf("asked %d times, the overview has %+v", asked.Load(), got)
			}
		})
	})
}
