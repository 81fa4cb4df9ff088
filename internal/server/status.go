package server

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"failover-monitor/internal/monitor"
	"failover-monitor/internal/probe"
)

// statusJSON is the JSON of /status, and its documentation. A time or text that there is none of is
// left out.
type statusJSON struct {
	Time         time.Time     `json:"time"`
	Online       bool          `json:"online"` // false: no witness answers, and failures do not count
	OfflineSince time.Time     `json:"offline_since,omitzero"`
	Witnesses    []witnessJSON `json:"witnesses,omitempty"` // as they last answered
	Sites        []siteJSON    `json:"sites"`               // app by app, in the order of their names
	Metrics      []metricJSON  `json:"metrics"`             // one for each site, in the same order
}

// witnessJSON is how a witness last answered. Witnesses are only asked when a probe has failed.
type witnessJSON struct {
	Witness  string    `json:"witness"`
	Asked    time.Time `json:"asked,omitzero"`
	Answered bool      `json:"answered"`
	Detail   string    `json:"detail,omitempty"` // why it did not
}

// siteJSON is one site.
type siteJSON struct {
	App         string          `json:"app,omitempty"` // none without APPS
	Site        string          `json:"site"`
	Verdict     monitor.Verdict `json:"verdict"`     // the one that counts: up, down or unknown
	Explanation string          `json:"explanation"` // the verdict in a sentence
	// When that verdict began; none for one that the settings pin.
	Since time.Time `json:"since,omitzero"`
	// What the probes say, whatever the override and however old, and since when.
	Observed      monitor.Verdict `json:"observed"`
	ObservedSince time.Time       `json:"observed_since,omitzero"`
	Override      string          `json:"override,omitempty"` // pins the verdict: up or down
	// These are present for an override that was set while the monitor runs.
	OverrideEnds time.Time `json:"override_ends,omitzero"`
	OverrideBy   string    `json:"override_by,omitempty"`
	OverrideWhy  string    `json:"override_reason,omitempty"`

	Streak           int `json:"streak"` // results in a row against the observed verdict
	FailureThreshold int `json:"failure_threshold"`
	SuccessThreshold int `json:"success_threshold"`

	Prober     string      `json:"prober,omitempty"` // what is wrong with the site's prober
	LastResult *resultJSON `json:"last_result,omitempty"`
	SetAside   string      `json:"set_aside,omitempty"` // why the last probe does not count
	// None while a probe is under way, or with CACHE_TTL_SEC=0.
	NextProbe time.Time     `json:"next_probe,omitzero"`
	Probing   bool          `json:"probing"` // a probe is under way
	WorstCase worstCaseJSON `json:"worst_case_detection"`
	// Failovers are the last 20, the newest first.
	Failovers []failoverJSON `json:"failovers,omitempty"`
}

// failoverJSON is an outage of a site, and when its peers were told.
type failoverJSON struct {
	Explanation string     `json:"explanation"`
	FirstFailed time.Time  `json:"first_failed_probe,omitzero"` // its start; none in a drill
	Down        time.Time  `json:"down"`
	Told        []toldJSON `json:"told,omitempty"`
	Ended       time.Time  `json:"ended,omitzero"`  // none while the site is down
	Drill       bool       `json:"drill,omitempty"` // an override called the site down
}

// toldJSON is a peer's first poll with a value in which the outage counts.
type toldJSON struct {
	Site string    `json:"site"`
	At   time.Time `json:"at"`
}

// resultJSON is the result of the last probe.
type resultJSON struct {
	Up      bool         `json:"up"`
	Reason  probe.Reason `json:"reason,omitempty"` // why it is not up
	Detail  string       `json:"detail,omitempty"` // the same in words
	Status  int          `json:"status,omitempty"` // HTTP
	Address string       `json:"address,omitempty"`
	// scheme://host of the last redirect, which sent the answer.
	RedirectedTo       string    `json:"redirected_to,omitempty"`
	Ended              time.Time `json:"ended"`
	DurationSeconds    float64   `json:"duration_seconds"`
	CertificateExpires time.Time `json:"certificate_expires,omitzero"`
}

// worstCaseJSON is the longest time from a site's death to its verdict, and how it is made up.
type worstCaseJSON struct {
	HangsSeconds   float64 `json:"hangs_seconds"`   // for a site that never answers
	RefusesSeconds float64 `json:"refuses_seconds"` // for a site that refuses connections
	Formula        string  `json:"formula"`
}

// metricJSON is what a site's KEDA is told.
type metricJSON struct {
	App         string    `json:"app,omitempty"`
	Site        string    `json:"site"`
	Value       *int      `json:"value"`       // null while it is a 503
	Explanation string    `json:"explanation"` // the value, or why there is none, in words
	LastPoll    time.Time `json:"last_poll,omitzero"`
	PolledBy    string    `json:"polled_by,omitempty"` // the user agent of the last poll
	// CACHE_TTL_SEC=0: each poll has the sites probed, and the value here is that of the last.
	OnDemand bool `json:"on_demand,omitempty"`
	// False without a poll for a minute: then the failover would not happen.
	Armed bool `json:"armed"`
}

// newStatus describes some apps, or one: at least one.
func newStatus(overviews ...monitor.Overview) statusJSON {
	status := newNetwork(overviews[len(overviews)-1])
	for _, o := range overviews {
		status.add(o)
	}
	return status
}

// newNetwork describes what all apps have in common.
func newNetwork(o monitor.Overview) statusJSON {
	status := statusJSON{Time: o.Time.UTC(), Online: o.Online(), OfflineSince: o.OfflineSince.UTC()}
	for _, w := range o.Witnesses {
		status.Witnesses = append(status.Witnesses,
			witnessJSON{w.Witness, w.Asked.UTC(), w.Result.Up, witnessDetail(w)})
	}
	return status
}

// add describes the sites of an app.
func (status *statusJSON) add(o monitor.Overview) {
	confirm := monitor.ConfirmTime(len(o.Witnesses))
	for i, s := range o.Sites {
		site := newSite(s, o.Time, confirm)
		for _, f := range slices.Backward(o.Failovers[i]) {
			site.Failovers = append(site.Failovers, newFailover(f, o.Time))
		}
		status.Sites = append(status.Sites, site)
		status.Metrics = append(status.Metrics, newMetric(o, i))
	}
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
		App: s.App, Site: s.Name, Verdict: verdict, Explanation: explain(s, now),
		Since:    since(s, now).UTC(),
		Observed: s.Verdict, ObservedSince: s.State.Since.UTC(),
		Streak: s.Streak, FailureThreshold: s.Failure, SuccessThreshold: s.Success,
		Prober: proberFault(s, now), LastResult: newResult(s.Last),
		NextProbe: s.NextProbe.UTC(), Probing: s.Probing,
	}
	if o := s.Override(now); o.Verdict != monitor.Unknown {
		site.Override, site.OverrideEnds = o.Verdict.String(), o.Ends.UTC()
		site.OverrideBy, site.OverrideWhy = o.By, o.Reason
	}
	if s.Discarded != nil {
		site.SetAside = discardReason(s.Discarded, now)
	}
	worst := s.WorstCase(confirm)
	site.WorstCase = worstCaseJSON{worst.Hangs.Seconds(), worst.Refuses.Seconds(),
		Formula(s.Site, confirm)}
	return site
}

func newFailover(f monitor.Failover, now time.Time) failoverJSON {
	failover := failoverJSON{
		Explanation: explainFailover(f, now), FirstFailed: f.Failed.UTC(), Down: f.Down.UTC(),
		Ended: f.Ended.UTC(), Drill: f.Drill,
	}
	for _, t := range f.Told {
		failover.Told = append(failover.Told, toldJSON{t.Peer, t.At.UTC()})
	}
	return failover
}

// newResult is nil for a site without a result.
func newResult(r probe.Result) *resultJSON {
	if r.Began.IsZero() {
		return nil
	}
	return &resultJSON{
		Up: r.Up, Reason: r.Reason, Detail: r.Detail, Status: r.Status,
		Address: r.Address, RedirectedTo: r.RedirectedTo,
		Ended: r.Began.Add(r.Duration).UTC(), DurationSeconds: r.Duration.Seconds(),
		CertificateExpires: r.CertNotAfter.UTC(),
	}
}

func newMetric(o monitor.Overview, i int) metricJSON {
	value, because, err := o.Told(o.Sites[i])
	poll := o.Polls[i]
	metric := metricJSON{
		App: o.App, Site: o.Sites[i].Name, Explanation: explainValue(o, because, err),
		LastPoll: poll.At.UTC(), PolledBy: poll.By, OnDemand: o.OnDemand, Armed: poll.Armed,
	}
	if err == nil {
		metric.Value = &value
	}
	return metric
}

// status answers /status, and /status?app=shop with that app alone.
func (rs *routes) status(w http.ResponseWriter, r *http.Request) int {
	shown, ok := rs.apps.chosen(r)
	if !ok {
		return rs.noApp(w, r)
	}
	w.Header()["Content-Type"] = jsonType
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	out.SetEscapeHTML(false) // for people with curl
	out.Encode(newStatus(shown.overviews()...))
	return http.StatusOK
}
