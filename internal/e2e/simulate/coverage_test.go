//go:build e2e

package simulate

import (
	"maps"
	"slices"
	"testing"
)

// expected is all that must have occurred at least once in all runs, beside the reasons.
var expected = []string{
	"change: turned unknown to up", "change: turned unknown to down", "change: turned up to down",
	"change: turned down to up", "change: fault", "change: fault ended",
	"change: aged", "change: known again",
	"network: online false", "network: online true", "polls: armed true", "polls: armed false",
	"probes: overlap", "probes: cut off", "reason: timeout",
	"value: 0", "value: 1", "value: 2", "value: unknown", "value: all are down",
	"hpa: holds", "hpa: scales up", "hpa: scales down", "hpa: stabilizes", "hpa: within the tolerance",
	"keda: fallback.replicas",
	"override: begins", "override: ends by an order", "override: ends by the time",
}

// checkCoverage finds what has not occurred.
func checkCoverage(t *testing.T, seen map[string]int) {
	for _, what := range slices.Sorted(maps.Keys(seen)) {
		t.Logf("%9d  %s", seen[what], what)
	}
	all := slices.Clone(expected)
	for _, reason := range reasons {
		all = append(all, "reason: "+string(reason))
	}
	for _, what := range all {
		if seen[what] == 0 {
			t.Errorf("did not occur: %s", what)
		}
	}
}
