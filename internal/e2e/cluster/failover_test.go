package cluster

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
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
			continue // TestWithCPU: it cannot scale down here
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
				a.measure(t, w, row{file: name, fault: faults[0].name}, faults[0], 1)
				return
			}
			for _, fault := range faults {
				r := a.measure(t, w, row{file: name, fault: fault.name}, fault, fault.count)
				if got := median(r.up); fault.name == "hangs" && got > medianLimit {
					t.Errorf("the median is %s, want at most %s", got, medianLimit)
				}
			}
		})
	}
}

// measure takes the time of some failovers, and of the ways back. They are spread over the rounds
// of the HPA and over the cycle of the monitor's probes.
func (a *app) measure(t *testing.T, w *fixture, r row, f fault, count int) row {
	t.Helper()
	r.few, r.many = a.few, a.many
	defer func() { timings = append(timings, r) }() // also if a failover never comes
	for i := range count {
		// A cycle begins with the monitor. 3 divides no count, so all pairs of phases are different.
		restart := a.round.Add(spread(monitorCycle, i*3%count, count))
		fail := a.round.Add(2*monitorCycle + spread(hpaSync, i, count))
		time.Sleep(time.Until(restart))
		w.restart(t)
		time.Sleep(time.Until(fail))
		failed := time.Now()
		must(t, f.cause(w.peer))
		a.step(a.few, a.many)
		up := time.Since(failed)
		if up > w.limit {
			t.Errorf("%s: %s until there were %d, want at most %s", f.name, up, a.many, w.limit)
		}
		time.Sleep(time.Until(a.round.Add(spread(hpaSync, i, count))))
		healed := time.Now()
		w.heal(t)
		a.step(a.many, a.few)
		r.up, r.down = append(r.up, up), append(r.down, time.Since(healed))
	}
	return r
}

// spread is the i-th of some moments of a period: at random, in the i-th of as many equal parts.
// So a few measurements are as good a sample as many that are at random alone.
func spread(period time.Duration, i, count int) time.Duration {
	part := period / time.Duration(count)
	return time.Duration(i)*part + rand.N(part)
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
		must(t, control.typed(command))
	}
	w := newFixture(t, "site-a")
	a := apply(t, "site-a.yaml", replacements{hosts: map[string]string{monitorHost: w.Address}})
	w.Kill()
	typed("kubectl scale deployment my-app --replicas=4")
	a.holds(4)
	w.Run(t)
	a.reaches(2)
	const (
		raise = `kubectl patch scaledobject my-app --type merge -p '{"spec":{"minReplicaCount":4}}'`
		lower = `kubectl patch scaledobject my-app --type merge -p '{"spec":{"minReplicaCount":2}}'`
	)
	typed(raise) // the monitor says that site B is up
	a.reaches(4)
	a.holds(4)
	typed(lower)
	a.reaches(2)
	w.Kill() // and when nobody says anything
	typed(raise)
	a.reaches(4)
	typed(lower)
	a.holds(4)
	w.Run(t)
	a.reaches(2)
	w.fail(t) // the failover still works
	a.reaches(4)
	w.heal(t)
	a.reaches(2)
}
