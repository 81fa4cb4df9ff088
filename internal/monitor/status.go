package monitor

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"failover-monitor/internal/probe"
)

// Status is one snapshot of all that the monitor knows, for whatever shows it: the JSON of /status, whose
// documentation this is. A time or text that there is none of is left out.
type Status struct {
	Time         time.Time       `json:"time"`
	Online       bool            `json:"online"` // false while failures are set aside because no witness answers
	OfflineSince time.Time       `json:"offline_since,omitzero"`
	Witnesses    []WitnessStatus `json:"witnesses,omitempty"` // as they last answered
	Sites        []SiteStatus    `json:"sites"`               // in the order of their names
	Metrics      []MetricStatus  `json:"metrics"`             // what each site's KEDA is told, in the same order
}

// WitnessStatus is how a witness last answered. They are only asked when a probe has failed.
type WitnessStatus struct {
	Witness  string    `json:"witness"`
	Asked    time.Time `json:"asked,omitzero"`
	Answered bool      `json:"answered"`
	Detail   string    `json:"detail,omitempty"` // why it did not
}

// SiteStatus is one site.
type SiteStatus struct {
	Site          string    `json:"site"`
	Verdict       Verdict   `json:"verdict"`                 // what counts: up, down or unknown
	Explanation   string    `json:"explanation"`             // the verdict in a sentence
	Since         time.Time `json:"since,omitzero"`          // when that verdict began; none for one that is pinned
	Observed      Verdict   `json:"observed"`                // what the probes say, whatever the override and however old
	ObservedSince time.Time `json:"observed_since,omitzero"` // when they began to
	Override      string    `json:"override,omitempty"`      // up or down: what the verdict is pinned to

	Streak           int `json:"streak"` // results in a row against the observed verdict
	FailureThreshold int `json:"failure_threshold"`
	SuccessThreshold int `json:"success_threshold"`

	Prober     string          `json:"prober,omitempty"` // what is wrong with the site's prober, if it is not well
	LastResult *ResultStatus   `json:"last_result,omitempty"`
	SetAside   string          `json:"set_aside,omitempty"` // why the last probe does not count
	NextProbe  time.Time       `json:"next_probe,omitzero"` // none while one is under way, or with CACHE_TTL_SEC=0
	Probing    bool            `json:"probing"`             // whether a probe is under way
	WorstCase  WorstCaseStatus `json:"worst_case_detection"`
	Timeout    time.Duration   `json:"-"` // of a probe
	heldBack   error           // see [watch.heldBack]
}

// String is the verdict in as few words as possible: site-a up, or site-b down since 12:01:07 UTC.
func (s SiteStatus) String() string {
	words := s.Site + " " + s.Verdict.String()
	switch {
	case s.Override != "":
		words += " (pinned)"
	case s.Verdict != Up && !s.Since.IsZero():
		words += " since " + Clock(s.Since)
	}
	return words
}

// ResultStatus is the result of the last probe.
type ResultStatus struct {
	Up                 bool         `json:"up"`
	Reason             probe.Reason `json:"reason,omitempty"` // why it is not up
	Detail             string       `json:"detail,omitempty"` // the same in words
	Status             int          `json:"status,omitempty"` // HTTP
	Address            string       `json:"address,omitempty"`
	RedirectedTo       string       `json:"redirected_to,omitempty"` // scheme://host of the last redirect, which was answered from there
	Ended              time.Time    `json:"ended"`
	DurationSeconds    float64      `json:"duration_seconds"`
	CertificateExpires time.Time    `json:"certificate_expires,omitzero"`
}

// WorstCaseStatus is the longest from a site's death to its verdict, and how that is made up; with witnesses
// these may take all their time to confirm each failure.
type WorstCaseStatus struct {
	HangsSeconds   float64 `json:"hangs_seconds"`   // when it accepts and never answers
	RefusesSeconds float64 `json:"refuses_seconds"` // when it refuses connections
	Formula        string  `json:"formula"`
}

// NewWorstCase works it out for a site, with what [ConfirmTime] says of the witnesses.
func NewWorstCase(s Site, confirm time.Duration) WorstCaseStatus {
	failing := fmt.Sprintf("at most %v", s.Timeout.Seconds())
	if confirm > 0 {
		failing += fmt.Sprintf(", and %v until a witness confirms it", confirm.Seconds())
	}
	formula := fmt.Sprintf("CACHE_TTL_SEC %v + FAILURE_THRESHOLD %d × one failing probe (%s) + %d × RETRY_INTERVAL_SEC %v",
		s.Interval.Seconds(), s.Failure, failing, s.Failure-1, s.Retry.Seconds())
	if s.onDemand() {
		formula = fmt.Sprintf("CACHE_TTL_SEC 0: FAILURE_THRESHOLD %d × one failing probe (%s), one with each poll, and the time between these", s.Failure, failing)
	}
	return WorstCaseStatus{HangsSeconds: s.WorstCase(s.Timeout + confirm).Seconds(), RefusesSeconds: s.WorstCase(confirm).Seconds(), Formula: formula}
}

// MetricStatus is what a site's KEDA is told.
type MetricStatus struct {
	Site        string    `json:"site"`
	Value       *int      `json:"value"`       // null while it is a 503
	Explanation string    `json:"explanation"` // the value, or why there is none, in words
	LastPoll    time.Time `json:"last_poll,omitzero"`
	PolledBy    string    `json:"polled_by,omitempty"` // the user agent of the last poll
	OnDemand    bool      `json:"on_demand,omitempty"` // CACHE_TTL_SEC=0: each poll has the sites probed, and a value here is that of a moment ago
	Armed       bool      `json:"armed"`               // false when nobody has asked for a minute: the failover would not happen
}

// Status takes a snapshot. It makes no probe, and does not wait for one.
func (m *Monitor) Status() Status {
	status := Status{Time: time.Now().UTC(), Online: true}
	m.network.describe(&status)
	alike := make(map[Verdict][]SiteStatus)
	for _, w := range m.watches {
		site := w.status()
		status.Sites = append(status.Sites, site)
		alike[site.Verdict] = append(alike[site.Verdict], site)
	}
	for i, w := range m.watches {
		metric := m.metric(status.Sites[i], alike)
		w.consumer.describe(&metric)
		status.Metrics = append(status.Metrics, metric)
	}
	return status
}

// metric is what a site is told, by the rules of [Monitor.Value], with all sites sorted by their verdicts.
func (m *Monitor) metric(self SiteStatus, alike map[Verdict][]SiteStatus) MetricStatus {
	metric := MetricStatus{Site: self.Site, OnDemand: m.onDemand}
	down, causes := others(alike[Down], self)
	unknown, reasons := others(alike[Unknown], self)
	switch {
	case unknown > 0:
		metric.Explanation = reasons
	case m.errorWhenAllDown && down == len(m.watches)-1 && self.heldBack != nil:
		metric.Explanation = self.heldBack.Error()
	case down == 0:
		metric.Value, metric.Explanation = &down, "no other site is down"
	default:
		metric.Value, metric.Explanation = &down, causes
	}
	return metric
}

// others counts the sites of one verdict without one site, and joins their explanations, as many as one
// reads. It looks at no more than those: it is called for each site.
func others(sites []SiteStatus, self SiteStatus) (count int, explanations string) {
	const most = 3
	var sentences []string
	for _, site := range sites[:min(len(sites), most+1)] {
		if site.Site != self.Site && len(sentences) < most {
			sentences = append(sentences, site.Explanation)
		}
	}
	count = len(sites)
	if count > 0 && sites[0].Verdict == self.Verdict {
		count--
	}
	explanations = strings.Join(sentences, "; ")
	if more := count - most; more > 0 {
		explanations += fmt.Sprintf("; and %d more", more)
	}
	return count, explanations
}

func (n *network) describe(status *Status) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.cutOff) > 0 {
		status.Online, status.OfflineSince = false, n.lostAt.UTC()
	}
	status.Witnesses = slices.Clone(n.answers)
}

func (c *consumer) describe(metric *MetricStatus) {
	c.mu.Lock()
	defer c.mu.Unlock()
	metric.LastPoll, metric.PolledBy = c.last.UTC(), c.by
	metric.Armed = !c.silent || time.Since(c.last) < pollTimeout
}

func (w *watch) status() SiteStatus {
	w.mu.Lock()
	defer w.mu.Unlock()
	verdict, unknown := w.counting()
	status := SiteStatus{
		Site: w.Name, Verdict: verdict, Observed: w.story.Verdict, Since: w.story.turned.UTC(), Streak: w.story.Streak,
		FailureThreshold: w.Failure, SuccessThreshold: w.Success,
		Probing: w.flight != nil, Timeout: w.Timeout, WorstCase: w.worstCase, heldBack: w.heldBack(verdict, unknown),
	}
	switch {
	case w.Override != Unknown:
		status.Override, status.Since = w.Override.String(), time.Time{}
	case verdict == Unknown:
		status.Since = w.story.expired.UTC()
	}
	status.Explanation, status.ObservedSince = w.explain(verdict, unknown), w.story.turned.UTC()
	if trouble := w.trouble(); trouble != nil {
		status.Prober = trouble.Error()
	}
	if w.story.aside != nil {
		status.SetAside = w.story.aside.Error()
	}
	if w.flight == nil && !w.onDemand() {
		status.NextProbe = w.next.UTC()
	}
	if r := w.story.last; !r.Began.IsZero() {
		status.LastResult = &ResultStatus{
			Up: r.Up, Reason: r.Reason, Detail: r.Detail, Status: r.Status, Address: r.Address, RedirectedTo: r.RedirectedTo,
			Ended: r.Began.Add(r.Duration).UTC(), DurationSeconds: r.Duration.Seconds(), CertificateExpires: r.CertNotAfter.UTC(),
		}
	}
	return status
}

// explain says a verdict in a sentence. The caller holds the lock.
func (w *watch) explain(verdict Verdict, unknown error) string {
	if w.Override != Unknown {
		return fmt.Sprintf("%s is pinned %v by its OVERRIDE; its probes say %v", w.Name, w.Override, w.story.Verdict)
	}
	if unknown != nil {
		return unknown.Error()
	}
	s, last := w.story, ""
	if !s.last.Up {
		last = ", last: " + s.last.Detail
	}
	sentence := fmt.Sprintf("%s is %v since %s", w.Name, verdict, Clock(s.turned))
	switch {
	case verdict == Down && s.Streak == 0:
		sentence += fmt.Sprintf(": %d of %d probes failed%s", s.turnedBy, s.turnedBy, last)
	case verdict == Down:
		sentence += fmt.Sprintf(": %d of %d probes have succeeded again", s.Streak, w.Success)
	case s.Streak > 0:
		sentence += fmt.Sprintf(", but %d of %d probes have failed%s", s.Streak, w.Failure, last)
	}
	if s.aside != nil {
		sentence += "; the last probe does not count: " + s.aside.Error()
	}
	return sentence
}

// Clock is a time as a person reads it: without the date while that is plain.
func Clock(t time.Time) string {
	if time.Since(t) > 12*time.Hour {
		return t.UTC().Format("2006-01-02 15:04:05 UTC")
	}
	return t.UTC().Format("15:04:05 UTC")
}
