//go:build e2e

package soak

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"failover-monitor/internal/e2e/rig"
	"failover-monitor/internal/fakesite"
)

// site is a site that flaps, and records when.
type site struct {
	name string
	fake *fakesite.Site
	fast bool // changes every 50 ms or so, and not only now and then

	mu    sync.Mutex
	down  bool
	turns []turn // oldest first
}

// turn is a change of state. It happened between two moments.
type turn struct {
	began, ended time.Time
	down         bool // from then on
}

// faults are the ways in which a site is down; nil refuses connections.
var faults = []fakesite.Behaviour{fakesite.Answer(500), fakesite.Answer(503), rig.Reset,
	fakesite.Hang, fakesite.Respond("SSH-2.0-OpenSSH_9.2p1\r\n"), nil}

func startSites(t *testing.T, n int) (sites []*site, environ []string) {
	t.Helper()
	for i := range n {
		fake, err := fakesite.Start(rig.FreeAddress(t), fakesite.Answer(200))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(fake.Close)
		sites = append(sites, &site{name: fmt.Sprintf("site-s%d", i), fake: fake, fast: i%5 == 0})
		environ = append(environ, fmt.Sprintf("SITE_S%d_HEALTH_URL=http://%s/healthz", i, fake.Address()))
	}
	return sites, environ
}

// flap changes the site until a moment.
func (s *site) flap(t *testing.T, until time.Time) {
	for {
		pause := time.Second + rand.N(20*time.Second)
		if s.fast {
			pause = rand.N(100 * time.Millisecond)
		}
		if !time.Now().Add(pause).Before(until) {
			return
		}
		time.Sleep(pause)
		s.turn(t)
	}
}

func (s *site) heal(t *testing.T) {
	if s.down {
		s.turn(t)
	}
}

func (s *site) turn(t *testing.T) {
	began, down := time.Now(), !s.down
	var err error
	switch fault := faults[rand.N(len(faults))]; {
	case !down:
		err = s.fake.Become(fakesite.Answer(200))
	case fault == nil:
		s.fake.Refuse()
	default:
		err = s.fake.Become(fault)
	}
	if err != nil {
		t.Errorf("%s: %v", s.name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
	s.turns = append(s.turns, turn{began, time.Now(), down})
}

// states are whether the site was down at some moment of a span of time, and whether it was up.
func (s *site) states(from, to time.Time) (down, up bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	note := func(isDown bool) { down, up = down || isDown, up || !isDown }
	current := false // all begin healthy
	for _, turn := range s.turns {
		if turn.ended.Before(from) { // it has happened already
			current = turn.down
			continue
		}
		if turn.began.After(to) {
			break
		}
		note(!turn.down)
		note(turn.down)
		current = turn.down
	}
	note(current)
	return down, up
}

// forget drops the turns before a moment, but for the last of them.
func (s *site) forget(before time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.turns) > 1 && s.turns[1].ended.Before(before) {
		s.turns = s.turns[1:]
	}
}
