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

func histogram(name, help, label string, buckets ...float64) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(
		prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, []string{label})
}

// NewMetrics makes the metrics of a monitor of this version.
func NewMetrics(version string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		probes: counter("failover_probes_total",
			"Probes by site and reason; ok is the reason of a success.", "site", "reason"),
		discarded: counter("failover_probes_set_aside_total",
			"Probes that did not count: the monitor was offline, or could not make them.", "site"),
		probeDuration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "failover_probe_duration_seconds", Help: "How long probes took.",
			Buckets: []float64{
				.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30,
			},
			NativeHistogramBucketFactor:     1.1,
			NativeHistogramMaxBucketNumber:  100,
			NativeHistogramMinResetDuration: time.Hour,
		}, []string{"site"}),
		transitions: counter("failover_transitions_total",
			"Changes of verdict, the first after a start among them.", "site", "to"),
		doubts: counter("failover_doubts_total",
			"Streaks of failures of a site that was up, by how they ended: confirmed when it is down, "+
				"cleared when it is up again.", "site", "outcome"),
		detection: histogram("failover_detection_seconds",
			"From the start of a site's first failed probe to the verdict that it is down.", "site",
			1, 2, 3, 5, 7, 10, 15, 20, 30, 60),
		delivery: histogram("failover_delivery_seconds",
			"From the verdict that a site is down to a peer's first poll that says so.", "site",
			1, 2, 5, 10, 15, 20, 30, 45, 60, 120, 300),
		requests: counter("failover_http_requests_total", "HTTP requests answered.", "route", "code"),
		requestDuration: histogram("failover_http_request_duration_seconds",
			"How long answers took to make.", "route",
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
		m.detection.WithLabelValues(e.Name).Observe(f.Down.Sub(f.Failed).Seconds())
	case e.Change == monitor.FailoverTold:
		m.delivery.WithLabelValues(e.Name).Observe(f.Told[len(f.Told)-1].At.Sub(f.Down).Seconds())
	}
}

func (m *Metrics) observeSite(e monitor.SiteEvent) {
	if e.Outcome == nil {
		return
	}
	if e.Outcome.Discarded != nil {
		m.discarded.WithLabelValues(e.Name).Inc()
	}
	result := e.Outcome.Result
	if result.Began.IsZero() {
		return
	}
	reason := string(result.Reason)
	if result.Up {
		reason = "ok"
	}
	m.probes.WithLabelValues(e.Name, reason).Inc()
	m.probeDuration.WithLabelValues(e.Name).Observe(result.Duration.Seconds())
	if slices.Contains(e.Changes, monitor.Turned) {
		m.transitions.WithLabelValues(e.Name, e.Verdict.String()).Inc()
	}
	if ended := doubtEnded(e); ended != "" {
		m.doubts.WithLabelValues(e.Name, ended).Inc()
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

// handler serves these metrics and the gauges of a monitor.
func (m *Metrics) handler(of *monitor.Monitor) http.Handler {
	// Start the counters at 0: increase() does not see the first increment of a counter that begins
	// with it. The reasons of failures may begin so, since alerts use verdicts and transitions.
	for _, site := range of.Names() {
		m.probes.WithLabelValues(site, "ok")
		m.discarded.WithLabelValues(site)
		m.transitions.WithLabelValues(site, monitor.Up.String())
		m.transitions.WithLabelValues(site, monitor.Down.String())
		m.doubts.WithLabelValues(site, doubtCleared)
		m.doubts.WithLabelValues(site, doubtConfirmed)
	}
	m.registry.MustRegister(collector{of})
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{EnableOpenMetrics: true})
}

// collector makes gauges of the monitor's overview.
type collector struct{ monitor *monitor.Monitor }

func gauge(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

var (
	probeSuccess = gauge("failover_probe_success",
		"Whether the last probe found the site up, whether that counted or not.", "site")
	siteUp = gauge("failover_site_up",
		"The verdict: 1 up, 0 down. Missing while it is unknown.", "site")
	siteOverride = gauge("failover_site_override",
		"Whether the verdict is pinned by an override.", "site")
	overrideEnd = gauge("failover_site_override_end_timestamp_seconds",
		"When the override ends that was set while the monitor runs. Missing without one.", "site")
	metricValue = gauge("failover_metric_value",
		"What the site's KEDA is told: how many other sites are down. Missing while that is a 503.",
		"site")
	lastTransition = gauge("failover_last_transition_timestamp_seconds",
		"When the verdict of the probes last changed.", "site")
	lastProbe = gauge("failover_last_probe_timestamp_seconds",
		"When the last probe with a result ended.", "site")
	certificate = gauge("failover_certificate_expiry_timestamp_seconds",
		"When the site's certificate expires, also of one that failed verification.", "site")
	lastPoll = gauge("failover_last_poll_timestamp_seconds",
		"When the site's value was last asked for. Missing before the first time.", "site")
	pollInterval = gauge("failover_poll_interval_seconds",
		"From one poll of the site's value to the next, smoothed over some ten polls.", "site")
	untoldPeers = gauge("failover_untold_peers",
		"How many peers have not been told yet that the site is down. Missing while it is up.", "site")
	proberUp = gauge("failover_prober_up",
		"Whether the site's prober is well: its loop is not stuck, and its probes can be made.", "site")
	online = gauge("failover_monitor_online",
		"0 while failed probes do not count because no witness answers.")
)

// Describe implements [prometheus.Collector].
func (c collector) Describe(ch chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{
		probeSuccess, siteUp, siteOverride, overrideEnd, metricValue, lastTransition, lastProbe,
		certificate, lastPoll, pollInterval, untoldPeers, proberUp, online,
	} {
		ch <- desc
	}
}

// Collect implements [prometheus.Collector].
func (c collector) Collect(ch chan<- prometheus.Metric) {
	set := func(desc *prometheus.Desc, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	setTime := func(desc *prometheus.Desc, t time.Time, site string) {
		if !t.IsZero() {
			set(desc, float64(t.UnixMilli())/1000, site)
		}
	}
	overview := c.monitor.Overview()
	set(online, boolValue(overview.Online()))
	for i, site := range overview.Sites {
		verdict := site.Current(overview.Time)
		if verdict != monitor.Unknown {
			set(siteUp, boolValue(verdict == monitor.Up), site.Name)
		}
		override := site.Override(overview.Time)
		set(siteOverride, boolValue(override.Verdict != monitor.Unknown), site.Name)
		setTime(overrideEnd, override.Ends, site.Name)
		set(proberUp, boolValue(proberFault(site, overview.Time) == ""), site.Name)
		setTime(lastTransition, site.Since, site.Name)
		if r := site.Last; !r.Began.IsZero() {
			set(probeSuccess, boolValue(r.Up), site.Name)
			setTime(lastProbe, r.Began.Add(r.Duration), site.Name)
			setTime(certificate, r.CertNotAfter, site.Name)
		}
		if value, _, err := overview.Told(site); err == nil {
			set(metricValue, float64(value), site.Name)
		}
		poll := overview.Polls[i]
		setTime(lastPoll, poll.At, site.Name)
		if poll.Interval > 0 {
			set(pollInterval, poll.Interval.Seconds(), site.Name)
		}
		if n := len(overview.Failovers[i]); n > 0 && overview.Failovers[i][n-1].Open() {
			told := len(overview.Failovers[i][n-1].Told)
			set(untoldPeers, float64(len(overview.Sites)-1-told), site.Name)
		}
	}
}

func boolValue(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
