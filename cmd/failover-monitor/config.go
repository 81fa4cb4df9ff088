package main

import (
	"context"
	"fmt"

	"failover-monitor/internal/server"
)

// printConfig prints the settings as an env file, and what follows from them as comments.
func printConfig(_ context.Context, p process, s setup) int {
	for _, setting := range s.Settings() {
		fmt.Fprintf(p.stdout, "%s=%s\n", setting.Name, setting.Value)
	}
	fmt.Fprintln(p.stdout, "\n# Worst-case detection time, from a site's death to the changed answer:")
	var cases grouped // most sites have the same
	for _, site := range s.Sites {
		watched := newSite(site)
		worst := watched.WorstCase(s.confirmTime())
		cases.add(site.App != "", site.ID(), fmt.Sprintf(
			"%vs when it hangs, %vs when it refuses connections\n#   %s", worst.Hangs.Seconds(),
			worst.Refuses.Seconds(), server.Formula(watched, s.confirmTime())))
	}
	for _, line := range cases.lines(": ", ": ") {
		fmt.Fprintf(p.stdout, "# %s\n", line)
	}
	for _, warning := range s.Warnings {
		fmt.Fprintf(p.stdout, "# warning: %s\n", warning)
	}
	return exitOK
}
