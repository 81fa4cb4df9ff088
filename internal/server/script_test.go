package server_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"failover-monitor/internal/monitor"
	"failover-monitor/internal/probe"
	"failover-monitor/internal/server"
)

// script gives what a probe finds that begins some time after the start. The probe takes as long as
// the result says.
type script func(at time.Duration) (probe.Result, error)

// always is the script of a site that does not change.
func always(r probe.Result) script {
	return func(time.Duration) (probe.Result, error) { return r, nil }
}

// changesAfter20s is the script of a site that changes once.
func changesAfter20s(before, after probe.Result) script {
	return func(at time.Duration) (probe.Result, error) {
		if at < 20*time.Second {
			return before, nil
		}
		return after, nil
	}
}

// scriptedProbe makes a probe of a script.
func scriptedProbe(s script) monitor.Probe {
	start := time.Now()
	return func(context.Context) (probe.Result, error) {
		began := time.Now()
		r, err := s(began.Sub(start))
		if err == nil {
			r.Began = began
		}
		time.Sleep(r.Duration)
		return r, err
	}
}

// testPage is a page that knows the URL of site-b.
func testPage() *server.Page {
	return server.NewPage("v1.2.3", map[string]string{"site-b": "https://***@b.example.com/healthz"})
}

func scriptedSite(name string, s script) *monitor.Site {
	return &monitor.Site{
		Name: name, Interval: 5 * time.Second, Retry: time.Second, Timeout: 3 * time.Second,
		Thresholds: monitor.Thresholds{Failure: 3, Success: 2}, Probe: scriptedProbe(s),
	}
}

// startServer starts a monitor of these sites, in synthetic time, and gives the server's handler.
func startServer(
	t *testing.T, log slog.Handler, witnesses []monitor.Witness, sites ...*monitor.Site,
) http.Handler {
	metrics, page := server.NewMetrics("1.2.3", false), testPage()
	m := monitor.New(sites, monitor.Options{
		AnswerTimeout: 2 * time.Second, Host: monitor.NewHost(witnesses),
		Observe: func(e monitor.Event) { metrics.Observe(e); page.Observe(e) },
	})
	ctx, cancel := context.WithCancel(context.Background())
	m.Start(ctx)
	t.Cleanup(func() { cancel(); m.Wait() })
	return server.New([]*monitor.Monitor{m}, metrics, page, nil, slog.New(log)).Handler
}

// request sends a request, given as method and path ("GET /status") and pairs of header and value.
func request(handler http.Handler, what string, header ...string) *httptest.ResponseRecorder {
	method, path, _ := strings.Cut(what, " ")
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	recorded := httptest.NewRecorder()
	handler.ServeHTTP(recorded, r)
	return recorded
}

var (
	answered = probe.Result{
		Up: true, Status: 200, Address: "10.0.0.7:443", Duration: 20 * time.Millisecond,
		CertNotAfter: time.Date(2000, 3, 1, 12, 0, 0, 500e6, time.UTC),
	}
	expired = probe.Result{
		Reason: probe.ReasonTLSExpired, Detail: "certificate expired on 1999-12-31",
		Duration:     30 * time.Millisecond,
		CertNotAfter: time.Date(1999, 12, 31, 23, 59, 59, 0, time.UTC),
	}
	refused = probe.Result{
		Reason: probe.ReasonRefused, Detail: "nothing listens there", Duration: 500 * time.Microsecond,
	}
	hung = probe.Result{
		Reason: probe.ReasonTimeout, Detail: "no good answer within 3s", Duration: 3 * time.Second,
	}
)
