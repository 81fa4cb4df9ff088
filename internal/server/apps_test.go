package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"failover-monitor/internal/monitor"
	"failover-monitor/internal/probe"
	"failover-monitor/internal/server"
)

// appServer serves these apps: the verdicts of the sites of each.
func appServer(t *testing.T, names []string, verdicts ...[]monitor.Verdict) http.Handler {
	t.Helper()
	var monitors []*monitor.Monitor
	for i, name := range names {
		of := sites(verdicts[i%len(verdicts)]...)
		for _, s := range of {
			s.App = name
		}
		monitors = append(monitors, startSites(t, of))
	}
	return server.New(monitors, server.NewMetrics("test", true), testPage(), nil,
		slog.New(slog.DiscardHandler)).Handler
}

// TestAnswersOfApps: each app has its own answers, and what there is not says what there is.
func TestAnswersOfApps(t *testing.T) {
	t.Parallel()
	handler := appServer(t, []string{"shop", "blog", "pay"},
		[]monitor.Verdict{monitor.Up, monitor.Down},
		[]monitor.Verdict{monitor.Up, monitor.Up, monitor.Down},
		[]monitor.Verdict{monitor.Unknown, monitor.Up})
	const (
		there = "; there are /, /healthz, /livez, /readyz, /status, /metrics and, " +
			"for each site of an app, " +
			`/metric/{app}/{site}",`
		apps = `"apps":["shop","blog","pay"]}` + "\n"
	)
	for _, c := range []struct {
		path string
		code int
		body string
	}{
		{"/metric/shop/site-a", 200, `{"value":1}` + "\n"},
		{"/metric/shop/site-b", 200, `{"value":0}` + "\n"},
		{"/metric/blog/site-a", 200, `{"value":1}` + "\n"},
		{"/metric/blog/site-c", 200, `{"value":0}` + "\n"},
		{"/metric/pay/site-a", 200, `{"value":0}` + "\n"},
		{"/metric/pay/site-b", 503,
			`{"error":"no verdict on pay/site-a: no probe of it has had a result yet"}` + "\n"},
		{"/metric/shop/site-c", 404,
			`{"error":"nothing at \"/metric/shop/site-c\"` + there + `"sites":["site-a","site-b"]}` + "\n"},
		{"/metric/shop", 404,
			`{"error":"nothing at \"/metric/shop\"` + there + `"sites":["site-a","site-b"]}` + "\n"},
		{"/metric/site-a", 404, `{"error":"nothing at \"/metric/site-a\"` + there + apps},
		{"/metric//site-a", 404, `{"error":"nothing at \"/metric//site-a\"` + there + apps},
		{"/metric/shop/site-a/", 404,
			`{"error":"nothing at \"/metric/shop/site-a/\"` + there + `"sites":["site-a","site-b"]}` + "\n"},
		{"/nothing", 404, `{"error":"nothing at \"/nothing\"` + there + apps},
		{"/status?app=nix", 404, `{"error":"no app is called \"nix\"",` + apps},
		{"/status?app=", 404, `{"error":"no app is called \"\"",` + apps},
		{"/healthz", 200, "ok\n"},
	} {
		got := request(handler, "GET "+c.path)
		if got.Code != c.code || got.Body.String() != c.body {
			t.Errorf("%s: %d %s, want %d %s", c.path, got.Code, got.Body, c.code, c.body)
		}
	}
}

// TestFirstNames: a list of names ends after 50, and says how many more there are.
func TestFirstNames(t *testing.T) {
	t.Parallel()
	var names []string
	for i := range 60 {
		names = append(names, fmt.Sprintf("app-%d", i))
	}
	handler := appServer(t, names, []monitor.Verdict{monitor.Up, monitor.Up})
	body := request(handler, "GET /metric/site-a").Body.String()
	if !strings.HasSuffix(body, `"app-48","app-49"],"more":10}`+"\n") {
		t.Errorf("got %s", body)
	}
}

// TestStatusOfApps: every entry says its app, and there may be one app alone.
func TestStatusOfApps(t *testing.T) {
	t.Parallel()
	handler := appServer(t, []string{"shop", "blog"}, []monitor.Verdict{monitor.Up, monitor.Down},
		[]monitor.Verdict{monitor.Up, monitor.Up, monitor.Up})
	request(handler, "GET /metric/shop/site-a") // the first results are there
	request(handler, "GET /metric/shop/site-b")
	for path, want := range map[string]string{
		"/status":          "shop/site-a shop/site-b blog/site-a blog/site-b blog/site-c",
		"/status?app=blog": "blog/site-a blog/site-b blog/site-c",
		"/status?app=shop": "shop/site-a shop/site-b",
	} {
		var status struct {
			Sites, Metrics []struct{ App, Site, Explanation string }
		}
		if err := json.Unmarshal(request(handler, "GET "+path).Body.Bytes(), &status); err != nil {
			t.Fatal(err)
		}
		var sites, metrics []string
		for i := range status.Sites {
			sites = append(sites, status.Sites[i].App+"/"+status.Sites[i].Site)
			metrics = append(metrics, status.Metrics[i].App+"/"+status.Metrics[i].Site)
		}
		if strings.Join(sites, " ") != want || strings.Join(metrics, " ") != want {
			t.Errorf("%s: sites %q, metrics %q, want %q", path, sites, metrics, want)
		}
		if path == "/status?app=shop" &&
			!strings.HasPrefix(status.Metrics[0].Explanation, "shop/site-b is down since ") {
			t.Errorf("the value of shop at site-a: %s", status.Metrics[0].Explanation)
		}
	}
}

// TestLive: a restart is asked for where it helps and does no harm: not while another app is well,
// and not for a token file that is missing.
func TestLive(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		apps, stuck int // the first of them are stuck
		code        int
	}{{1, 0, 200}, {1, 1, 503}, {3, 1, 200}, {3, 2, 200}, {3, 3, 503}} {
		synctest.Test(t, func(t *testing.T) {
			release := make(chan bool)
			ctx, cancel := context.WithCancel(t.Context())
			var monitors []*monitor.Monitor
			for i := range c.apps {
				of := sites(monitor.Up, monitor.Up)
				for _, s := range of {
					s.Interval, s.Timeout = 5*time.Second, 3*time.Second
					if s.App = fmt.Sprint("app-", i); c.apps == 1 {
						s.App = ""
					}
				}
				of[0].Probe = func(context.Context) (probe.Result, error) {
					return probe.Result{}, errors.New("no token")
				}
				if i < c.stuck {
					of[1].Probe = func(context.Context) (probe.Result, error) {
						<-release
						return probe.Result{}, nil
					}
				}
				m := monitor.New(of, monitor.Options{AnswerTimeout: time.Second})
				m.Start(ctx)
				monitors = append(monitors, m)
			}
			time.Sleep(10 * time.Second)
			handler := server.New(monitors, server.NewMetrics("test", c.apps > 1), testPage(), nil,
				slog.New(slog.DiscardHandler)).Handler
			live, health := request(handler, "GET /livez"), request(handler, "GET /healthz")
			ready := request(handler, "GET /readyz")
			if live.Code != c.code || health.Code != 503 || ready.Code != 503 {
				t.Errorf("%+v: /livez %d %s, /healthz %d, /readyz %d", c, live.Code, live.Body, health.Code,
					ready.Code)
			}
			if c.code == 503 && !strings.Contains(live.Body.String(), "site-b: its probe loop is stuck, ") {
				t.Errorf("/livez: %s", live.Body)
			}
			close(release)
			cancel()
			for _, m := range monitors {
				m.Wait()
			}
		})
	}
}

// TestMetricsOfApps: with apps, what has a site has its app, too, and nothing else has one.
func TestMetricsOfApps(t *testing.T) {
	t.Parallel()
	handler := appServer(t, []string{"shop", "blog"}, []monitor.Verdict{monitor.Up, monitor.Down})
	request(handler, "GET /metric/blog/site-a")
	body := request(handler, "GET /metrics").Body.String()
	for _, want := range []string{`failover_metric_value{app="blog",site="site-a"} 1`,
		`failover_probes_set_aside_total{app="shop",site="site-b"} 0`, "failover_monitor_online 1"} {
		if !strings.Contains(body, "\n"+want+"\n") {
			t.Errorf("%s is missing", want)
		}
	}
	seen := 0
	for _, line := range regexp.MustCompile(`(?m)^failover_.*$`).FindAllString(body, -1) {
		app, site := strings.Contains(line, `app="`), strings.Contains(line, `site="`)
		if app != site {
			t.Error(line)
		}
		if app {
			seen++
		}
	}
	if seen < 40 {
		t.Errorf("only %d series of sites", seen)
	}
}
