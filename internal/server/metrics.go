package server

import (
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"failover-monitor/internal/monitor"
)

// Metrics are the monitor's own, on a registry of their own. Gauges are read from the monitor's
// overview at each scrape; only counters and histograms are kept here.
type Metrics struct {
	registry        *prometheus.Registry
	labels          siteLabels
	probes          *prometheus.CounterVec
	discarded       *prometheus.CounterVec
	probeDuration   *prometheus.HistogramVec
	transitions     *prometheus.CounterVec
	doubts          *prometheus.CounterVec
	detection       *prometheus.HistogramVec
	delivery        *prometheus.HistogramVec
	requests        *prometheus.CounterVec
	requestDuration *prometheus.HistogramVec
}

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

func histogram(name, help string, labels []string, buckets ...float64) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(
		prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
}

// siteLabels are the labels that tell a site from all others: site, and app if there are apps.
type siteLabels []string

// of gives the labels' values for a site, and more of them.
func (l siteLabels) of(s *monitor.Site, more ...string) []string {
	if len(l) == 1 {
		return append([]string{s.Name}, more...)
	}
	return append([]string{s.App, s.Name}, more...)
}

func (l siteLabels) and(more ...string) []string { return slices.Concat(l, more) }

// NewMetrics makes the metrics of a monitor of this version, with or without apps.
func NewMetrics(version string, withApps bool) *Metrics {
	site := siteLabels{"site"}
	if withApps {
		site = siteLabels{"app", "site"}
	}
	m := &Metrics{
		registry: prometheus.NewRegistry(), labels: site,
		probes: counter("failover_probes_total",
			"Probes by site and reason; ok is the reason of a success.", site.and("reason")...),
		discarded: counter("failover_probes_set_aside_total",
			"Probes that did not count: the monitor was offline, or could not make them.", site...),
		probeDuration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "failover_probe_duration_seconds", Help: "How long probes took.",
			Buckets: []float64{
				.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30,
			},
			NativeHistogramBucketFactor:     1.1,
			NativeHistogramMaxBucketNumber:  100,
			NativeHistogramMinResetDuration: time.Hour,
		}, site),
		transitions: counter("failover_transitions_total",
			"Changes of verdict, the first after a start among them.", site.and("to")...),
		doubts: counter("failover_doubts_total",
			"Streaks of failures of a site that was up, by how they ended: confirmed when it is down, "+
				"cleared when it is up again.", site.and("outcome")...),
		detection: histogram("failover_detection_seconds",
			"From the start of a site's first failed probe to the verdict that it is down.", site,
			1, 2, 3, 5, 7, 10, 15, 20, 30, 60),
		delivery: histogram("failover_delivery_seconds",
			"From the verdict that a site is down to a peer's first poll that says so.", site,
			1, 2, 5, 10, 15, 20, 30, 45, 60, 120, 300),
		requests: counter("failover_http_requests_total", "HTTP requests answered.", "route", "code"),
		requestDuration: histogram("failover_http_request_duration_seconds",
			"How long answers took to make.", []string{"route"},
			.0001, .001, .01, .05, .1, .5, 1, 2, 3, 5), // KEDA waits for 3 s
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "failover_build_info", Help: "The monitor's version; always 1.",
		ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version()},
	})
	build.Set(1)
	m.registry.MustRegister(m.probes, m.discarded, m.probeDuration, m.transitions, m.doubts,
		m.detection, m.delivery, m.requests, m.requestDuration, build, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Observe counts events.
func (m *Metrics) Observe(event monitor.Event) {
	switch e := event.(type) {
	case monitor.SiteEvent:
		m.observeSite(e)
	case monitor.FailoverEvent:
		m.observeFailover(e)
	}
}

func (m *Metrics) observeFailover(e monitor.FailoverEvent) {
	f := e.Failover
	switch {
	case e.Change == monitor.FailoverBegan && !f.Failed.IsZero():
		m.detection.WithLabelValues(m.labels.of(e.Site)...).Observe(f.Down.Sub(f.Failed).Seconds())
	case e.Change == monitor.FailoverTold:
		told := f.Told[len(f.Told)-1].At
		m.delivery.WithLabelValues(m.labels.of(e.Site)...).Observe(told.Sub(f.Down).Seconds())
	}
}

func (m *Metrics) observeSite(e monitor.SiteEvent) {
	if e.Outcome == nil {
		return
	}
	if e.Outcome.Discarded != nil {
		m.discarded.WithLabelValues(m.labels.of(e.Site)...).Inc()
	}
	result := e.Outcome.Result
	if result.Began.IsZero() {
		return
	}
	reason := string(result.Reason)
	if result.Up {
		reason = "ok"
	}
	m.probes.WithLabelValues(m.labels.of(e.Site, reason)...).Inc()
	m.probeDuration.WithLabelValues(m.labels.of(e.Site)...).Observe(result.Duration.Seconds())
	if slices.Contains(e.Changes, monitor.Turned) {
		m.transitions.WithLabelValues(m.labels.of(e.Site, e.Verdict.String())...).Inc()
	}
	if ended := doubtEnded(e); ended != "" {
		m.doubts.WithLabelValues(m.labels.of(e.Site, ended)...).Inc()
	}
}

// The ways in which a doubt ends.
const (
	doubtCleared   = "cleared"
	doubtConfirmed = "confirmed"
)

// doubtEnded says how an event ended a streak of failures of a site that was up; empty if it did
// not.
func doubtEnded(e monitor.SiteEvent) string {
	switch {
	case e.Before.Verdict != monitor.Up:
		return ""
	case e.Verdict == monitor.Down:
		return doubtConfirmed
	case e.Before.Streak > 0 && e.Streak == 0:
		return doubtCleared
	}
	return ""
}

// route gives a function that counts the requests of one route. The counters of the expected codes
// are made in advance, so that a poll allocates nothing; others, such as the 500 of a failed
// scrape, are looked up.
func (m *Metrics) route(name string) func(code int, took time.Duration) {
	duration := m.requestDuration.WithLabelValues(name)
	codes := make(map[int]prometheus.Counter)
	for _, code := range []int{
		http.StatusOK, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusServiceUnavailable,
	} {
		codes[code] = m.requests.WithLabelValues(name, strconv.Itoa(code))
	}
	return func(code int, took time.Duration) {
		counter, expected := codes[code]
		if !expected {
			counter = m.requests.WithLabelValues(name, strconv.Itoa(code))
		}
		counter.Inc()
		duration.Observe(took.Seconds())
	}
}

// handler serves these metrics and the gauges of all monitors.
func (m *Metrics) handler(of apps) http.Handler {
	// Start the counters at 0: increase() does not see the first increment of a counter that begins
	// with it. The reasons of failures may begin so, since alerts use verdicts and transitions.
	for _, overview := range of.overviews() {
		for _, s := range overview.Sites {
			m.probes.WithLabelValues(m.labels.of(s.Site, "ok")...)
			m.discarded.WithLabelValues(m.labels.of(s.Site)...)
			m.transitions.WithLabelValues(m.labels.of(s.Site, monitor.Up.String())...)
			m.transitions.WithLabelValues(m.labels.of(s.Site, monitor.Down.String())...)
			m.doubts.WithLabelValues(m.labels.of(s.Site, doubtCleared)...)
			m.doubts.WithLabelValues(m.labels.of(s.Site, doubtConfirmed)...)
		}
	}
	m.registry.MustRegister(newCollector(of, m.labels))
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{EnableOpenMetrics: true})
}

// collector makes gauges of the overview of each app.
type collector struct {
	apps   apps
	labels siteLabels
	gauges
}

// gauges describe what is read at each scrape.
type gauges struct {
	probeSuccess, siteUp, siteOverride, overrideEnd, metricValue, lastTransition, lastProbe,
	certificate, lastPoll, pollInterval, untoldPeers, proberUp, online *prometheus.Desc
}

func newCollector(of apps, labels siteLabels) collector {
	gauge := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	return collector{of, labels, gauges{
		probeSuccess: gauge("failover_probe_success",
			"Whether the last probe found the site up, whether that counted or not."),
		siteUp: gauge("failover_site_up",
			"The verdict: 1 up, 0 down. Missing while it is unknown."),
		siteOverride: gauge("failover_site_override",
			"Whether the verdict is pinned by an override."),
		overrideEnd: gauge("failover_site_override_end_timestamp_seconds",
			"When the override ends that was set while the monitor runs. Missing without one."),
		metricValue: gauge("failover_metric_value",
			"What the site's KEDA is told: how many other sites are down. Missing while that is a 503."),
		lastTransition: gauge("failover_last_transition_timestamp_seconds",
			"When the verdict of the probes last changed."),
		lastProbe: gauge("failover_last_probe_timestamp_seconds",
			"When the last probe with a result ended."),
		certificate: gauge("failover_certificate_expiry_timestamp_seconds",
			"When the site's certificate expires, also of one that failed verification."),
		lastPoll: gauge("failover_last_poll_timestamp_seconds",
			"When the site's value was last asked for. Missing before the first time."),
		pollInterval: gauge("failover_poll_interval_seconds",
			"From one poll of the site's value to the next, smoothed over some ten polls."),
		untoldPeers: gauge("failover_untold_peers",
			"How many peers have not been told yet that the site is down. Missing while it is up."),
		proberUp: gauge("failover_prober_up",
			"Whether the site's prober is well: its loop is not stuck, and its probes can be made."),
		online: prometheus.NewDesc("failover_monitor_online",
			"0 while failed probes do not count because no witness answers.", nil, nil),
	}}
}

// Describe implements [prometheus.Collector].
func (c collector) Describe(ch chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{
		c.probeSuccess, c.siteUp, c.siteOverride, c.overrideEnd, c.metricValue, c.lastTransition,
		c.lastProbe, c.certificate, c.lastPoll, c.pollInterval, c.untoldPeers, c.proberUp, c.online,
	} {
		ch <- desc
	}
}

// Collect implements [prometheus.Collector].
func (c collector) Collect(ch chan<- prometheus.Metric) {
	overviews := c.apps.overviews()
	ch <- prometheus.MustNewConstMetric(c.online, prometheus.GaugeValue,
		boolValue(overviews[len(overviews)-1].Online()))
	for _, overview := range overviews {
		for i := range overview.Sites {
			c.collect(ch, overview, i)
		}
	}
}

// collect collects the gauges of a site.
func (c collector) collect(ch chan<- prometheus.Metric, o monitor.Overview, i int) {
	site := o.Sites[i]
	labels := c.labels.of(site.Site)
	set := func(desc *prometheus.Desc, value float64) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	setTime := func(desc *prometheus.Desc, t time.Time) {
		if !t.IsZero() {
			set(desc, float64(t.UnixMilli())/1000)
		}
	}
	verdict := site.Current(o.Time)
	if verdict != monitor.Unknown {
		set(c.siteUp, boolValue(verdict == monitor.Up))
	}
	override := site.Override(o.Time)
	set(c.siteOverride, boolValue(override.Verdict != monitor.Unknown))
	setTime(c.overrideEnd, override.Ends)
	set(c.proberUp, boolValue(proberFault(site, o.Time) == ""))
	setTime(c.lastTransition, site.Since)
	if r := site.Last; !r.Began.IsZero() {
		set(c.probeSuccess, boolValue(r.Up))
		setTime(c.lastProbe, r.Began.Add(r.Duration))
		setTime(c.certificate, r.CertNotAfter)
	}
	if value, _, err := o.Told(site); err == nil {
		set(c.metricValue, float64(value))
	}
	poll := o.Polls[i]
	setTime(c.lastPoll, poll.At)
	if poll.Interval > 0 {
		set(c.pollInterval, poll.Interval.Seconds())
	}
	if n := len(o.Failovers[i]); n > 0 && o.Failovers[i][n-1].Open() {
		told := len(o.Failovers[i][n-1].Told)
		set(c.untoldPeers, float64(len(o.Sites)-1-told))
	}
}

func boolValue(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
