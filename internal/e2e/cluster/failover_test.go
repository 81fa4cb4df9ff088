package cluster

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"failover-monitor/internal/fakesite"
)

// TestFailover measures site-a.yaml in every fault, and each other file in one.
func TestFailover(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "deploy/keda/*.yaml"))
	must(t, err)
	if len(files) < len(rigs) {
		t.Errorf("%d files and %d rigs", len(files), len(rigs))
	}
	for _, path := range files {
		name := filepath.Base(path)
		if name == "with-cpu.yaml" {
			continue // no metrics server: nobody measures the CPU of pods that do not run
		}
		t.Run(name, func(t *testing.T) {
			rig := rigs[name]
			if rig == nil {
				t.Fatal("not covered")
			}
			site := "site-a"
			if name == "site-b.yaml" {
				site = "site-b"
			}
			w, with := rig(t, site)
			a := apply(t, name, with)
			if name != "site-a.yaml" {
				a.measure(t, name, w, faults[0])
				return
			}
			for _, fault := range faults {
				for range 3 {
					a.measure(t, name, w, fault)
				}
			}
		})
	}
}

// measure takes the time of a failover, at any phase of the HPA's rounds, and of the way back.
func (a *app) measure(t *testing.T, file string, w *fixture, f fault) {
	t.Helper()
	time.Sleep(rand.N(hpaSync))
	failed := time.Now()
	must(t, f.cause(w.peer))
	seen := a.reaches(a.many)
	up := time.Since(failed)
	if !slices.Equal(seen, []int{a.few, a.many}) {
		t.Errorf("the counts were %v, want one step", seen)
	}
	healed := time.Now()
	w.heal(t)
	a.reaches(a.few)
	timings.add(row{file: file, fault: f.name, few: a.few, many: a.many}, up, time.Since(healed))
}

// TestRestartedMonitorHoldsTheCount: neither a monitor that ends, nor one that starts and has no
// verdict yet, may end a failover.
func TestRestartedMonitorHoldsTheCount(t *testing.T) {
	witness := newSite(t)
	w := newFixture(t, "site-a", "WITNESS_URLS=http://"+witness.Address())
	a := apply(t, "site-a.yaml", replacements{hosts: map[string]string{monitorHost: w.Address}})
	w.fail(t)
	a.reaches(4)
	w.Kill()
	a.holds(4)
	must(t, witness.Become(fakesite.Hang)) // so that no failed probe counts
	w.Run(t)
	a.holds(4)
	must(t, witness.Become(healthy))
	a.holds(4)
	w.heal(t)
	a.reaches(2)
	w.Kill()
	a.holds(2)
}

// TestByHand does what the runbook says for the time when the monitor gives no value, or a wrong
// one.
func TestByHand(t *testing.T) {
	runbook, err := os.ReadFile(filepath.Join(root, "deploy/prometheus/RUNBOOK.md"))
	must(t, err)
	typed := func(command string) {
		t.Helper()
		if !strings.Contains(string(runbook), "\n    "+command+"\n") {
			t.Errorf("the runbook does not say %s", command)
		}
		must(t, control.try(strings.Fields(strings.ReplaceAll(command, "'", ""))[1:]...))
	}
	w := newFixture(t, "site-a")
	a := apply(t, "site-a.yaml", replacements{hosts: map[string]string{monitorHost: w.Address}})
	w.Kill()
	typed("kubectl scale deployment my-app --replicas=4")
	a.holds(4)
	w.Run(t)
	a.reaches(2)
	w.Kill()
	typed(`kubectl patch scaledobject my-app --type merge -p '{"spec":{"minReplicaCount":4}}'`)
	a.reaches(4)
	a.holds(4)
	w.Run(t)
	typed(`kubectl patch scaledobject my-app --type merge -p '{"spec":{"minReplicaCount":2}}'`)
	a.reaches(2)
}
