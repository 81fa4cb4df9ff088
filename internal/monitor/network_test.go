package monitor_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"failover-monitor/internal/monitor"
	"failover-monitor/internal/probe"
)

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
			sites = append(sites, monitor.Site{Name: fmt.Sprint("site-", i), Probe: s.probe(zero), Interval: 2*time.Second + time.Duration(i)*100*time.Millisecond,
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
	if want := "0 0; 5 1; 11.5 503"; got != want { // never 2; site-c's result of the start counts for 5.5 + 3 + 1 s, and 2 s for witnesses
		t.Errorf("got %s, want %s\n%s", got, want, log)
	}
}

// TestWitnessesInStatus has one of each kind. The slow one has not answered in time, and that it answers
// after all is seen at the next failure.
func TestWitnessesInStatus(t *testing.T) {
	t.Parallel()
	world{
		sites:     []script{nil, {{time.Second, refuses}}},
		witnesses: []script{nil, {{0, refuses}}, {{0, hangs}}, {{0, broken}}},
	}.run(t, func(t *testing.T, m *monitor.Monitor, _ *journal) {
		shown := func() string {
			var all []string
			for _, w := range m.Status().Witnesses {
				all = append(all, strings.TrimSpace(fmt.Sprint(w.Witness, clock(" ", w.Asked), " ", w.Answered, " ", w.Detail)))
			}
			return strings.Join(all, "; ")
		}
		sleepUntil(4 * time.Second)
		if got, want := shown(), "witness-0 false; witness-1 false; witness-2 false; witness-3 false"; got != want {
			t.Errorf("before a failure: got %s, want %s", got, want)
		}
		sleepUntil(7 * time.Second)
		if got, want := shown(), "witness-0 5 true; witness-1 5 false refused; witness-2 5 false hangs; witness-3 5 false broken"; got != want {
			t.Errorf("after one: got %s, want %s", got, want)
		}
	})
}

// TestNoWitnessOfAFault: a probe that could not be made is no failure, and asks nobody.
func TestNoWitnessOfAFault(t *testing.T) {
	t.Parallel()
	world{sites: []script{nil, {{0, broken}}}, witnesses: []script{{{0, refuses}}}}.run(t, func(t *testing.T, m *monitor.Monitor, _ *journal) {
		sleepUntil(20 * time.Second)
		if s := m.Status(); !s.Online || !s.Witnesses[0].Asked.IsZero() || s.Sites[1].SetAside != "broken" {
			t.Errorf("online %v, witnesses %+v, aside %q", s.Online, s.Witnesses, s.Sites[1].SetAside)
		}
	})
}

// TestOfflineIsNotUnwell: a restart cures no network.
func TestOfflineIsNotUnwell(t *testing.T) {
	t.Parallel()
	sites := []script{nil, {{time.Second, refuses}}}
	world{sites: sites, witnesses: []script{{{0, refuses}}}}.run(t, func(t *testing.T, m *monitor.Monitor, _ *journal) {
		sleepUntil(20 * time.Second)
		if s := m.Status(); s.Online || !s.OfflineSince.Equal(midnight.Add(5*time.Second)) || m.Well() != nil {
			t.Errorf("online %v, offline since %v, unwell: %v", s.Online, s.OfflineSince, m.Well())
		}
	})
}

// TestOnlineAgain: a witness that answers for one site ends what it did not answer for another, which is
// probed once an hour here. A probe that could not be made proves nothing.
func TestOnlineAgain(t *testing.T) {
	t.Parallel()
	world{
		sites: []script{nil, {{1 * time.Second, broken}, {12 * time.Second, refuses}}, {{0, refuses}}}, intervals: map[int]time.Duration{2: time.Hour},
		witnesses: []script{{{0, refuses}, {12 * time.Second, up}}},
	}.run(t, func(t *testing.T, m *monitor.Monitor, _ *journal) {
		for _, want := range []struct {
			at     time.Duration
			online bool
		}{{14 * time.Second, false}, {16 * time.Second, true}} {
			sleepUntil(want.at)
			if got := m.Status().Online; got != want.online {
				t.Errorf("after %v: online %v", want.at, got)
			}
		}
	})
}

// TestLateWitness has a witness whose first answer comes after its second: the status shows the second.
func TestLateWitness(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		late := monitor.Witness{Name: "late", Probe: func(context.Context) (probe.Result, error) {
			if asked++; asked == 1 {
				time.Sleep(10 * time.Second)
				return probe.Result{Detail: "late"}, nil
			}
			return probe.Result{Up: true}, nil
		}}
		o := options(new(journal))
		o.Witnesses = []monitor.Witness{late, {Name: "quick", Probe: script(nil).probe(midnight)}}
		ctx, cancel := context.WithCancel(t.Context())
		m := monitor.New(world{sites: []script{nil, {{time.Second, refuses}, {6500 * time.Millisecond, up}}}, thresholds: thresholds{failure: 3}}.list(), o) // two rounds
		m.Start(ctx)
		time.Sleep(30 * time.Second)
		if got := m.Status().Witnesses[0]; asked != 2 || !got.Answered || got.Detail != "" {
			t.Errorf("asked %d times, the status shows %+v", asked, got)
		}
		cancel()
		m.Wait()
	})
}
