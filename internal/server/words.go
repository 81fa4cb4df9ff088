package server

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"failover-monitor/internal/monitor"
)

// This file has the sentences that people read: in /status, on the page, in the log, and in the
// error of a 503.

// formatTime gives a time of today without the date.
func formatTime(t, now time.Time) string {
	if now.Sub(t).Abs() > 12*time.Hour {
		return t.UTC().Format("2006-01-02 15:04:05 UTC")
	}
	return t.UTC().Format("15:04:05 UTC")
}

// explain gives a site's verdict in a sentence.
func explain(s *monitor.Snapshot, now time.Time) string {
	verdict, why := s.Current(now), explainReason(s, now)
	switch {
	case s.Override(now).Verdict != monitor.Unknown:
		return s.ID() + " is " + why
	case verdict == monitor.Unknown:
		return explainNoVerdict(s, now)
	}
	sentence := fmt.Sprintf("%s is %v since %s", s.ID(), verdict, formatTime(s.Since, now))
	switch {
	case why == "":
		return sentence
	case verdict == monitor.Down:
		return sentence + ": " + why
	case s.Streak > 0:
		return sentence + ", but " + why
	}
	return sentence + "; " + why
}

// explainReason says why a site has its verdict, or what speaks against it. It is empty for a site
// whose last probe was up.
func explainReason(s *monitor.Snapshot, now time.Time) string {
	verdict := s.Current(now)
	switch override := s.Override(now); {
	case override.Verdict != monitor.Unknown:
		return fmt.Sprintf("pinned %v; its probes say %v", explainOverride(override, now), s.Verdict)
	case verdict == monitor.Unknown:
		return explainUnknown(s, now)
	}
	last := ""
	if !s.Last.Up {
		last = ", last: " + s.Last.Detail
	}
	var reasons []string
	switch {
	case verdict == monitor.Down && s.Streak == 0:
		reasons = append(reasons, fmt.Sprintf("%d of %d probes failed%s", s.TurnedBy, s.TurnedBy, last))
	case verdict == monitor.Down:
		reasons = append(reasons,
			fmt.Sprintf("%d of %d probes have succeeded again", s.Streak, s.Success))
	case s.Streak > 0:
		reasons = append(reasons, fmt.Sprintf("%d of %d probes have failed%s", s.Streak, s.Failure, last))
	}
	if s.Discarded != nil {
		reasons = append(reasons, "the last probe does not count: "+discardReason(s.Discarded, now))
	}
	return strings.Join(reasons, "; ")
}

// explainOverride gives the verdict of an override, who set it, its end and its reason.
func explainOverride(o monitor.Override, now time.Time) string {
	if o.Ends.IsZero() {
		return fmt.Sprintf("%v by its OVERRIDE", o.Verdict)
	}
	return fmt.Sprintf("%v by %s until %s (%s)", o.Verdict, o.By, formatTime(o.Ends, now), o.Reason)
}

// explainNoVerdict says of which site there is no verdict, and why.
func explainNoVerdict(s *monitor.Snapshot, now time.Time) string {
	return fmt.Sprintf("no verdict on %s: %s", s.ID(), explainUnknown(s, now))
}

// explainUnknown says why there is no verdict on a site.
func explainUnknown(s *monitor.Snapshot, now time.Time) string {
	why := "no probe of it has had a result yet"
	switch {
	case s.Verdict == monitor.Unknown && s.Streak > 0:
		why = fmt.Sprintf("%d of %d probes failed, none before, last: %s",
			s.Streak, s.Failure, s.Last.Detail)
	case s.Verdict != monitor.Unknown:
		why = fmt.Sprintf("the last result that counts is %v old, and expired after %v, last known: %v",
			now.Sub(s.Counted).Round(100*time.Millisecond), s.Lifetime, s.Verdict)
	}
	if s.Discarded != nil {
		why = discardReason(s.Discarded, now) + "; " + why
	}
	return why
}

// discardReason says why a probe does not count.
func discardReason(err error, now time.Time) string {
	if offline := (*monitor.OfflineError)(nil); errors.As(err, &offline) {
		return fmt.Sprintf("the monitor has been offline since %s: no witness answers",
			formatTime(offline.Since, now))
	}
	return err.Error()
}

// mostPeers is how many peers are named in a failover; a longer list is not read.
const mostPeers = 3

// explainFailover says in a line what happened in a failover, and when.
func explainFailover(f monitor.Failover, now time.Time) string {
	var words []string
	add := func(what string, at time.Time) {
		if !at.IsZero() {
			words = append(words, what+" "+formatTime(at, now))
		}
	}
	add("first failed probe", f.Failed)
	if f.Drill {
		add("drill: pinned down", f.Down)
	} else {
		add("down", f.Down)
	}
	for _, t := range f.Told[:min(mostPeers, len(f.Told))] {
		add(t.Peer+" told", t.At)
	}
	switch more := len(f.Told) - mostPeers; {
	case more > 0:
		words = append(words, fmt.Sprintf("%d more told", more))
	case len(f.Told) == 0:
		words = append(words, "nobody told")
	}
	add("up again", f.Ended)
	return strings.Join(words, ", ")
}

// explainError says why a site gets no value.
func explainError(err error) string {
	if unknown := (*monitor.NoVerdictError)(nil); errors.As(err, &unknown) {
		return explainNoVerdict(unknown.Snapshot, unknown.At)
	}
	return err.Error()
}

// explainValue says why a site gets its value, or none. Its arguments are what
// [monitor.Overview.Told] returns.
func explainValue(o monitor.Overview, because []*monitor.Snapshot, err error) string {
	switch {
	case err == nil && len(because) == 0:
		return "no other site is down"
	case err != nil && (len(because) == 0 || because[0].Current(o.Time) != monitor.Unknown):
		return explainError(err) // the site itself is the reason
	}
	const most = 3 // more would be hard to read
	var sentences []string
	for _, s := range because[:min(most, len(because))] {
		sentences = append(sentences, explain(s, o.Time))
	}
	text := strings.Join(sentences, "; ")
	if more := len(because) - most; more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return text
}

// proberFault is what is wrong with a site's prober; empty if it is healthy.
func proberFault(s *monitor.Snapshot, now time.Time) string {
	if stalled := stalledLoop(s, now); stalled != "" {
		return stalled
	}
	if fault := s.Fault(); fault != nil {
		return fault.Error()
	}
	return ""
}

// stalledLoop says that a site's loop is stuck; empty if it is not.
func stalledLoop(s *monitor.Snapshot, now time.Time) string {
	if late := s.Stalled(now); late > 0 {
		return fmt.Sprintf("its probe loop is stuck, %v late", late.Round(100*time.Millisecond))
	}
	return ""
}

// Formula says how the worst case of a site is made up, with the time that witnesses may take to
// confirm a failure.
func Formula(s *monitor.Site, confirm time.Duration) string {
	failing := fmt.Sprintf("at most %v", s.Timeout.Seconds())
	if confirm > 0 {
		failing += fmt.Sprintf(", and %v until a witness confirms it", confirm.Seconds())
	}
	if s.OnDemand() {
		return fmt.Sprintf("CACHE_TTL_SEC 0: FAILURE_THRESHOLD %d × one failing probe (%s), "+
			"one with each poll, and the time between these", s.Failure, failing)
	}
	return fmt.Sprintf("CACHE_TTL_SEC %v + %d × RETRY_INTERVAL_SEC %v + one failing probe (%s)",
		s.Interval.Seconds(), s.Failure-1, s.Retry.Seconds(), failing)
}

// StatusLine gives all verdicts in few words, for "systemctl status": site-a up, site-b down since
// 12:01:07 UTC. Of several apps it only gives how many are not up: site-b down for 37 of 40 apps.
func StatusLine(overviews []monitor.Overview) string {
	var words []string
	if o := overviews[len(overviews)-1]; !o.Online() {
		words = append(words, "offline since "+formatTime(o.OfflineSince, o.Time))
	}
	if len(overviews) == 1 {
		for _, s := range overviews[0].Sites {
			words = append(words, statusWords(s, overviews[0].Time))
		}
		return strings.Join(words, ", ")
	}
	for _, c := range countBySite(overviews) {
		if c.Up == c.Apps {
			words = append(words, c.Site+" up")
		}
		if c.Down > 0 {
			words = append(words, fmt.Sprintf("%s down for %d of %d apps", c.Site, c.Down, c.Apps))
		}
		if unknown := c.Unknown(); unknown > 0 {
			words = append(words, fmt.Sprintf("%s unknown for %d of %d apps", c.Site, unknown, c.Apps))
		}
	}
	return strings.Join(words, ", ")
}

// statusWords is a site's verdict: "site-b down since 12:01:07 UTC".
func statusWords(s *monitor.Snapshot, now time.Time) string {
	verdict := s.Current(now)
	words := s.Name + " " + verdict.String()
	switch since := since(s, now); {
	case s.Override(now).Verdict != monitor.Unknown:
		words += " (pinned)"
	case verdict != monitor.Up && !since.IsZero():
		words += " since " + formatTime(since, now)
	}
	return words
}

// siteCount says for how many apps a site is up, and for how many it is down.
type siteCount struct {
	Site           string
	Apps, Up, Down int // Apps: that have the site
}

// Unknown is for how many apps there is no verdict.
func (c siteCount) Unknown() int { return c.Apps - c.Up - c.Down }

// countBySite counts over all apps, in the order of the sites' names.
func countBySite(overviews []monitor.Overview) (counts []siteCount) {
	for _, o := range overviews {
		for _, s := range o.Sites {
			i, found := slices.BinarySearchFunc(counts, s.Name,
				func(c siteCount, site string) int { return strings.Compare(c.Site, site) })
			if !found {
				counts = slices.Insert(counts, i, siteCount{Site: s.Name})
			}
			counts[i].Apps++
			switch s.Current(o.Time) {
			case monitor.Up:
				counts[i].Up++
			case monitor.Down:
				counts[i].Down++
			}
		}
	}
	return counts
}

// since is when the verdict that counts began. With an override it is when that began, and zero for
// one of the settings. It is zero before the first verdict, too.
func since(s *monitor.Snapshot, now time.Time) time.Time {
	switch override := s.Override(now); {
	case override.Verdict != monitor.Unknown:
		return override.Began
	case s.Current(now) == monitor.Unknown:
		return s.Expired
	}
	return s.State.Since
}
