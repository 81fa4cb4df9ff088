//go:build e2e

package simulate

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"failover-monitor/internal/monitor"
)

// operated is what an operator may run, for some days: the default intervals, packet loss, a
// network that freezes for 3 s a day at each monitor, and a site that hangs for ten minutes every
// four hours.
func operated(
	seed uint64, limits monitor.Thresholds, witnesses, monitors int, loss float64, days int,
) plan {
	r := rand.New(rand.NewPCG(seed, 1))
	day := 24 * time.Hour
	p := plan{
		seed: seed, sites: 2, monitors: monitors, witnesses: witnesses, Thresholds: limits, loss: loss,
		interval: 5*time.Second + 11, retry: time.Second + 3, timeout: 3*time.Second + 7,
		roundTrip: 20 * time.Millisecond, length: time.Duration(days) * day,
		phases: []time.Duration{between(r, 0, syncPeriod), between(r, 0, syncPeriod)},
	}
	for at := time.Hour; at < p.length-time.Hour; at += 4 * time.Hour {
		from := at + between(r, 0, time.Hour)
		until := from + 10*time.Minute
		p.faults = append(p.faults, fault{kind: hangs, site: r.IntN(2), from: from, until: until})
	}
	for at := time.Duration(0); loss > 0 && at < p.length; at += day {
		for m := range monitors {
			from := at + between(r, 0, day-time.Minute)
			until := from + 3*time.Second
			p.faults = append(p.faults, fault{kind: cutOff, monitor: m, from: from, until: until})
		}
	}
	slices.SortFunc(p.faults, func(a, b fault) int { return int(a.from - b.from) })
	return p
}

// deaths are the faults of sites.
func (p *plan) deaths() (deaths []fault) {
	for _, f := range p.faults {
		if f.kind == fails || f.kind == hangs {
			deaths = append(deaths, f)
		}
	}
	return deaths
}

// failovers are how long it took to 4 replicas from each death of a site; as long as the site was
// dead, if they never came. Those that had them before do not count.
func (w *world) failovers() (took []time.Duration) {
	for _, d := range w.deaths() {
		history := w.clusters[1-d.site].history
		i := slices.IndexFunc(history, func(s scale) bool { return s.at >= d.from })
		switch {
		case i >= 0 && history[i].replicas == maxReplicas && history[i].at < d.until:
			took = append(took, history[i].at-d.from)
		case i < 0 || history[i].replicas == maxReplicas:
			took = append(took, d.until-d.from)
		}
	}
	return took
}

// falseAlarms are how often a cluster scaled up while its peer was well.
func (w *world) falseAlarms() (n int) {
	for _, c := range w.clusters {
		for _, s := range c.history {
			if s.replicas == maxReplicas && !slices.ContainsFunc(w.deaths(), func(d fault) bool {
				return d.site != c.site && d.from <= s.at && s.at < d.until+time.Minute
			}) {
				n++
			}
		}
	}
	return n
}

// tooLate are those that took longer than the worst case, a round of the HPA, and what the round
// may take.
func (w *world) tooLate(took []time.Duration) (n int) {
	for _, t := range took {
		if t > w.worstCase()+syncPeriod+200*time.Millisecond+2*kedaTimeout {
			n++
		}
	}
	return n
}

// TestTable prints what the settings cost and bring, over DAYS (30) days for each row.
func TestTable(t *testing.T) {
	days := 30
	if d := os.Getenv("DAYS"); d != "" {
		days = int(number(t, d))
	}
	var plans []plan
	for _, limits := range []monitor.Thresholds{
		{Failure: 1, Success: 1}, {Failure: 2, Success: 1}, {Failure: 3, Success: 2},
	} {
		for _, witnesses := range []int{0, 2} {
			for _, monitors := range []int{1, 3} {
				for _, loss := range []float64{0.0001, 0.001, 0.01} {
					seed := uint64(1 + len(plans))
					plans = append(plans, operated(seed, limits, witnesses, monitors, loss, days))
				}
			}
		}
	}
	rows := make([]chan string, len(plans))
	next := make(chan int, len(plans))
	for i := range plans {
		rows[i] = make(chan string, 1)
		next <- i
	}
	close(next)
	var printer sync.WaitGroup
	printer.Go(func() { printTable(rows) })
	t.Run("rows", func(t *testing.T) {
		for range 2 {
			t.Run("worker", func(t *testing.T) {
				t.Parallel()
				for i := range next {
					w := run(t, &plans[i])
					report(t, w)
					rows[i] <- w.row(days)
				}
			})
		}
	})
	printer.Wait()
}

// printTable prints each row as soon as it is there, and those above it.
func printTable(rows []chan string) {
	fmt.Print("| thresholds | witnesses | monitors | packets lost | failovers | too late ",
		"| false scale-ups a year | s to 4 replicas: median | worst |\n",
		"|---|---|---|---|---|---|---|---|---|\n")
	for _, row := range rows {
		fmt.Println(<-row)
	}
}

// row is a row of the table.
func (w *world) row(days int) string {
	took := slices.Sorted(slices.Values(w.failovers()))
	return fmt.Sprintf("| %d/%d | %d | %d | %.2g %% | %d | %d | %.0f | %.1f | %.1f |",
		w.Failure, w.Success, w.witnesses, w.monitors, 100*w.loss, len(took), w.tooLate(took),
		float64(w.falseAlarms())*365/float64(days),
		took[len(took)/2].Seconds(), took[len(took)-1].Seconds())
}
