package server_test

import (
	"context"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"failover-monitor/internal/monitor"
	"failover-monitor/internal/probe"
)

// TestStatus compares all of /status with testdata/status.json: other programs rely on its shape.
func TestStatus(t *testing.T) {
	t.Parallel()
	want, err := os.ReadFile("testdata/status.json")
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		died := time.Now().Add(61 * time.Second)
		site := func(name string, dies bool, override monitor.Verdict) *monitor.Site {
			return &monitor.Site{
				Name: name, Interval: 5 * time.Second, Retry: time.Second, Timeout: 3 * time.Second,
				Thresholds: monitor.Thresholds{Failure: 3, Success: 2}, Override: override,
				Probe: func(context.Context) (probe.Result, error) {
					r := probe.Result{
						Up: true, Status: 200, Address: "10.0.0.7:443", Began: time.Now(),
						Duration: 20 * time.Millisecond,
					}
					if dies && time.Now().After(died) {
						r.Up, r.Status, r.Reason = false, 0, probe.ReasonTLSExpired
						r.Detail = "certificate expired on 1999-12-31"
						r.CertNotAfter = time.Date(1999, 12, 31, 23, 59, 59, 0, time.UTC)
					}
					time.Sleep(r.Duration)
					return r, nil
				},
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		witness := func(context.Context) (probe.Result, error) {
			return probe.Result{Up: true, Began: time.Now()}, nil
		}
		sites := []*monitor.Site{
			site("site-a", false, monitor.Up), site("site-b", true, monitor.Unknown),
		}
		m := monitor.New(sites, monitor.Options{
			AnswerTimeout: 2 * time.Second,
			Host: monitor.NewHost(
				[]monitor.Witness{{Name: "tcp://10.0.0.53:53", Probe: witness}}),
		})
		m.Start(ctx)
		handler := newServer(m).Handler
		time.Sleep(69 * time.Second)
		request(handler, "GET /metric/site-a", "User-Agent", "Go-http-client/1.1")
		request(handler, "HEAD /metric/site-b") // no poll
		recorded := request(handler, "GET /status")
		cancel()
		m.Wait()
		if got := recorded.Body.String(); got != string(want) {
			t.Errorf("got\n%s", got)
		}
		if got := recorded.Header().Get("Content-Type"); got != "application/json" {
			t.Errorf("Content-Type: %s", got)
		}
	})
}
