package cluster

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestFailover measures site-a.yaml in every fault, and each other file in one.
func TestFailover(t *testing.T) {
	for name, rig := range rigs {
		t.Run(name, func(t *testing.T) {
			site := "site-a"
			if name == "site-b.yaml" {
				site = "site-b"
			}
			w, with := rig(t, site)
			a := apply(t, name, with)
			for _, fault := range faults {
				if name != "site-a.yaml" && fault.name != "hangs" {
					continue
				}
				for range rounds(name) {
					time.Sleep(rand.N(hpaSync)) // at any phase of the HPA's rounds
					began := time.Now()
					must(t, fault.cause(w.peer))
					_, seen := a.reaches(a.many)
					up := time.Since(began)
					if !slices.Equal(seen, []int{a.few, a.many}) {
						t.Errorf("the counts were %v, want one step", seen)
					}
					began = time.Now()
					w.heal(t)
					a.reaches(a.few)
					timings.add(name, fault.name, a, up, time.Since(began))
				}
			}
		})
	}
}

// rounds is how often a fault is measured.
func rounds(name string) int {
	if name == "site-a.yaml" {
		return 3
	}
	return 1
}

// A monitor that dies, and one that comes up and knows nothing yet, must not end a failover.
func TestRestartedMonitorHoldsTheCount(t *testing.T) {
	w, with := plain(t, "site-a")
	a := apply(t, "site-a.yaml", with)
	w.fail(t)
	a.reaches(4)
	w.kill()
	a.holds(4)
	w.start(t)
	a.holds(4)
	w.heal(t)
	a.reaches(2)
	w.kill()
	a.holds(2)
}
