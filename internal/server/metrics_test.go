package server_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"failover-monitor/internal/monitor"
	"failover-monitor/internal/probe"
)

// matchingLines are the lines of a text that begin with a match.
func matchingLines(text, like string) string {
	return strings.Join(regexp.MustCompile(`(?m)^(`+like+`).*\n`).FindAllString(text, -1), "")
}

// TestMetrics compares the monitor's own metrics with testdata/metrics.txt: other programs rely on
// names and labels. One site is up, one's certificate has expired, one cannot be probed, and one is
// pinned up.
func TestMetrics(t *testing.T) {
	t.Parallel()
	want, err := os.ReadFile("testdata/metrics.txt")
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		pinned := scriptedSite("site-d", always(refused))
		pinned.Override = monitor.Up
		handler := startServer(t, slog.DiscardHandler, nil,
			scriptedSite("site-a", always(answered)),
			scriptedSite("site-b", changesAfter20s(answered, expired)),
			scriptedSite("site-c", func(time.Duration) (probe.Result, error) {
				return probe.Result{}, errors.New("read /run/token: no such file")
			}),
			pinned,
		)
		time.Sleep(29 * time.Second)
		for what, code := range map[string]int{
			"GET /metric/site-a": 503, "GET /metric/site-c": 200, "GET /metric/site-e": 404,
			"POST /metric/site-a": 405,
			"HEAD /metric/site-d": 503, "GET /nothing": 404, "GET /healthz": 503, "HEAD /status": 200,
		} {
			if got := request(handler, what).Code; got != code {
				t.Errorf("%s: got %d, want %d", what, got, code)
			}
		}
		scrape := request(handler, "GET /metrics")
		if got := scrape.Header().Get("Content-Type"); got != "text/plain; version=0.0.4; "+
			"charset=utf-8; escaping=underscores" {
			t.Errorf("Content-Type: %s", got)
		}
		want := strings.ReplaceAll(string(want), "GOVERSION", runtime.Version())
		if got := matchingLines(scrape.Body.String(), `(# (HELP|TYPE) )?failover_`); got != want {
			t.Errorf("got\n%s", got)
		}
		for _, name := range []string{"go_goroutines", "process_start_time_seconds", "process_open_fds"} {
			if matchingLines(scrape.Body.String(), name+" ") == "" {
				t.Errorf("no %s", name)
			}
		}
	})
}

// TestMetricsInTime follows a site into an outage of the monitor's own network: series that nothing
// is known for are missing, and never a guess.
func TestMetricsInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const changing = `failover_` +
			`(certificate|last_poll|metric|monitor|probe_success|probes_set|site_up)`
		const allButRequests = `failover_` +
			`(certificate|last|metric|monitor|probe_|prober|probes|site|transitions)`
		witness := monitor.Witness{Name: "tcp://10.0.0.53:53", Probe: scriptedProbe(always(refused))}
		handler := startServer(t, slog.DiscardHandler, []monitor.Witness{witness},
			scriptedSite("site-a", always(answered)),
			scriptedSite("site-b", changesAfter20s(answered, hung)))
		for _, c := range []struct {
			sleep      time.Duration
			poll, like string
			want       string
		}{
			{10 * time.Millisecond, "", allButRequests, `
failover_monitor_online 1
failover_prober_up{site="site-a"} 1
failover_prober_up{site="site-b"} 1
failover_probes_set_aside_total{site="site-a"} 0
failover_probes_set_aside_total{site="site-b"} 0
failover_probes_total{reason="ok",site="site-a"} 0
failover_probes_total{reason="ok",site="site-b"} 0
failover_site_override{site="site-a"} 0
failover_site_override{site="site-b"} 0
failover_transitions_total{site="site-a",to="down"} 0
failover_transitions_total{site="site-a",to="up"} 0
failover_transitions_total{site="site-b",to="down"} 0
failover_transitions_total{site="site-b",to="up"} 0
`},
			{9 * time.Second, "GET /metric/site-a", changing, `
failover_certificate_expiry_timestamp_seconds{site="site-a"} 9.519120005e+08
failover_certificate_expiry_timestamp_seconds{site="site-b"} 9.519120005e+08
failover_last_poll_timestamp_seconds{site="site-a"} 9.4668480901e+08
failover_metric_value{site="site-a"} 0
failover_metric_value{site="site-b"} 0
failover_monitor_online 1
failover_probe_success{site="site-a"} 1
failover_probe_success{site="site-b"} 1
failover_probes_set_aside_total{site="site-a"} 0
failover_probes_set_aside_total{site="site-b"} 0
failover_site_up{site="site-a"} 1
failover_site_up{site="site-b"} 1
`},
			{15 * time.Second, "", changing, `
failover_certificate_expiry_timestamp_seconds{site="site-a"} 9.519120005e+08
failover_last_poll_timestamp_seconds{site="site-a"} 9.4668480901e+08
failover_metric_value{site="site-a"} 0
failover_metric_value{site="site-b"} 0
failover_monitor_online 0
failover_probe_success{site="site-a"} 1
failover_probe_success{site="site-b"} 0
failover_probes_set_aside_total{site="site-a"} 0
failover_probes_set_aside_total{site="site-b"} 2
failover_site_up{site="site-a"} 1
failover_site_up{site="site-b"} 1
`},
			{30 * time.Second, "", changing, `
failover_certificate_expiry_timestamp_seconds{site="site-a"} 9.519120005e+08
failover_last_poll_timestamp_seconds{site="site-a"} 9.4668480901e+08
failover_metric_value{site="site-b"} 0
failover_monitor_online 0
failover_probe_success{site="site-a"} 1
failover_probe_success{site="site-b"} 0
failover_probes_set_aside_total{site="site-a"} 0
failover_probes_set_aside_total{site="site-b"} 20
failover_site_up{site="site-a"} 1
`},
		} {
			time.Sleep(c.sleep)
			if c.poll != "" {
				request(handler, c.poll)
			}
			scrape := request(handler, "GET /metrics").Body.String()
			if got := "\n" + matchingLines(scrape, c.like); got != c.want {
				t.Errorf("after %v: got\n%s", c.sleep, got)
			}
		}
	})
}

// TestMetricsFormats sends the Accept headers that Prometheus sends.
func TestMetricsFormats(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		handler := startServer(t, slog.DiscardHandler, nil, scriptedSite("site-a", always(answered)),
			scriptedSite("site-b", always(hung)))
		time.Sleep(6 * time.Second)

		scrape := request(handler, "GET /metrics", "Accept",
			"application/openmetrics-text;version=1.0.0,"+
				"application/openmetrics-text;version=0.0.1;q=0.75,"+
				"text/plain;version=0.0.4;q=0.5,*/*;q=0.1")
		const format = "application/openmetrics-text; version=1.0.0; " +
			"charset=utf-8; escaping=underscores"
		if got := scrape.Header().Get("Content-Type"); got != format {
			t.Errorf("Content-Type: %s", got)
		}
		text := scrape.Body.String()
		const transitions = `
# HELP failover_transitions Changes of verdict, the first after a start among them.
# TYPE failover_transitions counter
failover_transitions_total{site="site-a",to="down"} 0.0
failover_transitions_total{site="site-a",to="up"} 1.0
failover_transitions_total{site="site-b",to="down"} 1.0
failover_transitions_total{site="site-b",to="up"} 0.0
`
		if !strings.Contains(text, transitions) || !strings.HasSuffix(text, "\n# EOF\n") {
			t.Errorf("got\n%s", text)
		}

		scrape = request(handler, "GET /metrics", "Accept",
			"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited")
		families := make(map[string]*dto.MetricFamily)
		decoder := expfmt.NewDecoder(scrape.Body, expfmt.ResponseFormat(scrape.Header()))
		for {
			family := new(dto.MetricFamily)
			if err := decoder.Decode(family); err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			families[family.GetName()] = family
		}
		// Schema 3 has eight buckets to a doubling, the most that are no wider than the factor 1.1
		// allows.
		for i, want := range []struct {
			count int64
			sum   float64
		}{{2, .04}, {3, 9}} {
			h := families["failover_probe_duration_seconds"].GetMetric()[i].GetHistogram()
			if h.GetSchema() != 3 || len(h.GetPositiveDelta()) != 1 ||
				h.GetPositiveDelta()[0] != want.count || h.GetSampleSum() != want.sum ||
				len(h.GetBucket()) != 14 {
				t.Errorf("got %v", h)
			}
		}
	})
}

// TestMetricsHead: the answer to HEAD has no body.
func TestMetricsHead(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(newServer(startMonitor(t, monitor.Up, monitor.Up)).Handler)
	defer s.Close()
	resp, err := http.Head(s.URL + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); resp.StatusCode != 200 || len(body) > 0 || err != nil ||
		resp.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("got %s %q %v %v", resp.Status, body, err, resp.Header)
	}
}

// TestMetricsCardinality: whatever clients send, it makes no new series.
func TestMetricsCardinality(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		handler := startServer(t, slog.DiscardHandler, nil, scriptedSite("site-a", always(answered)),
			scriptedSite("site-b", always(answered)))
		time.Sleep(time.Second)
		series := func() (names string, counts string) {
			text := matchingLines(request(handler, "GET /metrics").Body.String(), `failover_`)
			return regexp.MustCompile(`(?m) \S+$`).ReplaceAllString(text, ""),
				matchingLines(text, `failover_http_requests_total\{.*\} [1-9]`)
		}
		before, _ := series()
		for i := range 50 {
			for _, what := range []string{
				"GET /metric/site-%d", "GET /metric/", "GET /nothing-%d", "GET /nothing?%d",
				"GET /metrics/%d", "GET /healthz/%d", "BREW%d /metric/site-a", "BREW%d /nothing",
			} {
				if strings.Contains(what, "%d") {
					what = fmt.Sprintf(what, i)
				}
				request(handler, what,
					"User-Agent", fmt.Sprint("client ", i), "Host", fmt.Sprint("host-", i))
			}
		}
		after, counts := series()
		if after != before {
			t.Errorf("before\n%safter\n%s", before, after)
		}
		const want = `failover_http_requests_total{code="200",route="/metrics"} 1
failover_http_requests_total{code="404",route="/metric"} 100
failover_http_requests_total{code="404",route="other"} 200
failover_http_requests_total{code="405",route="/metric"} 50
failover_http_requests_total{code="405",route="other"} 50
`
		if counts != want {
			t.Errorf("got\n%s", counts)
		}
	})
}

// TestMetricsFail has two sites of one name, which no settings allow, and so two series of one
// name. The scrape fails with a code that no other answer has, and is counted with that.
func TestMetricsFail(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		handler := startServer(t, slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}),
			nil, scriptedSite("site-a", always(answered)), scriptedSite("site-a", always(answered)))
		if got := request(handler, "GET /metrics").Code; got != 500 {
			t.Errorf("got %d, want 500", got)
		}
		if !strings.Contains(log.String(), "path=/metrics code=500 ") {
			t.Errorf("got %s", log.String())
		}
	})
}
