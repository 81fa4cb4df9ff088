package main

import (
	"context"
	"fmt"

	"failover-monitor/internal/config"
)

// printConfig prints the settings as an env file, and what follows from them as comments.
func printConfig(_ context.Context, p process, cfg config.Config) int {
	for _, s := range cfg.Settings() {
		fmt.Fprintf(p.stdout, "%s=%s\n", s.Name, s.Value)
	}
	fmt.Fprintln(p.stdout, "\n# Worst-case detection time, from a site's death to the changed answer (CACHE_TTL_SEC + FAILURE_THRESHOLD × one failing probe\n# + (FAILURE_THRESHOLD - 1) × RETRY_INTERVAL_SEC):")
	for _, s := range cfg.Sites {
		site := newSite(s)
		fmt.Fprintf(p.stdout, "# %s: %v when it hangs, %v when it refuses connections\n", site.Name, site.WorstCase(site.Timeout), site.WorstCase(0))
	}
	for _, warning := range cfg.Warnings {
		fmt.Fprintf(p.stdout, "# warning: %s\n", warning)
	}
	return exitOK
}
