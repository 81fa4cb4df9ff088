package main

import (
	"io"
	"log/slog"
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
		FollowRedirects: probe.Redirects(s.FollowRedirects),
		HeaderKey:       string(s.HeaderKey),
		HeaderVal:       s.HeaderVal.Reveal(),
		RootCAs:         s.RootCAs,
		SkipVerify:      !bool(s.VerifyTLS),
		UserAgent:       "failover-monitor/" + version,
	})
}

func newSites(cfg config.Config) []monitor.Site {
	var sites []monitor.Site
	for _, s := range cfg.Sites {
		sites = append(sites, monitor.Site{
			Name:       s.Name,
			Probe:      newProber(s).Probe,
			Interval:   time.Duration(s.CacheTTL),
			Timeout:    time.Duration(s.Timeout),
			Thresholds: monitor.Thresholds{Failure: 1, Success: 1}, // as the predecessor
		})
	}
	return sites
}
