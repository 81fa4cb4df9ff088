//go:build e2e

// Package simulate runs years of operation in minutes: the real monitor, in a world that is
// simulated.
//
// A run is a day. One seed draws all of it: one monitor or three, two sites or three, with
// witnesses or without, the settings, and some 80 faults. The monitors are those of package
// monitor, on the clock of testing/synctest, where time goes on when everybody waits. What they
// call is simulated:
//
//   - The network is a function that says what becomes of a probe that begins at some time. A
//     packet that is lost is sent again as TCP on Linux does: a SYN after 1, 2 and 4 s, data
//     after 0.2, 0.4, 0.8 s and so on.
//   - Each site has a cluster. Its KEDA asks the monitors every 15 s, twice if it must, and its
//     HPA holds, scales up and scales down by the rules that were measured with the real ones.
//   - A monitor is stopped and started again, or stalls: its probes, its events and its answers
//     wait until it goes on. Its timers go on, since all share one clock. So a clock that is slow
//     cannot be simulated, and the monitor's own meter of stalls sees none: a probe that fails in
//     a stall gets the meter's error from the network.
//
// Beside each monitor a record is kept of what really became of its probes. All that the monitor
// says is compared with it: see [process.checkAnswer], [process.changed], [process.begin] and
// [world.scaled]. The last ten minutes of a run have no fault: a cycle later each verdict must be
// right, and before the end the replicas.
//
// All delays are drawn to the nanosecond, so no two events fall on one instant, and a seed gives
// the same run each time. A run that fails is repeated without one fault after the other, until
// none can be left out.
//
// Not simulated: probing on demand, and KEDA's own loop, which asks beside the HPA.
package simulate

import (
	_ "embed"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// badSeeds have failed once, one to a line.
//
//go:embed testdata/seeds
var badSeeds string

// TestSimulate runs the bad seeds, and DAYS (1000) new ones; with SEED, that one alone.
func TestSimulate(t *testing.T) {
	if one := os.Getenv("SEED"); one != "" {
		p := draw(number(t, one))
		w := run(t, &p)
		fmt.Printf("%v\n%v", &p, &w.audit)
		report(t, w)
		return
	}
	seeds := recorded(t)
	days, first := 1000, rand.Uint64N(1e12)
	if d := os.Getenv("DAYS"); d != "" {
		days = int(number(t, d))
	}
	for i := range days {
		seeds = append(seeds, first+uint64(i))
	}
	began := time.Now()
	runs, seen := runAll(t, seeds)
	took := time.Since(began).Round(100 * time.Millisecond)
	fmt.Printf("simulated %d days in %v: %d recorded seeds, and those from %d on\n",
		runs, took, len(seeds)-days, first)
	if !t.Failed() {
		checkCoverage(t, seen)
	}
}

// runAll runs all seeds, two at a time, until one fails. It gives how many ran, and what was seen.
func runAll(t *testing.T, seeds []uint64) (runs int, seen map[string]int) {
	var mu sync.Mutex
	seen = make(map[string]int)
	next := make(chan uint64, len(seeds))
	for _, seed := range seeds {
		next <- seed
	}
	close(next)
	t.Run("days", func(t *testing.T) {
		for worker := range 2 {
			t.Run(strconv.Itoa(worker), func(t *testing.T) {
				t.Parallel()
				for seed := range next {
					p := draw(seed)
					limit := time.AfterFunc(10*time.Minute, func() { panic("it does not end: " + p.String()) })
					w := run(t, &p)
					limit.Stop()
					mu.Lock()
					runs++
					for what, times := range w.audit.seen {
						seen[what] += times
					}
					failed := t.Failed()
					mu.Unlock()
					if report(t, w); failed || t.Failed() {
						for range next { // so the other worker ends, too
							continue
						}
					}
				}
			})
		}
	})
	return runs, seen
}

// report says how a run has failed, and which of its faults are to blame.
func report(t *testing.T, w *world) {
	v := w.audit.violation
	if v == nil {
		return
	}
	small := shrink(t, w)
	log := strings.Split(strings.TrimSpace(small.audit.String()), "\n")
	t.Errorf("%v\nat %.6f, %s: %s", w.plan, v.at.Seconds(), v.rule, v.what)
	t.Logf("The same with as few faults as possible:\n%v%s\n\nSEED=%d make simulate repeats it.",
		small.plan, strings.Join(log[max(0, len(log)-30):], "\n"), w.seed)
}

// shrink repeats a run that has failed without some faults: first without many, in the end
// without one.
func shrink(t *testing.T, failed *world) *world {
	for size := len(failed.faults); size > 0; size /= 2 {
		for at := 0; at < len(failed.faults); {
			p := *failed.plan
			end := min(at+size, len(p.faults))
			p.faults = slices.Concat(p.faults[:at], p.faults[end:])
			w := run(t, &p)
			if v := w.audit.violation; v != nil && v.rule == failed.audit.violation.rule {
				failed = w
			} else {
				at = end
			}
		}
	}
	return failed
}

// recorded are the bad seeds.
func recorded(t *testing.T) (seeds []uint64) {
	for line := range strings.Lines(badSeeds) {
		seed, _, _ := strings.Cut(line, "#")
		if seed = strings.TrimSpace(seed); seed != "" {
			seeds = append(seeds, number(t, seed))
		}
	}
	return seeds
}

func number(t *testing.T, s string) uint64 {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
