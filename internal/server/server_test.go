package server_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"failover-monitor/internal/monitor"
	"failover-monitor/internal/probe"
	"failover-monitor/internal/server"
)

// startMonitor starts a monitor of site-a, site-b, … with verdicts that do not change. The first
// polls wait for the first results.
func startMonitor(t testing.TB, each ...monitor.Verdict) *monitor.Monitor {
	t.Helper()
	return startSites(t, sites(each...))
}

func sites(each ...monitor.Verdict) (sites []*monitor.Site) {
	for i, verdict := range each {
		sites = append(sites, &monitor.Site{
			Name: fmt.Sprintf("site-%c", 'a'+i), Interval: time.Hour, Timeout: time.Hour,
			Thresholds: monitor.Thresholds{Failure: 1, Success: 1},
			Probe: func(ctx context.Context) (probe.Result, error) {
				if verdict == monitor.Unknown {
					<-ctx.Done()
				}
				return probe.Result{Up: verdict == monitor.Up}, ctx.Err()
			},
		})
	}
	return sites
}

// startSites starts a monitor of these sites. It stops when the test ends.
func startSites(t testing.TB, sites []*monitor.Site) *monitor.Monitor {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	m := monitor.New(sites, monitor.Options{AnswerTimeout: 200 * time.Millisecond})
	m.Start(ctx)
	t.Cleanup(func() { cancel(); m.Wait() })
	return m
}

func newServer(monitors ...*monitor.Monitor) *server.Server {
	return server.New(monitors, server.NewMetrics("test", false), testPage(), nil,
		slog.New(slog.DiscardHandler))
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	twoKnown := startMonitor(t, monitor.Up, monitor.Down)
	oneUnknown := startMonitor(t, monitor.Unknown, monitor.Up)
	const (
		asJSON   = "application/json"
		asText   = "text/plain; charset=utf-8"
		only     = `{"error":"only GET and HEAD are answered here"}` + "\n"
		notThere = `; there are /, /healthz, /livez, /readyz, /status, /metrics and, for each site, ` +
			`/metric/{site}","sites":["site-a","site-b"]}` + "\n"
	)
	for _, c := range []struct {
		m            *monitor.Monitor
		method, path string
		status       int
		contentType  string
		body         string
	}{
		{twoKnown, "GET", "/metric/site-a", 200, asJSON, "{\"value\":1}\n"},
		{twoKnown, "GET", "/metric/site-b", 200, asJSON, "{\"value\":0}\n"},
		{twoKnown, "GET", "/metric/site-b?x=y", 200, asJSON, "{\"value\":0}\n"},
		{twoKnown, "GET", "/healthz", 200, asText, "ok\n"},
		{twoKnown, "GET", "/metric/site-c", 404, asJSON,
			`{"error":"nothing at \"/metric/site-c\"` + notThere},
		{twoKnown, "GET", "/metric/", 404, asJSON, `{"error":"nothing at \"/metric/\"` + notThere},
		{twoKnown, "GET", "/metric/site-a/", 404, asJSON,
			`{"error":"nothing at \"/metric/site-a/\"` + notThere},
		{twoKnown, "GET", "/nothing", 404, asJSON, `{"error":"nothing at \"/nothing\"` + notThere},
		{twoKnown, "POST", "/metric/site-a", 405, asJSON, only},
		{twoKnown, "GET", "//metric/site-a", 404, asJSON,
			`{"error":"nothing at \"//metric/site-a\"` + notThere},
		{twoKnown, "POST", "//metric/site-a", 405, asJSON, only},
		{twoKnown, "DELETE", "/./status", 405, asJSON, only},
		{twoKnown, "GET", "/metric/../status", 404, asJSON,
			`{"error":"nothing at \"/metric/../status\"` + notThere},
		{twoKnown, "OPTIONS", "*", 405, asJSON, only},
		{twoKnown, "DELETE", "/nothing", 405, asJSON, only},
		{oneUnknown, "GET", "/metric/site-a", 200, asJSON, "{\"value\":0}\n"},
		{oneUnknown, "GET", "/metric/site-b", 503, asJSON,
			"{\"error\":\"no verdict on site-a: no probe of it has had a result yet\"}\n"},
		{oneUnknown, "GET", "/healthz", 200, asText, "ok\n"},
	} {
		for _, method := range []string{c.method, "HEAD"} {
			if c.method != "GET" && method == "HEAD" {
				continue
			}
			s := httptest.NewUnstartedServer(nil)
			s.Config = newServer(c.m).Server
			s.Start()
			req, _ := http.NewRequest(method, s.URL, nil)
			if req.URL.Opaque = "//" + req.URL.Host + c.path; c.path == "*" { // the path as it is
				req.URL.Opaque = c.path
			}
			resp, err := http.DefaultTransport.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			s.Close()
			want := c.body
			if method == "HEAD" {
				want = ""
			}
			what := method + " " + c.path
			if resp.StatusCode != c.status || string(body) != want {
				t.Errorf("%s: got %d %q, want %d %q", what, resp.StatusCode, body, c.status, want)
			}
			if resp.ContentLength != int64(len(c.body)) {
				t.Errorf("%s: Content-Length %d, want %d", what, resp.ContentLength, len(c.body))
			}
			for header, want := range map[string]string{
				"Content-Type": c.contentType, "Cache-Control": "no-store",
				"Retry-After": map[int]string{503: "1"}[c.status],
				"Allow":       map[int]string{405: "GET, HEAD"}[c.status],
			} {
				if got := resp.Header.Get(header); got != want {
					t.Errorf("%s: %s: %q, want %q", what, header, got, want)
				}
			}
		}
	}
}

// TestNumbers has more sites than two: the value is a number, not a flag.
func TestNumbers(t *testing.T) {
	t.Parallel()
	each := []monitor.Verdict{monitor.Up}
	for range 11 {
		each = append(each, monitor.Down)
	}
	if got := get(startMonitor(t, each...),
		"/metric/site-a").Body.String(); got != "{\"value\":11}\n" {
		t.Errorf("got %q, want 11", got)
	}
}

// TestSlowClient sends a request that never ends: it is cut off, and others are answered meanwhile.
func TestSlowClient(t *testing.T) {
	t.Parallel()
	srv := newServer(startMonitor(t, monitor.Up, monitor.Up))
	if srv.ReadTimeout > 5*time.Second || srv.ReadTimeout == 0 || srv.WriteTimeout == 0 ||
		srv.IdleTimeout <= 90*time.Second || srv.MaxHeaderBytes == 0 {
		t.Errorf("limits %v %v %v %v",
			srv.ReadTimeout, srv.WriteTimeout, srv.IdleTimeout, srv.MaxHeaderBytes)
	}
	srv.ReadTimeout = 100 * time.Millisecond
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go srv.Serve(listener)
	t.Cleanup(func() { srv.Close() })
	slow, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	io.WriteString(slow, "GET /metric/site-a HTTP/1.1\r\nHost: x\r\nX-Slow: ")
	resp, err := http.Get("http://" + listener.Addr().String() + "/metric/site-a")
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("beside a slow client: %v", err)
	}
	resp.Body.Close()
	slow.SetReadDeadline(time.Now().Add(5 * time.Second))
	if line,
		err := bufio.NewReader(slow).ReadString('\n'); err == nil && !strings.Contains(line, "408") &&
		!strings.Contains(line, "400") {
		t.Errorf("the slow client got %q, want to be cut off", line)
	} else if ne, ok := err.(net.Error); ok && ne.Timeout() {
		t.Error("the slow client is still connected")
	}
}

// BenchmarkMetric is a poll without the network. It must allocate nothing of its own.
func BenchmarkMetric(b *testing.B) {
	ctx, cancel := context.WithCancel(context.Background())
	up := func(context.Context) (probe.Result, error) { return probe.Result{Up: true}, nil }
	site := monitor.Site{Interval: time.Hour, Timeout: time.Second, Probe: up,
		Thresholds: monitor.Thresholds{Failure: 1, Success: 1}}
	a, peer := site, site
	a.Name, peer.Name = "site-a", "site-b"
	m := monitor.New([]*monitor.Site{&a, &peer}, monitor.Options{AnswerTimeout: time.Second})
	m.Start(ctx)
	defer m.Wait()
	defer cancel()
	handler := newServer(m).Handler
	req := httptest.NewRequest("GET", "/metric/site-a", nil)
	w := &discard{header: make(http.Header)}
	for b.Loop() {
		handler.ServeHTTP(w, req)
	}
}

type discard struct{ header http.Header }

func (d *discard) Header() http.Header       { return d.header }
func (*discard) WriteHeader(int)             {}
func (*discard) Write(b []byte) (int, error) { return len(b), nil }

// TestSlowestAnswer: an answer that waits for a probe, as with CACHE_TTL_SEC=0, is not cut off.
func TestSlowestAnswer(t *testing.T) {
	t.Parallel()
	log := slog.New(slog.DiscardHandler)
	m := monitor.New([]*monitor.Site{{Name: "site-a", Timeout: time.Minute}},
		monitor.Options{AnswerTimeout: time.Second})
	srv := server.New([]*monitor.Monitor{m}, server.NewMetrics("test", false), testPage(), nil, log)
	if limit := srv.WriteTimeout; limit <= m.MaxWait() {
		t.Errorf("an answer must be written after %v, and may take %v to be known", limit, m.MaxWait())
	}
}
