package main

import (
	"errors"
	"fmt"
	"time"

	"failover-monitor/internal/config"
	"failover-monitor/internal/monitor"
	"failover-monitor/internal/names"
	"failover-monitor/internal/server"
)

// setup is the settings, checked by all who act on them.
type setup struct {
	config.Config
	guard   *server.WebGuard // of WEB_CONFIG_FILE; nil without it
	machine machine
}

// loadSetup reads all settings. Its error has a line for every mistake.
func loadSetup(environ []string, m machine) (setup, error) {
	cfg, err := config.Load(environ)
	guard, warning, webErr := server.NewWebGuard(cfg.WebConfigFile)
	if err := errors.Join(err, webErr); err != nil {
		return setup{}, errors.New(m.explainEach(err.Error()))
	}
	s := setup{cfg, guard, m}
	for _, warning := range []string{warning, m.warnOfLoopback(cfg)} {
		if warning != "" {
			s.Warnings = append(s.Warnings, warning)
		}
	}
	var slow []string
	longest := time.Duration(0)
	for _, site := range cfg.Sites {
		wait := time.Duration(site.Timeout) + s.confirmTime()
		if site.CacheTTL == 0 && wait >= config.KEDATimeout {
			slow, longest = append(slow, site.ID()), max(longest, wait)
		}
	}
	if slow != nil {
		s.Warnings = append(s.Warnings, fmt.Sprintf(
			"CACHE_TTL_SEC=0 lets every poll wait for a probe of %s, up to %v; KEDA gives up after %v",
			names.List(slow, names.Short), longest, config.KEDATimeout))
	}
	for i, warning := range s.Warnings {
		s.Warnings[i] += m.explainDenied(warning)
	}
	return s, nil
}

// confirmTime is what witnesses add to a failing probe at most.
func (s setup) confirmTime() time.Duration { return monitor.ConfirmTime(len(s.Witnesses)) }
