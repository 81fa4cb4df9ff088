package monitor

import (
	"time"

	"failover-monitor/internal/probe"
)

// Verdict is what the monitor decides that a site is.
type Verdict int

// A site is Unknown until its first success, or until its failure threshold is reached.
const (
	Unknown Verdict = iota
	Up
	Down
)

// String is unknown, up or down.
func (v Verdict) String() string { return [...]string{"unknown", "up", "down"}[v] }

// ParseVerdict reads up or down. Every other word is Unknown.
func ParseVerdict(word string) Verdict {
	for _, v := range []Verdict{Up, Down} {
		if word == v.String() {
			return v
		}
	}
	return Unknown
}

// MarshalText implements [encoding.TextMarshaler], for logs and JSON.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// Thresholds are how many results in a row turn a verdict, as Kubernetes' probes count them. Both
// are at least 1.
type Thresholds struct {
	Failure int // from up to down
	Success int // from down to up
}

// Outcome is how one probe ended.
type Outcome struct {
	Result    probe.Result // the zero value if the probe could not be made
	Discarded error        // why it does not count; nil if it does
	Ended     time.Time    // it may be counted later, since older probes are counted first
}

// State is what is known of a site, and since when. It is a value: [State.Next] makes the next one.
type State struct {
	Verdict   Verdict      // what the probes say, however old
	Streak    int          // results in a row against the verdict; failures if there is none yet
	Since     time.Time    // when the verdict last changed
	TurnedBy  int          // how many results in a row changed it
	Last      probe.Result // of the last probe that had one, counted or not
	LastUp    time.Time    // when the last counted success ended
	LastDown  time.Time    // when the last counted failure ended
	Doubted   time.Time    // when the first probe of the last streak of failures started
	Counted   time.Time    // when the last counted result came
	Expired   time.Time    // when the verdict became too old to count; zero while it counts
	Discarded error        // why the last probe does not count; nil if it does
	Faulty    bool         // no probe has counted since a fault of the monitor's own
}

// Change is something that an outcome, or the passing of time, changed.
type Change int

// The changes of a state.
const (
	Turned       Change = iota // the verdict is another one
	FaultBegan                 // a probe does not count, through the monitor's own fault
	FaultEnded                 // after that, a probe counts again
	VerdictAged                // the verdict has become too old to count
	VerdictKnown               // after that, there is one again
)

// Next is the state after one more outcome, which is counted now, and what that changed.
//
// The first success decides at once. The first failure does not, unless the threshold is 1: a
// monitor that starts before its own network must not call a site down. From then on as many
// results in a row as the threshold says turn the verdict. A verdict that has become too old counts
// again when a result agrees with it, or when it turns, and not by a result against it. An outcome
// that does not count changes neither verdict nor streak.
func (s State) Next(o Outcome, now time.Time, limits Thresholds) (State, []Change) {
	next := s
	if !o.Result.Began.IsZero() {
		next.Last = o.Result
	}
	next.Discarded = o.Discarded
	if o.Discarded != nil {
		if isFault(o.Discarded) && !s.Faulty {
			next.Faulty = true
			return next, []Change{FaultBegan}
		}
		return next, nil
	}
	next.Faulty = false
	if !o.Result.Up && s.Verdict != Down && s.Streak == 0 {
		next.Doubted = o.Result.Began
	}
	next.count(o.Result.Up, limits)
	if s.Expired.IsZero() || next.Streak == 0 {
		next.Counted, next.Expired = later(s.Counted, o.Ended), time.Time{}
	}
	if o.Result.Up {
		next.LastUp = later(s.LastUp, o.Ended)
	} else {
		next.LastDown = later(s.LastDown, o.Ended)
	}
	var changes []Change
	if s.Faulty {
		changes = append(changes, FaultEnded)
	}
	if !s.Expired.IsZero() && next.Expired.IsZero() {
		changes = append(changes, VerdictKnown)
	}
	if next.Verdict != s.Verdict {
		next.Since, next.TurnedBy = now, s.Streak+1
		if s.Verdict == Unknown && next.Verdict == Up { // the failures before it do not matter
			next.TurnedBy = 1
		}
		changes = append(changes, Turned)
	}
	return next, changes
}

// later is the later of two times: of overlapping probes a younger one may have ended first.
func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// count updates verdict and streak with one more result.
func (s *State) count(up bool, limits Thresholds) {
	says, need := Down, limits.Failure
	if up {
		says, need = Up, limits.Success
	}
	if up && s.Verdict == Unknown {
		need = 1
	}
	switch {
	case s.Verdict == says:
		s.Streak = 0
	case s.Streak+1 >= need:
		s.Verdict, s.Streak = says, 0
	default:
		s.Streak++
	}
}

// isFault is whether a probe does not count through the monitor's own fault.
func isFault(discarded error) bool {
	_, offline := discarded.(*OfflineError)
	return discarded != nil && !offline
}
