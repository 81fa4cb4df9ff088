package server

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"failover-monitor/internal/monitor"
	"failover-monitor/internal/probe"
)

// appsWorld are the monitors of several apps. An app's site does what its function says.
type appsWorld struct {
	monitors []*monitor.Monitor
	page     *Page
}

// startApps starts them, until ctx ends. find says what a probe finds; nil sites are left out.
func startApps(ctx context.Context, apps, sites []string, host *monitor.Host,
	find func(app, site string) (monitor.Probe, monitor.Verdict),
) appsWorld {
	w := appsWorld{page: NewPage("v1.2.3", nil)}
	for _, app := range apps {
		var of []*monitor.Site
		for _, site := range sites {
			if probe, override := find(app, site); probe != nil {
				of = append(of, &monitor.Site{
					App: app, Name: site, Interval: time.Hour, Retry: time.Second, Timeout: 3 * time.Second,
					Thresholds: monitor.Thresholds{Failure: 1, Success: 1}, Probe: probe, Override: override,
				})
			}
		}
		m := monitor.New(of, monitor.Options{Host: host, Observe: w.page.Observe})
		m.Start(ctx)
		w.monitors = append(w.monitors, m)
	}
	return w
}

func (w appsWorld) wait() {
	for _, m := range w.monitors {
		m.Wait()
	}
}

func (w appsWorld) view() view {
	return newAppsView(monitor.Overviews(w.monitors), w.page, "example.com")
}

// finds is a probe that always finds the same.
func finds(r probe.Result, err error) monitor.Probe {
	return func(context.Context) (probe.Result, error) {
		r := r
		if err == nil {
			r.Began = time.Now()
		}
		return r, err
	}
}

var fine = probe.Result{Up: true, Status: 200}

// numbered are the names of so many apps.
func numbered(n int) (apps []string) {
	for i := range n {
		apps = append(apps, fmt.Sprintf("app-%03d", i+1))
	}
	return apps
}

// TestAppsHeadline has the headlines, and what is said about scaling, in short.
func TestAppsHeadline(t *testing.T) {
	t.Parallel()
	in := func(apps ...string) func(app, site string) bool {
		return func(app, site string) bool {
			return site == "site-b" && strings.Contains(strings.Join(apps, " "), app)
		}
	}
	for _, c := range []struct {
		apps                   int
		down, unknown          func(app, site string) bool
		headline, title, scale string
		state                  monitor.Verdict
	}{
		{apps: 40, headline: "All 40 apps are up", title: "All 40 apps up", state: monitor.Up},
		{apps: 40, down: in("app-007"), state: monitor.Down,
			headline: "site-b is down for app-007", title: "site-b down for app-007",
			scale: "site-a would be told to scale up for app-007, but KEDA has not asked yet"},
		{apps: 3, down: in("app-001", "app-003"), state: monitor.Down,
			headline: "site-b is down for app-001 and app-003",
			title:    "site-b down for app-001 and app-003",
			scale: "site-a would be told to scale up for app-001 and app-003, " +
				"but KEDA has not asked yet"},
		{apps: 40, down: in(numbered(37)...), unknown: in("app-040"), state: monitor.Down,
			headline: "site-b is down for 37 of 40 apps; site-b is unknown for app-040",
			title:    "site-b down for 37 of 40 apps; site-b unknown for app-040",
			scale:    "site-a would be told to scale up for 37 of 40 apps, but KEDA has not asked yet"},
		{apps: 2, down: func(app, site string) bool { return site == "site-b" || app == "app-002" },
			state:    monitor.Down,
			headline: "site-b is down for all 2 apps, site-a for app-002",
			title:    "site-b down for all 2 apps, site-a for app-002",
			scale: "site-a would be told to scale up for all 2 apps, site-b for app-002, " +
				"but KEDA has not asked yet"},
		{apps: 5, unknown: in(numbered(5)...), state: monitor.Unknown,
			headline: "site-b is unknown for all 5 apps", title: "site-b unknown for all 5 apps"},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			w := startApps(ctx, numbered(c.apps), []string{"site-a", "site-b"}, nil,
				func(app, site string) (monitor.Probe, monitor.Verdict) {
					switch {
					case c.down != nil && c.down(app, site):
						return finds(refused, nil), 0
					case c.unknown != nil && c.unknown(app, site):
						return finds(probe.Result{}, os.ErrNotExist), 0
					}
					return finds(fine, nil), 0
				})
			time.Sleep(time.Second)
			v := w.view()
			cancel()
			w.wait()
			if got := strings.ReplaceAll(v.Headline, "\u2011", "-"); got != c.headline ||
				v.Title != c.title || v.State != c.state {
				t.Errorf("got %v, %s, title %s, want %s", v.State, got, v.Title, c.headline)
			}
			if got := strings.Join(v.ScaleUp, "|"); got != c.scale {
				t.Errorf("got\n %s\nwant\n %s", got, c.scale)
			}
		})
	}
}

// TestAppsPage compares the middle of the page with testdata/apps.html: three apps that have
// different sites and troubles, and one that is well.
func TestAppsPage(t *testing.T) {
	t.Parallel()
	want, err := os.ReadFile("testdata/apps.html")
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		w := startApps(ctx, []string{"shop", "blog", "pay", "mail", "wiki"},
			[]string{"site-a", "site-b", "site-c"}, nil,
			func(app, site string) (monitor.Probe, monitor.Verdict) {
				switch app + "/" + site {
				case "blog/site-c":
					return nil, 0
				case "shop/site-b", "wiki/site-b":
					r := refused
					r.Detail += ": " + app + ".example.com"
					return finds(r, nil), 0
				case "pay/site-c":
					return finds(fine, nil), monitor.Down
				case "mail/site-a":
					return finds(probe.Result{}, os.ErrNotExist), 0
				}
				return finds(fine, nil), 0
			})
		time.Sleep(61 * time.Second)
		w.monitors[0].Polled("site-a", "keda", 1)
		v := w.view()
		var body bytes.Buffer
		if err := pageTemplate.Execute(&body, v); err != nil {
			t.Error(err)
		}
		cancel()
		w.wait()
		_, got, _ := strings.Cut(body.String(), "<h1>")
		got, _, _ = strings.Cut(got, `<div class="past"`)
		if got = "<h1>" + got; got != string(want) {
			t.Errorf("got\n%s", got)
		}
	})
}

// TestCellStrip makes one piece of probes in a row that ended alike.
func TestCellStrip(t *testing.T) {
	t.Parallel()
	up, down, discarded := monitor.Past{Up: true}, monitor.Past{}, monitor.Past{Discarded: true}
	ups, downs, others := cellStrip([]monitor.Past{up, up, down, discarded, discarded, up})
	if ups != "M54 4h2M59 4h1" || downs != "M56 4h1v12h-1z" || others != "M57 6h2v6h-2z" {
		t.Errorf("got %s, %s, %s", ups, downs, others)
	}
}

// TestManyTroubles shows the first troubles and the first apps of each, and counts the others.
func TestManyTroubles(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		next := 0
		w := startApps(ctx, numbered(70), []string{"site-a", "site-b"}, nil,
			func(_, site string) (monitor.Probe, monitor.Verdict) {
				if site == "site-a" {
					return finds(fine, nil), 0
				}
				next++ // 30 different troubles first, and then 40 that are the same
				return finds(probe.Result{Reason: probe.ReasonStatus, Status: 500 + min(next, 31)}, nil), 0
			})
		time.Sleep(time.Second)
		apps := w.view().Apps
		cancel()
		w.wait()
		first := apps.Troubles[0]
		if len(apps.Troubles) != mostTroubles || apps.NotShown != 11 || first.Count() != 40 ||
			len(first.Apps) != mostApps || first.More != 20 {
			t.Errorf("%d troubles, of %d apps and others, %d untold", len(apps.Troubles), first.Count(),
				apps.NotShown)
		}
	})
}

// BenchmarkAppsPage makes the page of a thousand apps while all is well, and while a site is down
// for all of them.
func BenchmarkAppsPage(b *testing.B) {
	for _, c := range []struct {
		name string
		b    probe.Result
	}{{"up", fine}, {"down", refused}} {
		b.Run(c.name, func(b *testing.B) {
			ctx, cancel := context.WithCancel(b.Context())
			w := startApps(ctx, numbered(1000), []string{"site-a", "site-b"}, nil,
				func(_, site string) (monitor.Probe, monitor.Verdict) {
					if site == "site-b" {
						return finds(c.b, nil), 0
					}
					return finds(fine, nil), 0
				})
			time.Sleep(2 * time.Second)
			var body bytes.Buffer
			for b.Loop() {
				body.Reset()
				pageTemplate.Execute(&body, w.view())
			}
			b.ReportMetric(float64(body.Len()), "bytes")
			cancel()
			w.wait()
		})
	}
}
