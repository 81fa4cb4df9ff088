package server

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"failover-monitor/internal/monitor"
	"failover-monitor/internal/probe"
)

// LogEvents logs the monitor's events: a line for each change of a verdict and of the monitor's own
// health, and at debug for each probe.
func LogEvents(log *slog.Logger) func(monitor.Event) {
	return func(event monitor.Event) {
		switch e := event.(type) {
		case monitor.SiteEvent:
			logSite(siteLog(log, e.Snapshot), e)
		case monitor.OverrideEvent:
			logOverride(WithSite(log, e.Site), e)
		case monitor.FailoverEvent:
			logFailover(WithSite(log, e.Site), e)
		case monitor.NetworkEvent:
			logNetwork(log, e)
		case monitor.PollEvent:
			logPolls(WithSite(log, e.Site), e)
		}
	}
}

// WithSite makes a log that says which site its lines are about, and of which app.
func WithSite(log *slog.Logger, s *monitor.Site) *slog.Logger {
	if s.App != "" {
		log = log.With("app", s.App)
	}
	return log.With("site", s.Name)
}

func siteLog(log *slog.Logger, s *monitor.Snapshot) *slog.Logger {
	log = WithSite(log, s.Site)
	if o := s.Override(time.Now()); o.Verdict != monitor.Unknown {
		log = log.With("override", o.Verdict)
	}
	return log
}

func logOverride(log *slog.Logger, e monitor.OverrideEvent) {
	o := e.Override
	switch {
	case !e.Ended:
		log.Info("override begins", "verdict", o.Verdict, "until", o.Ends.UTC(),
			"by", o.By, "why", o.Reason, "probes_say", e.Verdict)
	case e.EndedBy != "":
		log.Info("override is cleared", "verdict", o.Verdict, "by", e.EndedBy,
			"set_by", o.By, "why", o.Reason, "probes_say", e.Verdict)
	default:
		log.Info("override ends: its time is over", "verdict", o.Verdict,
			"set_by", o.By, "why", o.Reason, "probes_say", e.Verdict)
	}
}

// logFailover logs when a peer was told, and at the end what came of the failover: above all for a
// drill, which shows whether the whole chain works.
func logFailover(log *slog.Logger, e monitor.FailoverEvent) {
	f := e.Failover
	switch e.Change {
	case monitor.FailoverTold:
		last := f.Told[len(f.Told)-1]
		log.Info("peer is told", "peer", last.Peer, "after", last.At.Sub(f.Down).Round(time.Millisecond),
			"drill", f.Drill)
	case monitor.FailoverEnded:
		level, message := slog.LevelInfo, "failover is over"
		if len(f.Told) == 0 {
			level, message = slog.LevelWarn, "failover is over, and nobody was told"
		}
		log.Log(context.Background(), level, message, "drill", f.Drill,
			"lasted", f.Ended.Sub(f.Down).Round(time.Millisecond), "told", tellTimes(f), "untold", e.Untold)
	}
}

// tellTimes says which peers were told, and how long after the site was down: "site-a after 12s".
func tellTimes(f monitor.Failover) string {
	var words []string
	for _, t := range f.Told {
		words = append(words,
			fmt.Sprintf("%s after %v", t.Peer, t.At.Sub(f.Down).Round(time.Millisecond)))
	}
	return strings.Join(words, ", ")
}

func logSite(log *slog.Logger, e monitor.SiteEvent) {
	for _, change := range e.Changes {
		switch change {
		case monitor.FaultBegan:
			log.Warn("probe does not count", "error", discardReason(e.Discarded, time.Now()))
		case monitor.FaultEnded:
			log.Info("probes count again")
		case monitor.VerdictAged:
			log.Warn("verdict expired", "error", explainNoVerdict(e.Snapshot, e.Expired))
		case monitor.VerdictKnown:
			log.Info("verdict known again", "verdict", e.Verdict)
		case monitor.Turned:
			log.Info("site is "+e.Verdict.String(), turnAttrs(e)...)
		}
	}
	if e.Outcome != nil && e.Discarded != nil && len(e.Changes) == 0 {
		log.Debug("probe does not count", "error", discardReason(e.Discarded, time.Now()))
	} else if e.Outcome != nil && e.Discarded == nil {
		log.Debug("probe", append([]any{"up", e.Last.Up}, resultAttrs(e.Last)...)...)
	}
}

// turnAttrs are the log's attributes of a verdict that has changed.
func turnAttrs(e monitor.SiteEvent) []any {
	attrs := []any{"from", e.Before.Verdict, "to", e.Verdict, "probes", e.TurnedBy}
	attrs = append(attrs, resultAttrs(e.Last)...)
	if e.Verdict == monitor.Down && !e.LastUp.IsZero() {
		attrs = append(attrs, "since_last_up", e.Since.Sub(e.LastUp).Round(time.Millisecond))
	}
	if e.Before.Verdict == monitor.Down { // the site is up again
		attrs = append(attrs, "since_last_down", e.Since.Sub(e.LastDown).Round(time.Millisecond),
			"was_down_for", e.Since.Sub(e.Before.Since).Round(time.Millisecond))
	}
	return attrs
}

// resultAttrs are the log's attributes of a result.
func resultAttrs(r probe.Result) []any {
	took := r.Duration.Round(time.Microsecond)
	if r.Up {
		return []any{"status", r.Status, "address", r.Address, "took", took}
	}
	return []any{"reason", r.Reason, "detail", r.Detail, "address", r.Address, "took", took}
}

func logNetwork(log *slog.Logger, e monitor.NetworkEvent) {
	if e.Online {
		log.Info("monitor is online again", "offline_for", e.Offline.Round(time.Millisecond))
		return
	}
	var errors []string
	for _, w := range e.Witnesses {
		errors = append(errors, fmt.Sprintf("%s: %s", w.Witness, witnessDetail(w)))
	}
	log.Warn("monitor is offline: no witness answers, and failed probes do not count",
		"witnesses", strings.Join(errors, "; "))
}

func logPolls(log *slog.Logger, e monitor.PollEvent) {
	if e.Armed {
		log.Info("this site's value is asked for again", "by", e.By)
		return
	}
	log.Warn("nobody asks for this site's value: its failover is disarmed",
		"for", monitor.PollTimeout, "last_asked_by", e.By)
}
