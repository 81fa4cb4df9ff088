package cluster

import (
	"fmt"
	"testing"
)

// newFixtures starts three monitors, each with sites of its own, so that their verdicts can differ.
func newFixtures(t *testing.T) (fixtures [3]*fixture) {
	t.Helper()
	for i := range fixtures {
		fixtures[i] = newFixture(t, "site-a")
	}
	return fixtures
}

func TestThreeMonitors(t *testing.T) {
	fixtures := newFixtures(t)
	hosts := make(map[string]string)
	for i, w := range fixtures {
		hosts[fmt.Sprintf("failover-monitor-%d.example.com:8000", i+1)] = w.Address
	}
	a := apply(t, "three-monitors.yaml", replacements{hosts: hosts})

	fixtures[0].fail(t)
	a.holds(2) // one of three says that the peer is down
	fixtures[1].fail(t)
	a.reaches(4)
	fixtures[2].Kill()
	a.holds(4) // 2 of 2
	fixtures[1].heal(t)
	a.reaches(2) // 1 of 2
	fixtures[1].Kill()
	a.reaches(4) // no majority: fallback.replicas
	fixtures[0].Kill()
	a.holds(4) // none is left
	for _, w := range fixtures {
		w.heal(t)
		w.Run(t)
	}
	a.reaches(2)
}

// TestThreeMonitorsOnOpenShift has Prometheus count. Without a majority the count is held.
func TestThreeMonitorsOnOpenShift(t *testing.T) {
	fixtures := newFixtures(t)
	a := apply(t, "openshift-three-monitors.yaml", replacements{hosts: map[string]string{
		thanos: querier(t, fixtures[0].Address, fixtures[1].Address, fixtures[2].Address)}})

	fixtures[0].fail(t)
	a.holds(2) // one of three says that the peer is down
	fixtures[1].fail(t)
	a.reaches(4)
	fixtures[2].Kill()
	a.holds(4) // 2 of 2
	fixtures[1].heal(t)
	a.holds(4) // 1 of 2
	fixtures[2].Run(t)
	a.reaches(2) // 1 of 3
	fixtures[1].Kill()
	a.holds(2) // 1 of 2
	fixtures[2].fail(t)
	a.reaches(4) // 2 of 2
	fixtures[0].Kill()
	fixtures[2].Kill()
	a.holds(4) // none is left
	for _, w := range fixtures {
		w.heal(t)
		w.Run(t)
	}
	a.reaches(2)
}
