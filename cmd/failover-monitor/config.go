package main

import (
	"context"
	"fmt"

	"failover-monitor/internal/config"
	"failover-monitor/internal/monitor"
)

// printConfig prints the settings as an env file, and what follows from them as comments.
func printConfig(_ context.Context, p process, cfg config.Config) int {
	for _, s := range cfg.Settings() {
		fmt.Fprintf(p.stdout, "%s=%s\n", s.Name, s.Value)
	}
	fmt.Fprintln(p.stdout, "\n# Worst-case detection time, from a site's death to the changed answer:")
	confirm := monitor.ConfirmTime(len(cfg.Witnesses))
	for _, s := range cfg.Sites {
		worst := monitor.NewWorstCase(newSite(s), confirm)
		fmt.Fprintf(p.stdout, "# %s: %vs when it hangs, %vs when it refuses connections\n#   %s\n", s.Name, worst.HangsSeconds, worst.RefusesSeconds, worst.Formula)
	}
	for _, warning := range cfg.Warnings {
		fmt.Fprintf(p.stdout, "# warning: %s\n", warning)
	}
	return exitOK
}
