package main

import (
	"io"
	"log/slog"
	"net/http"
	"time"

	"failover-monitor/internal/config"
	"failover-monitor/internal/monitor"
	"failover-monitor/internal/probe"
)

// This file alone translates the settings for the packages that act on them.

func newLogger(s config.Serving, to io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: slog.Level(s.LogLevel), ReplaceAttr: durationsWithUnit}
	if s.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(to, options))
	}
	return slog.New(slog.NewTextHandler(to, options))
}

// durationsWithUnit writes "3s" in JSON, where slog would write nanoseconds.
func durationsWithUnit(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.StringValue(a.Value.Duration().String())
	}
	return a
}

// newProbers makes a prober for each site.
func newProbers(cfg setup) []*probe.Prober {
	var sites []probe.Site
	for _, s := range cfg.Sites {
		sites = append(sites, probe.Site{Name: s.Name, ID: s.ID(), URL: s.HealthURL.Reveal()})
	}
	proxy := cfg.Proxies.For()
	var probers []*probe.Prober
	for _, s := range cfg.Sites {
		target := probe.Target{
			URL:             s.HealthURL.Reveal(),
			Method:          string(s.Method),
			Accept:          s.AcceptStatus.Match,
			ExpectBody:      s.ExpectBody.Regexp(),
			FollowRedirects: probe.Redirects(s.FollowRedirects),
			Site:            s.Name,
			Sites:           sites,
			UserAgent:       product(),
			HeaderKey:       string(s.HeaderKey),
			HeaderVal:       explained(cfg.machine, s.HeaderValue),
			Proxy:           proxy,
			SkipVerify:      !bool(s.VerifyTLS),
			ServerName:      string(s.TLSServerName),
			Made:            madeAt(),
		}
		if s.Bundle != nil {
			target.RootCAs = explained(cfg.machine, s.Bundle.Pool)
		}
		if s.ClientCert != "" {
			target.ClientCert = explained(cfg.machine, s.ClientCertificate)
		}
		probers = append(probers, probe.New(target))
	}
	return probers
}

// shownURLs are what is probed, by site and without secrets.
func shownURLs(cfg setup) map[string]string {
	urls := make(map[string]string)
	for _, s := range cfg.Sites {
		urls[s.ID()] = s.HealthURL.String()
	}
	return urls
}

// product is how the program names itself to sites and to whoever asks it.
func product() string { return "failover-monitor/" + version }

// madeAt is when the commit was made that this program was built from; zero if that is not known.
func madeAt() time.Time {
	made, _ := time.Parse(time.RFC3339, commitDate)
	return made
}

// newSite translates when a site is probed and how its verdict changes; Probe is set later.
func newSite(s config.Site) *monitor.Site {
	return &monitor.Site{
		App: s.App, Name: s.Name,
		Interval: time.Duration(s.CacheTTL),
		Retry:    time.Duration(s.RetryInterval),
		Timeout:  time.Duration(s.Timeout),
		Thresholds: monitor.Thresholds{
			Failure: int(s.FailureThreshold), Success: int(s.SuccessThreshold),
		},
		Override: monitor.ParseVerdict(string(s.Override)),
	}
}

// newMonitors makes a monitor for each app, or one without apps. They share a host.
func newMonitors(s setup, observe func(monitor.Event)) ([]*monitor.Monitor, *monitor.Host) {
	var apps [][]*monitor.Site
	for i, prober := range newProbers(s) {
		site := newSite(s.Sites[i])
		site.Probe = prober.Probe
		share := site.Interval / time.Duration(len(s.Sites)) // of the cycle
		site.Delay, site.Phase = time.Duration(i)*min(monitor.FirstProbeGap,
			share), time.Duration(i)*share
		if i == 0 || site.App != s.Sites[i-1].App {
			apps = append(apps, nil)
		}
		apps[len(apps)-1] = append(apps[len(apps)-1], site)
	}
	options := monitor.Options{
		AnswerTimeout:    time.Duration(s.AnswerTimeout),
		Host:             monitor.NewHost(newWitnesses(s.Config)),
		ErrorWhenAllDown: s.AllDownPolicy == "error",
		Observe:          observe,
	}
	var monitors []*monitor.Monitor
	for _, sites := range apps {
		monitors = append(monitors, monitor.New(sites, options))
	}
	return monitors, options.Host
}

// newWitnesses probes a tcp:// witness by connecting, and an http(s):// one with a HEAD and any
// certificate: any answer proves that there is a network.
func newWitnesses(cfg config.Config) []monitor.Witness {
	proxy := cfg.Proxies.For()
	var witnesses []monitor.Witness
	for _, u := range cfg.Witnesses {
		w := monitor.Witness{Name: u.String()}
		if target := u.Reveal(); target.Scheme == "tcp" {
			w.Probe = probe.Connect(target)
		} else {
			via, _ := proxy(target)
			w.Probe = probe.New(probe.Target{
				URL: target, Method: "HEAD", Accept: acceptsWitness(via != nil), FollowRedirects: probe.Never,
				Proxy: proxy, SkipVerify: true, UserAgent: product(),
			}).Probe
		}
		witnesses = append(witnesses, w)
	}
	return witnesses
}

// acceptsWitness accepts the statuses that show that a witness itself has answered. Without a proxy
// these are all. A proxy without a network behind it answers 407 or 5xx by itself, also to https if
// it inspects TLS.
func acceptsWitness(proxied bool) func(status int) bool {
	return func(status int) bool {
		return !proxied || status < 500 && status != http.StatusProxyAuthRequired
	}
}
