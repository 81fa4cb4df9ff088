package server

import (
	"encoding/json"
	"net/http"
	"time"

	"failover-monitor/internal/monitor"
	"failover-monitor/internal/probe"
)

// statusJSON is the JSON of /status, whose documentation this is. A time or text that there is none of is
// left out.
type statusJSON struct {
	Time         time.Time     `json:"time"`
	Online       bool          `json:"online"` // false while failures do not count because no witness answers
	OfflineSince time.Time     `json:"offline_since,omitzero"`
	Witnesses    []witnessJSON `json:"witnesses,omitempty"` // as they last answered
	Sites        []siteJSON    `json:"sites"`               // in the order of their names
	Metrics      []metricJSON  `json:"metrics"`             // what each site's KEDA is told, in the same order
}

// witnessJSON is how a witness last answered. They are only asked when a probe has failed.
type witnessJSON struct {
	Witness  string    `json:"witness"`
	Asked    time.Time `json:"asked,omitzero"`
	Answered bool      `json:"answered"`
	Detail   string    `json:"detail,omitempty"` // why it did not
}

// siteJSON is one site.
type siteJSON struct {
	Site          string          `json:"site"`
	Verdict       monitor.Verdict `json:"verdict"`                 // what counts: up, down or unknown
	Explanation   string          `json:"explanation"`             // the verdict in a sentence
	Since         time.Time       `json:"since,omitzero"`          // when that verdict began; none for one that the settings pin
	Observed      monitor.Verdict `json:"observed"`                // what the probes say, whatever the override and however old
	ObservedSince time.Time       `json:"observed_since,omitzero"` // when they began to
	Override      string          `json:"override,omitempty"`      // up or down: what the verdict is pinned to
	OverrideEnds  time.Time       `json:"override_ends,omitzero"`  // these are there for one that was set while the monitor runs
	OverrideBy    string          `json:"override_by,omitempty"`
	OverrideWhy   string          `json:"override_reason,omitempty"`

	Streak           int `json:"streak"` // results in a row against the observed verdict
	FailureThreshold int `json:"failure_threshold"`
	SuccessThreshold int `json:"success_threshold"`

	Prober     string        `json:"prober,omitempty"` // what is wrong with the site's prober, if it is not healthy
	LastResult *resultJSON   `json:"last_result,omitempty"`
	SetAside   string        `json:"set_aside,omitempty"` // why the last probe does not count
	NextProbe  time.Time     `json:"next_probe,omitzero"` // none while one is under way, or with CACHE_TTL_SEC=0
	Probing    bool          `json:"probing"`             // whether a probe is under way
	WorstCase  worstCaseJSON `json:"worst_case_detection"`
}

// resultJSON is the result of the last probe.
type resultJSON struct {
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

// worstCaseJSON is the longest from a site's death to its verdict, and how that is made up; with witnesses
// these may take all their time to confirm each failure.
type worstCaseJSON struct {
	HangsSeconds   float64 `json:"hangs_seconds"`   // when it accepts and never answers
	RefusesSeconds float64 `json:"refuses_seconds"` // when it refuses connections
	Formula        string  `json:"formula"`
}

// metricJSON is what a site's KEDA is told.
type metricJSON struct {
	Site        string    `json:"site"`
	Value       *int      `json:"value"`       // null while it is a 503
	Explanation string    `json:"explanation"` // the value, or why there is none, in words
	LastPoll    time.Time `json:"last_poll,omitzero"`
	PolledBy    string    `json:"polled_by,omitempty"` // the user agent of the last poll
	OnDemand    bool      `json:"on_demand,omitempty"` // CACHE_TTL_SEC=0: each poll has the sites probed, and a value here is that of a moment ago
	Armed       bool      `json:"armed"`               // false when nobody has asked for a minute: the failover would not happen
}

func newStatus(o monitor.Overview) statusJSON {
	status := statusJSON{Time: o.Time.UTC(), Online: o.Online(), OfflineSince: o.OfflineSince.UTC()}
	for _, w := range o.Witnesses {
		status.Witnesses = append(status.Witnesses, witnessJSON{w.Witness, w.Asked.UTC(), w.Result.Up, witnessDetail(w)})
	}
	confirm := monitor.ConfirmTime(len(o.Witnesses))
	for i, s := range o.Sites {
		status.Sites = append(status.Sites, newSite(s, o.Time, confirm))
		status.Metrics = append(status.Metrics, newMetric(o, i))
	}
	return status
}

// witnessDetail is why a witness did not answer; empty if it did.
func witnessDetail(w monitor.WitnessAnswer) string {
	if w.Err != nil {
		return w.Err.Error()
	}
	return w.Result.Detail
}

func newSite(s *monitor.Snapshot, now time.Time, confirm time.Duration) siteJSON {
	verdict := s.Current(now)
	site := siteJSON{
		Site: s.Name, Verdict: verdict, Explanation: explain(s, now), Since: since(s, now).UTC(),
		Observed: s.Verdict, ObservedSince: s.State.Since.UTC(), Streak: s.Streak,
		FailureThreshold: s.Failure, SuccessThreshold: s.Success,
		Prober: trouble(s, now), LastResult: newResult(s.Last), NextProbe: s.NextProbe.UTC(), Probing: s.Probing,
	}
	if o := s.Override(now); o.Verdict != monitor.Unknown {
		site.Override, site.OverrideEnds, site.OverrideBy, site.OverrideWhy = o.Verdict.String(), o.Ends.UTC(), o.By, o.Reason
	}
	if s.Discarded != nil {
		site.SetAside = discardReason(s.Discarded, now)
	}
	worst := s.WorstCase(confirm)
	site.WorstCase = worstCaseJSON{worst.Hangs.Seconds(), worst.Refuses.Seconds(), Formula(s.Site, confirm)}
	return site
}

// newResult is nil without one.
func newResult(r probe.Result) *resultJSON {
	if r.Began.IsZero() {
		return nil
	}
	return &resultJSON{
		Up: r.Up, Reason: r.Reason, Detail: r.Detail, Status: r.Status, Address: r.Address, RedirectedTo: r.RedirectedTo,
		Ended: r.Began.Add(r.Duration).UTC(), DurationSeconds: r.Duration.Seconds(), CertificateExpires: r.CertNotAfter.UTC(),
	}
}

func newMetric(o monitor.Overview, i int) metricJSON {
	value, because, err := o.Told(o.Sites[i])
	poll := o.Polls[i]
	metric := metricJSON{
		Site: o.Sites[i].Name, Explanation: explainTold(o, because, err),
		LastPoll: poll.At.UTC(), PolledBy: poll.By, OnDemand: o.OnDemand, Armed: poll.Armed,
	}
	if err == nil {
		metric.Value = &value
	}
	return metric
}

// status shows all that is known.
func (rs *routes) status(w http.ResponseWriter, _ *http.Request) int {
	w.Header()["Content-Type"] = jsonType
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	out.SetEscapeHTML(false) // for people with curl
	out.Encode(newStatus(rs.monitor.Overview()))
	return http.StatusOK
}
