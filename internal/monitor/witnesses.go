package monitor

import (
	"context"
	"slices"
	"sync"
	"time"

	"failover-monitor/internal/probe"
)

// WitnessTimeout is how long a witness has to answer. Kept short: it is added to a probe that has
// failed already.
const WitnessTimeout = time.Second

// witnessPause is from the start of one round to the start of the next, however many sites fail.
const witnessPause = time.Second

// Witness is an address outside all sites that answers whenever the monitor has a network.
type Witness struct {
	Name  string
	Probe Probe
}

// WitnessAnswer is how a witness last answered. Witnesses are only asked when a probe has failed.
type WitnessAnswer struct {
	Witness string
	Asked   time.Time // zero before the first time
	Result  probe.Result
	Err     error // why it could not be asked
}

// OfflineError is why a failed probe does not count.
type OfflineError struct{ Since time.Time }

// Error implements error.
func (e *OfflineError) Error() string { return "the monitor is offline: no witness answers" }

// witnesses distinguish a site that is down from a monitor that is offline.
type witnesses struct {
	all    []Witness
	rounds sync.WaitGroup

	mu      sync.Mutex
	began   time.Time       // when the last round began
	planned *round          // the next round, until it begins; nil without one
	answers []WitnessAnswer // the last of each witness
	// unconfirmed are the sites whose last failure no witness confirmed. While there are any, the
	// monitor is offline, since the first of those failures.
	unconfirmed map[string]struct{}
	since       time.Time
}

// round asks all witnesses once.
type round struct {
	done   chan struct{}
	online bool // valid when done is closed
}

func newWitnesses(all []Witness) *witnesses {
	w := &witnesses{all: all, unconfirmed: make(map[string]struct{})}
	for _, one := range all {
		w.answers = append(w.answers, WitnessAnswer{Witness: one.Name})
	}
	return w
}

// ConfirmTime is the longest that this many witnesses take until a failure is confirmed or
// discarded: the pause until they are asked, and the time in which one of them answers or none
// does. Without witnesses every failure counts at once.
func ConfirmTime(witnesses int) time.Duration {
	if witnesses == 0 {
		return 0
	}
	return witnessPause + WitnessTimeout
}

// confirm is whether a failure that has just happened counts: some witness answers in a round that
// begins after it. An answer from before proves nothing.
func (w *witnesses) confirm(ctx context.Context) bool {
	if len(w.all) == 0 {
		return true
	}
	r := w.plan(ctx)
	<-r.done
	return r.online
}

// plan joins the next round, and plans one if there is none.
func (w *witnesses) plan(ctx context.Context) *round {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.planned == nil {
		r := &round{done: make(chan struct{})}
		w.planned = r
		pause := time.Until(w.began.Add(witnessPause))
		w.rounds.Go(func() {
			select {
			case <-time.After(pause):
				w.ask(ctx, r)
			case <-ctx.Done():
				close(r.done)
			}
		})
	}
	return w.planned
}

// ask asks all witnesses at once. The round is done when the first has answered, or all have
// failed.
func (w *witnesses) ask(ctx context.Context, r *round) {
	w.mu.Lock()
	w.planned, w.began = nil, time.Now()
	w.mu.Unlock()
	answers := make(chan bool, len(w.all))
	for i, one := range w.all {
		w.rounds.Go(func() {
			timed, cancel := context.WithTimeout(ctx, WitnessTimeout)
			defer cancel()
			answer := WitnessAnswer{Witness: one.Name, Asked: time.Now()}
			answer.Result, answer.Err = one.Probe(timed)
			w.store(i, answer)
			answers <- answer.Result.Up
		})
	}
	for range w.all {
		if <-answers {
			r.online = true
			break
		}
	}
	close(r.done)
}

// store stores a witness's answer, unless that of a later round came first.
func (w *witnesses) store(i int, answer WitnessAnswer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if answer.Asked.After(w.answers[i].Asked) {
		w.answers[i] = answer
	}
}

// record updates what is known of the network with an outcome, and sets since when the monitor is
// offline in an unconfirmed one. The event says what has changed; it is nil if nothing has. A
// witness that confirms one site's failure ends the offline state for all sites. A probe that could
// not be made proves nothing.
func (w *witnesses) record(site string, o *Outcome) *NetworkEvent {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := len(w.unconfirmed)
	if offline, ok := o.Discarded.(*OfflineError); ok {
		if before == 0 {
			w.since = time.Now()
		}
		w.unconfirmed[site] = struct{}{}
		offline.Since = w.since
		if before == 0 {
			return &NetworkEvent{Witnesses: slices.Clone(w.answers)}
		}
		return nil
	}
	if o.Discarded == nil {
		if delete(w.unconfirmed, site); !o.Result.Up && len(w.all) > 0 {
			clear(w.unconfirmed)
		}
	}
	if before > 0 && len(w.unconfirmed) == 0 {
		return &NetworkEvent{Online: true, Offline: time.Since(w.since)}
	}
	return nil
}

// describe is since when the monitor has been offline, zero if it is online, and the last answers.
func (w *witnesses) describe() (offlineSince time.Time, answers []WitnessAnswer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.unconfirmed) > 0 {
		offlineSince = w.since
	}
	return offlineSince, slices.Clone(w.answers)
}
