package server_test

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"failover-monitor/internal/monitor"
	"failover-monitor/internal/probe"
	"failover-monitor/internal/server"
)

// TestStatus is the whole of /status, to the letter: its shape is a promise.
func TestStatus(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		died := time.Now().Add(61 * time.Second)
		site := func(name string, dies bool, override monitor.Verdict) *monitor.Site {
			return &monitor.Site{
				Name: name, Interval: 5 * time.Second, Retry: time.Second, Timeout: 3 * time.Second, Override: override,
				Thresholds: monitor.Thresholds{Failure: 3, Success: 2},
				Probe: func(context.Context) (probe.Result, error) {
					r := probe.Result{Up: true, Status: 200, Address: "10.0.0.7:443", Began: time.Now(), Duration: 20 * time.Millisecond}
					if dies && time.Now().After(died) {
						r.Up, r.Status, r.Reason, r.Detail = false, 0, probe.ReasonTLSExpired, "certificate expired on 1999-12-31"
						r.CertNotAfter = time.Date(1999, 12, 31, 23, 59, 59, 0, time.UTC)
					}
					time.Sleep(r.Duration)
					return r, nil
				},
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		m := monitor.New([]*monitor.Site{site("site-a", false, monitor.Up), site("site-b", true, monitor.Unknown)}, monitor.Options{
			AnswerTimeout: 2 * time.Second,
			Witnesses: []monitor.Witness{{Name: "tcp://10.0.0.53:53", Probe: func(context.Context) (probe.Result, error) {
				return probe.Result{Up: true, Began: time.Now()}, nil
			}}},
		})
		m.Start(ctx)
		handler := server.New(m, server.NewMetrics("test"), nil, slog.New(slog.DiscardHandler)).Handler
		time.Sleep(69 * time.Second)
		ask(handler, "GET /metric/site-a", "User-Agent", "Go-http-client/1.1")
		ask(handler, "HEAD /metric/site-b") // no poll
		recorded := ask(handler, "GET /status")
		cancel()
		m.Wait()

		const want = `{
  "time": "2000-01-01T00:01:09Z",
  "online": true,
  "witnesses": [
    {
      "witness": "tcp://10.0.0.53:53",
      "asked": "2000-01-01T00:01:07.02Z",
      "answered": true
    }
  ],
  "sites": [
    {
      "site": "site-a",
      "verdict": "up",
      "explanation": "site-a is pinned up by its OVERRIDE; its probes say up",
      "observed": "up",
      "observed_since": "2000-01-01T00:00:00.02Z",
      "override": "up",
      "streak": 0,
      "failure_threshold": 3,
      "success_threshold": 2,
      "last_result": {
        "up": true,
        "status": 200,
        "address": "10.0.0.7:443",
        "ended": "2000-01-01T00:01:05.02Z",
        "duration_seconds": 0.02
      },
      "next_probe": "2000-01-01T00:01:10Z",
      "probing": false,
      "worst_case_detection": {
        "hangs_seconds": 12,
        "refuses_seconds": 9,
        "formula": "CACHE_TTL_SEC 5 + 2 × RETRY_INTERVAL_SEC 1 + one failing probe (at most 3, and 2 until a witness confirms it)"
      }
    },
    {
      "site": "site-b",
      "verdict": "down",
      "explanation": "site-b is down since 00:01:07 UTC: 3 of 3 probes failed, last: certificate expired on 1999-12-31",
      "since": "2000-01-01T00:01:07.02Z",
      "observed": "down",
      "observed_since": "2000-01-01T00:01:07.02Z",
      "streak": 0,
      "failure_threshold": 3,
      "success_threshold": 2,
      "last_result": {
        "up": false,
        "reason": "tls_expired",
        "detail": "certificate expired on 1999-12-31",
        "address": "10.0.0.7:443",
        "ended": "2000-01-01T00:01:07.02Z",
        "duration_seconds": 0.02,
        "certificate_expires": "1999-12-31T23:59:59Z"
      },
      "next_probe": "2000-01-01T00:01:10Z",
      "probing": false,
      "worst_case_detection": {
        "hangs_seconds": 12,
        "refuses_seconds": 9,
        "formula": "CACHE_TTL_SEC 5 + 2 × RETRY_INTERVAL_SEC 1 + one failing probe (at most 3, and 2 until a witness confirms it)"
      }
    }
  ],
  "metrics": [
    {
      "site": "site-a",
      "value": 1,
      "explanation": "site-b is down since 00:01:07 UTC: 3 of 3 probes failed, last: certificate expired on 1999-12-31",
      "last_poll": "2000-01-01T00:01:09Z",
      "polled_by": "Go-http-client/1.1",
      "armed": true
    },
    {
      "site": "site-b",
      "value": 0,
      "explanation": "no other site is down",
      "armed": false
    }
  ]
}
`
		if got := recorded.Body.String(); got != want || recorded.Header().Get("Content-Type") != "application/json" {
			t.Errorf("got %s\n%s", recorded.Header().Get("Content-Type"), got)
		}
	})
}
