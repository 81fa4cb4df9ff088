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
	"iter"
	"log/slog"
	"slices"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// grace is what a probe or a loop may be late, for a loaded machine, before it counts as stuck.
const grace = time.Second

// ErrNoSite is the error for a name that is no site's.
var ErrNoSite = errors.New("no such site")

// Monitor watches a fixed set of sites.
type Monitor struct {
	watches []*watch
	loops   sync.WaitGroup
}

// New makes a monitor of one site or more. A caller of [Monitor.Value] who comes before a site's
// first result waits at most answerTimeout for it.
func New(sites []Site, answerTimeout time.Duration, log *slog.Logger) *Monitor {
	verdicts, err := lru.New[string, held](len(sites))
	if err != nil {
		panic(err) // no site
	}
	m := new(Monitor)
	for _, site := range sites {
		m.watches = append(m.watches, newWatch(site, answerTimeout, verdicts, log))
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
func (m *Monitor) Wait() { m.loops.Wait() }

// Names lists the sites.
func (m *Monitor) Names() []string {
	var names []string
	for _, w := range m.watches {
		names = append(names, w.Name)
	}
	return names
}

// Value is how many sites other than the named one are down. The error is [ErrNoSite] for a name
// that is no site's, and an [*UnknownError] while the verdict of one of the others is not known.
//
// It answers from memory. Where a verdict is missing it waits for the probe under way, no longer
// than the answer timeout. Sites with an interval of 0 it has probed, and waits for that.
func (m *Monitor) Value(ctx context.Context, name string) (int, error) {
	if !slices.ContainsFunc(m.watches, func(w *watch) bool { return w.Name == name }) {
		return 0, ErrNoSite
	}
	m.await(ctx, name)
	down := 0
	for peer := range m.peers(name) {
		verdict, err := peer.verdict()
		if err != nil {
			return 0, err
		}
		if verdict == Down {
			down++
		}
	}
	return down, nil
}

// peers are all sites but the named one.
func (m *Monitor) peers(name string) iter.Seq[*watch] {
	return func(yield func(*watch) bool) {
		for _, w := range m.watches {
			if w.Name != name && !yield(w) {
				return
			}
		}
	}
}

// await joins the probes of all peers whose verdict is missing, before it waits for the first of them.
func (m *Monitor) await(ctx context.Context, name string) {
	type flight struct {
		landed   <-chan struct{}
		patience time.Duration
	}
	var flights []flight
	for peer := range m.peers(name) {
		if landed := peer.join(); landed != nil {
			flights = append(flights, flight{landed, peer.patience})
		}
	}
	asked := time.Now()
	for _, f := range flights {
		select {
		case <-f.landed:
		case <-time.After(f.patience - time.Since(asked)):
		case <-ctx.Done():
			return
		}
	}
}

// Patience is the longest that [Monitor.Value] can take.
func (m *Monitor) Patience() time.Duration {
	var longest time.Duration
	for _, w := range m.watches {
		longest = max(longest, w.patience)
	}
	return longest
}

// Alive is an error that names every site whose loop is stuck, nil when there is none.
func (m *Monitor) Alive() error {
	var stuck []error
	for _, w := range m.watches {
		if late := w.late(); late > 0 {
			stuck = append(stuck, fmt.Errorf("%s: its probe loop is stuck, %v late", w.Name, late.Round(100*time.Millisecond)))
		}
	}
	return errors.Join(stuck...)
}

// UnknownError says of which site nothing certain is known, and why.
type UnknownError struct {
	Site string
	Why  string
}

func (e *UnknownError) Error() string { return "no verdict on " + e.Site + ": " + e.Why }
