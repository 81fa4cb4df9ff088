package main

import (
	"hash/fnv"
	"io"
	"log/slog"
	"net/http"
	"net/url"
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

// durationsWithUnit has JSON say "3s", where slog would write nanoseconds.
func durationsWithUnit(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.StringValue(a.Value.Duration().String())
	}
	return a
}

func newProber(s config.Site) *probe.Prober {
	return probe.New(probe.Target{
		URL:             s.HealthURL.Reveal(),
		Method:          string(s.Method),
		Timeout:         time.Duration(s.Timeout),
		Accept:          s.AcceptStatus.Match,
		ExpectBody:      s.ExpectBody.Regexp(),
		FollowRedirects: probe.Redirects(s.FollowRedirects),
		HeaderKey:       string(s.HeaderKey),
		HeaderVal:       s.HeaderVal.Reveal(),
		HeaderValFile:   s.HeaderValFile,
		RootCAs:         s.RootCAs,
		SkipVerify:      !bool(s.VerifyTLS),
		ServerName:      string(s.TLSServerName),
		ClientCert:      s.ClientCert,
		ClientKey:       s.ClientKey,
		UserAgent:       userAgent(),
	})
}

func userAgent() string { return "failover-monitor/" + version }

// firstProbeGap is from the first probe of one site to that of the next. It keeps those of thousands, each
// of them a TLS handshake, from making each other time out; with two sites nobody notices.
const firstProbeGap = 2 * time.Millisecond

// phase spreads the sites over the cycle. It goes by the name alone, so that a site keeps its place when
// others come and go.
func phase(name string, cycle time.Duration) time.Duration {
	if cycle == 0 {
		return 0
	}
	hash := fnv.New64a()
	io.WriteString(hash, name)
	return 1 + time.Duration(hash.Sum64()%uint64(cycle))
}

// newSite says when a site is probed and how its verdict turns, and not yet how to probe it.
func newSite(s config.Site) monitor.Site {
	return monitor.Site{
		Name:       s.Name,
		Interval:   time.Duration(s.CacheTTL),
		Phase:      phase(s.Name, time.Duration(s.CacheTTL)),
		Retry:      time.Duration(s.RetryInterval),
		Timeout:    time.Duration(s.Timeout),
		Thresholds: monitor.Thresholds{Failure: int(s.FailureThreshold), Success: int(s.SuccessThreshold)},
		Override:   map[config.Override]monitor.Verdict{"up": monitor.Up, "down": monitor.Down}[s.Override],
	}
}

func newSites(cfg config.Config) []monitor.Site {
	var sites []monitor.Site
	for i, s := range cfg.Sites {
		site := newSite(s)
		site.Probe = newProber(s).Probe
		site.Delay = time.Duration(i) * min(firstProbeGap, site.Interval/time.Duration(len(cfg.Sites)))
		sites = append(sites, site)
	}
	return sites
}

func newMonitor(cfg config.Config, log *slog.Logger, observe func(monitor.Event)) *monitor.Monitor {
	return monitor.New(newSites(cfg), monitor.Options{
		AnswerTimeout:    time.Duration(cfg.AnswerTimeout),
		Witnesses:        newWitnesses(cfg),
		ErrorWhenAllDown: cfg.AllDownPolicy == "error",
		Observe:          observe,
		Log:              log,
	})
}

// newWitnesses makes of tcp:// one that accepts connections, and of http(s):// one that answers a HEAD,
// with whatever certificate: that it answers proves that there is a network.
func newWitnesses(cfg config.Config) []monitor.Witness {
	var witnesses []monitor.Witness
	for _, u := range cfg.Witnesses {
		w := monitor.Witness{Name: u.String()}
		if target := u.Reveal(); target.Scheme == "tcp" {
			w.Probe = probe.Connect(target.Host, monitor.WitnessTimeout)
		} else {
			w.Probe = probe.New(probe.Target{
				URL: target, Method: "HEAD", Timeout: monitor.WitnessTimeout, Accept: itsOwn(target),
				FollowRedirects: probe.Never, SkipVerify: true, UserAgent: userAgent(),
			}).Probe
		}
		witnesses = append(witnesses, w)
	}
	return witnesses
}

// itsOwn says which statuses show that a witness itself has answered: all, unless there is a proxy between,
// which answers with some of them when there is no network behind it; one that inspects TLS, to https, too.
func itsOwn(witness *url.URL) func(status int) bool {
	proxy, _ := http.ProxyFromEnvironment(&http.Request{URL: witness})
	return func(status int) bool {
		return proxy == nil || status < 500 && status != http.StatusProxyAuthRequired
	}
}
