package cluster

import (
	"fmt"
	"testing"
)

// Each monitor has sites of its own, so that their verdicts can differ.
func TestThreeMonitors(t *testing.T) {
	var fixtures [3]*fixture
	hosts := make(map[string]string)
	for i := range fixtures {
		fixtures[i] = newFixture(t, "site-a")
		hosts[fmt.Sprintf("failover-monitor-%d.example.com:8000", i+1)] = fixtures[i].Address
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
