// Package monitor repeats the probes of every site in the background, makes verdicts of their results,
// and answers from memory how many peers of a site are down.
//
// Each site has one goroutine, and never more than one probe under way. Nothing here knows HTTP, or how
// many sites there are.
package monitor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"failover-monitor/internal/probe"
)

// ErrNoSite is the error for a name that is no site's.
var ErrNoSite = errors.New("no such site")

// ErrAllDown is the error while every site is down, if it is asked for.
var ErrAllDown = errors.New("all sites are down, and ALL_DOWN_POLICY=error says not to scale on that")

// errGone is for a caller that has closed its side of the connection, and may still read.
var errGone = errors.New("the request ended before the sites were probed for it")

// Options are what holds for all sites.
type Options struct {
	// AnswerTimeout is how long a caller of [Monitor.Value] waits for a missing verdict.
	AnswerTimeout time.Duration
	// Witnesses, if there are any, must confirm a failure for it to count: one of them answers.
	Witnesses []Witness
	// ErrorWhenAllDown gives no value while every site is down, where everybody would be told to scale; nor to a
	// site whose own first probe is still to tell, while all others are down.
	ErrorWhenAllDown bool
	// Observe, if set, is told how each probe ended.
	Observe func(Event)
	Log     *slog.Logger
}

// Event is how one probe ended.
type Event struct {
	Site     string
	Result   probe.Result // the zero value of one that could not be made
	SetAside bool         // it does not count
	Turned   bool         // it turned the verdict
	Verdict  Verdict      // what the site is held to be, with it
}

// Monitor watches a fixed set of sites.
type Monitor struct {
	errorWhenAllDown bool
	onDemand         bool // whether some site is probed only when somebody asks
	watches          []*watch
	byName           map[string]*watch
	network          *network
	stalls           *stallMeter
	loops            sync.WaitGroup
}

// New makes a monitor of one site or more, each with a name of its own.
func New(sites []Site, o Options) *Monitor {
	verdicts, err := lru.New[string, held](len(sites))
	if err != nil {
		panic(err) // no site
	}
	m := &Monitor{errorWhenAllDown: o.ErrorWhenAllDown, byName: make(map[string]*watch), network: newNetwork(o.Witnesses, o.Log), stalls: new(stallMeter)}
	for _, site := range sites {
		w := newWatch(site, o, verdicts, m.network, m.stalls)
		m.watches, m.byName[site.Name] = append(m.watches, w), w
		m.onDemand = m.onDemand || site.onDemand()
	}
	return m
}

// Start begins the first probe of every site, and goes on until ctx ends.
func (m *Monitor) Start(ctx context.Context) {
	for _, w := range m.watches {
		w.prepare()
		m.loops.Go(func() { w.loop(ctx) })
	}
}

// Wait returns when every loop has ended, and with it every probe.
func (m *Monitor) Wait() {
	m.loops.Wait()
	m.network.rounds.Wait()
}

// Names lists the sites.
func (m *Monitor) Names() []string {
	var names []string
	for _, w := range m.watches {
		names = append(names, w.Name)
	}
	return names
}

// Value is how many sites other than the named one are down. The error is [ErrNoSite] for a name
// that is no site's, [ErrAllDown] if that is asked for, and otherwise says of which of the others no
// verdict is known, and why.
//
// It answers from memory. Where a verdict is missing it waits for the probe under way, no longer
// than the answer timeout. Sites with an interval of 0 are probed for this call, which waits for them.
func (m *Monitor) Value(ctx context.Context, name string) (int, error) {
	self, ok := m.byName[name]
	if !ok {
		return 0, ErrNoSite
	}
	if value, err := m.value(self); err == nil && !m.onDemand {
		return value, nil
	}
	if !m.await(ctx, self) && m.onDemand { // what is known may be from before this call
		return 0, errGone
	}
	return m.value(self)
}

// Polled notes that a site's value was asked for, and by whom. The name must be a site's.
func (m *Monitor) Polled(name, by string) { m.byName[name].consumer.polled(by) }

// value counts the peers that are down, from what is known now.
func (m *Monitor) value(self *watch) (int, error) {
	down := 0
	for _, peer := range m.watches {
		if peer == self {
			continue
		}
		verdict, err := peer.verdict()
		if err != nil {
			return 0, err
		}
		if verdict == Down {
			down++
		}
	}
	if m.errorWhenAllDown && down == len(m.watches)-1 {
		self.mu.Lock()
		defer self.mu.Unlock()
		if err := self.heldBack(self.counting()); err != nil {
			return 0, err
		}
	}
	return down, nil
}

// await joins the probes of all peers whose verdict is missing, before it waits for the first of them.
// With ErrorWhenAllDown a site needs its own verdict as well. It is false when ctx has ended before they have.
func (m *Monitor) await(ctx context.Context, self *watch) bool {
	type flight struct {
		landed   <-chan struct{}
		patience time.Duration
	}
	var flights []flight
	for _, w := range m.watches {
		if w == self && !m.errorWhenAllDown {
			continue
		}
		if landed := w.join(); landed != nil {
			flights = append(flights, flight{landed, w.patience})
		}
	}
	asked := time.Now()
	for _, f := range flights {
		select {
		case <-f.landed:
		case <-time.After(f.patience - time.Since(asked)):
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// Patience is the longest that [Monitor.Value] can take.
func (m *Monitor) Patience() time.Duration {
	var longest time.Duration
	for _, w := range m.watches {
		longest = max(longest, w.patience)
	}
	return longest
}

// Well is an error with a line for every site whose loop is stuck, or whose probes cannot be made for a
// reason of the monitor's own; nil when there is none.
func (m *Monitor) Well() error { return m.each((*watch).trouble) }

// Alive is an error with a line for every site whose loop is stuck, which a restart can cure; nil when
// there is none.
func (m *Monitor) Alive() error { return m.each((*watch).stuck) }

func (m *Monitor) each(check func(*watch) error) error {
	var found []error
	for _, w := range m.watches {
		w.mu.Lock()
		err := check(w)
		w.mu.Unlock()
		if err != nil {
			found = append(found, fmt.Errorf("%s: %w", w.Name, err))
		}
	}
	return errors.Join(found...)
}
