package monitor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// WitnessTimeout is how long a witness has to answer. It is its own, and short: it comes on top of a
// probe that has failed already.
const WitnessTimeout = time.Second

// witnessPause is from the start of one round of asking to the next, however many sites fail.
const witnessPause = time.Second

// Witness is an address outside all sites that answers whenever the monitor has a network.
type Witness struct {
	Name  string
	Probe Probe
}

// network tells a site that is down from a monitor that is cut off.
type network struct {
	witnesses []Witness
	log       *slog.Logger
	rounds    sync.WaitGroup

	mu      sync.Mutex
	began   time.Time           // of the last round
	planned *round              // that has not begun yet, nil if there is none
	answers []WitnessStatus     // the last of each witness
	cutOff  map[string]struct{} // sites whose last failure no witness confirmed; cleared when one answers; offline while there are any
	lostAt  time.Time           // when the first of them was
}

// round asks all witnesses once.
type round struct {
	done   chan struct{}
	online bool // to be read when done
}

func newNetwork(witnesses []Witness, log *slog.Logger) *network {
	n := &network{witnesses: witnesses, log: log, cutOff: make(map[string]struct{})}
	for _, w := range witnesses {
		n.answers = append(n.answers, WitnessStatus{Witness: w.Name})
	}
	return n
}

// offlineError is why a failed probe does not count.
type offlineError struct{ since time.Time }

func (e *offlineError) Error() string {
	return fmt.Sprintf("the monitor has been offline since %s: no witness answers", Clock(e.since))
}

func isOffline(err error) bool {
	var offline *offlineError
	return errors.As(err, &offline)
}

func (n *network) confirmTime() time.Duration { return ConfirmTime(len(n.witnesses)) }

// ConfirmTime is the longest that it takes with so many witnesses until a failure is confirmed, or set aside:
// until they may be asked again, and one of them has answered or none has. Without witnesses every failure counts at once.
func ConfirmTime(witnesses int) time.Duration {
	if witnesses == 0 {
		return 0
	}
	return witnessPause + WitnessTimeout
}

// confirm says whether a failure counts that has just been seen: some witness answers in a round
// that begins after it. An answer from before proves nothing.
func (n *network) confirm(ctx context.Context) bool {
	if len(n.witnesses) == 0 {
		return true
	}
	r := n.plan(ctx)
	<-r.done
	return r.online
}

// plan joins the next round, or plans it.
func (n *network) plan(ctx context.Context) *round {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.planned == nil {
		r := &round{done: make(chan struct{})}
		n.planned = r
		pause := time.Until(n.began.Add(witnessPause))
		n.rounds.Go(func() {
			select {
			case <-time.After(pause):
				n.ask(ctx, r)
			case <-ctx.Done():
				close(r.done)
			}
		})
	}
	return n.planned
}

// ask asks all witnesses at once. The round is done with the first that answers, or with the last
// that does not.
func (n *network) ask(ctx context.Context, r *round) {
	n.mu.Lock()
	n.planned, n.began = nil, time.Now()
	n.mu.Unlock()
	answers := make(chan bool, len(n.witnesses))
	for i, w := range n.witnesses {
		n.rounds.Go(func() {
			asked := time.Now().UTC()
			timed, cancel := context.WithTimeout(ctx, WitnessTimeout)
			defer cancel()
			result, err := w.Probe(timed)
			if err != nil {
				result.Detail = err.Error()
			}
			n.mu.Lock()
			if asked.After(n.answers[i].Asked) { // a late answer does not replace one of a later round
				n.answers[i] = WitnessStatus{w.Name, asked, result.Up, result.Detail}
			}
			n.mu.Unlock()
			answers <- result.Up
		})
	}
	for range n.witnesses {
		if <-answers {
			r.online = true
			break
		}
	}
	close(r.done)
}

// lose notes a site whose failure no witness confirms. It gives the error to set the failure aside
// with, and whether the monitor was online until now.
func (n *network) lose(site string) (why error, news bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if news = len(n.cutOff) == 0; news {
		n.lostAt = time.Now()
	}
	n.cutOff[site] = struct{}{}
	return &offlineError{n.lostAt}, news
}

// silence says of each witness why it did not answer last.
func (n *network) silence() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var words []string
	for _, a := range n.answers {
		words = append(words, a.Witness+": "+a.Detail)
	}
	return strings.Join(words, "; ")
}

// regain notes that no failure of a site is set aside any more; nor, if a witness has just answered, that
// of any other. It gives how long the monitor was offline, if it is online again with that.
func (n *network) regain(site string, witnessed bool) (offline time.Duration, news bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	before := len(n.cutOff)
	if delete(n.cutOff, site); witnessed {
		clear(n.cutOff)
	}
	return time.Since(n.lostAt), before > 0 && len(n.cutOff) == 0
}
