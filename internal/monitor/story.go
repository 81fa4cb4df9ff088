package monitor

import (
	"log/slog"
	"time"

	"failover-monitor/internal/probe"
)

// story is what is known of a site, and how it came about.
type story struct {
	State
	turned   time.Time    // when the verdict last changed
	turnedBy int          // how many probes in a row changed it
	last     probe.Result // of the last probe that had one, whether it counts or not
	lastUp   time.Time    // when a result that counts last said up
	lastDown time.Time    // and down
	aside    error        // why the last probe does not count; nil if it does
	expired  time.Time    // when the verdict became too old to count; zero while it does
}

// count adds a result that counts.
func (s *story) count(result probe.Result, thresholds Thresholds) {
	now := time.Now()
	before := s.State
	if s.State = before.Step(result.Up, thresholds); s.Verdict != before.Verdict {
		s.turned, s.turnedBy = now, before.Streak+1
	}
	if result.Up {
		s.lastUp = now
	} else {
		s.lastDown = now
	}
	s.expired = time.Time{}
}

// record makes a verdict of what a probe found, and wakes those who wait for it. A probe without a
// result, and a failure that no witness confirms, are set aside: verdict and streak stay as they are.
//
// It tells the log last, without the lock.
func (w *watch) record(result probe.Result, err error, confirmed bool) {
	var (
		lost, regained bool
		offline        time.Duration
	)
	switch {
	case !confirmed:
		err, lost = w.network.lose(w.Name)
	case err == nil: // else it tells nothing of the network
		offline, regained = w.network.regain(w.Name, !result.Up)
	}
	w.mu.Lock()
	before := w.story
	if !result.Began.IsZero() {
		w.story.last = result
	}
	if err == nil {
		w.story.count(result, w.Thresholds)
		w.keep(w.story.Verdict)
	}
	w.story.aside = err
	after := w.story
	w.remember(Past{Duration: result.Duration, Reason: result.Reason, Up: result.Up, SetAside: err != nil})
	w.land()
	w.mu.Unlock()

	w.observe(Event{w.Name, result, err != nil, after.Verdict != before.Verdict, after.Verdict})
	if lost {
		w.network.log.Warn("monitor is offline: no witness answers, and failed probes do not count", "witnesses", w.network.silence())
	}
	if regained {
		w.network.log.Info("monitor is online again", "offline_for", offline.Round(time.Millisecond))
	}
	tell(w.log, before, after)
}

// keep puts a verdict into the cache, for its lifetime. The caller holds the lock.
func (w *watch) keep(verdict Verdict) {
	w.verdicts.Add(w.Name, held{verdict, time.Now()})
	switch {
	case w.onDemand(): // nobody expects a verdict to be there
	case w.expiry == nil:
		w.expiry = time.AfterFunc(w.lifetime()+1, w.expire)
	default:
		w.expiry.Reset(w.lifetime() + 1)
	}
}

// expire notes that the verdict does not count any more.
func (w *watch) expire() {
	w.mu.Lock()
	if _, ok := w.fresh(); ok { // a new one has just come
		w.mu.Unlock()
		return
	}
	w.story.expired = time.Now()
	err := w.unknown()
	w.mu.Unlock()
	w.log.Warn("verdict expired", "error", err)
}

// isFault is whether a probe does not count for a fault of the monitor's own.
func isFault(err error) bool { return err != nil && !isOffline(err) }

// tell writes the log's lines about what a probe has changed.
func tell(log *slog.Logger, before, after story) {
	switch had := isFault(before.aside); {
	case isOffline(after.aside), had && isFault(after.aside): // the log has it
		log.Debug("probe does not count", "error", after.aside)
		return
	case after.aside != nil:
		log.Warn("probe does not count", "error", after.aside)
		return
	case had:
		log.Info("probes count again")
	}
	if !before.expired.IsZero() {
		log.Info("verdict known again", "verdict", after.Verdict)
	}
	log.Debug("probe", append([]any{"up", after.last.Up}, found(after.last)...)...)
	if after.Verdict == before.Verdict {
		return
	}
	line := append([]any{"from", before.Verdict, "to", after.Verdict, "probes", after.turnedBy}, found(after.last)...)
	if last := after.lastUp; after.Verdict == Down && !last.IsZero() {
		line = append(line, "since_last_up", after.turned.Sub(last).Round(time.Millisecond))
	}
	if before.Verdict == Down { // and so is up again
		line = append(line, "since_last_down", after.turned.Sub(after.lastDown).Round(time.Millisecond), "was_down_for", after.turned.Sub(before.turned).Round(time.Millisecond))
	}
	log.Info("site is "+after.Verdict.String(), line...)
}

// found is what the log says of a result.
func found(r probe.Result) []any {
	took := r.Duration.Round(time.Microsecond)
	if r.Up {
		return []any{"status", r.Status, "address", r.Address, "took", took}
	}
	return []any{"reason", r.Reason, "detail", r.Detail, "address", r.Address, "took", took}
}
