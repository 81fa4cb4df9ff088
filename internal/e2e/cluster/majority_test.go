package cluster

import (
	"fmt"
	"testing"
)

// Each monitor has a world of its own, so that they can be of different opinions.
func TestThreeMonitors(t *testing.T) {
	var worlds [3]*world
	hosts := make(map[string]string)
	for i := range worlds {
		worlds[i] = newWorld(t, "site-a")
		hosts[fmt.Sprintf("failover-monitor-%d.example.com:8000", i+1)] = worlds[i].Address
	}
	a := apply(t, "three-monitors.yaml", replacements{hosts: hosts})

	worlds[0].fail(t)
	a.holds(2) // one of three says that the peer is down
	worlds[1].fail(t)
	a.reaches(4)
	worlds[2].Kill()
	a.holds(4) // 2 of 2
	worlds[1].heal(t)
	a.reaches(2) // 1 of 2
	worlds[1].Kill()
	a.reaches(4) // no majority: fallback.replicas
	worlds[0].Kill()
	a.holds(4) // none is left
	for _, w := range worlds {
		w.heal(t)
		w.Run(t)
	}
	a.reaches(2)
}
