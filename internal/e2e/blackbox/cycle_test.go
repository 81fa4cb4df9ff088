package blackbox

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// TestProbesAreSpread: sites with one interval are probed all over it, and each at the same place
// after a restart, whichever other sites there are.
func TestProbesAreSpread(t *testing.T) {
	t.Parallel()
	const cycle = time.Second
	all, even := make([]int, 50), []int(nil)
	for i := range all {
		all[i] = i
		if i%2 == 0 {
			even = append(even, i)
		}
	}
	before, after := places(t, cycle, all), places(t, cycle, even)
	var busy int
	for _, at := range before {
		busy = max(busy,
			len(slices.DeleteFunc(slices.Clone(before), func(other time.Duration) bool {
				return mod(other-at, cycle) > cycle/10
			})))
	}
	if busy > len(all)/2 {
		t.Errorf("%d of %d sites are probed within a tenth of the cycle: %v", busy, len(all), before)
	}
	var moved []time.Duration // seen from the first site
	for i := range even {
		by := mod(after[i]-after[0]-before[even[i]]+before[0]+cycle/2, cycle) - cycle/2
		moved = append(moved, by.Abs())
	}
	slices.Sort(moved)
	if median := moved[len(moved)/2]; median > cycle/10 { // by chance it would be a quarter
		t.Errorf("half of the sites have moved by more than %v", median)
	}
}

// places are where in the cycle some sites are probed, each by its third probe.
func places(t *testing.T, cycle time.Duration, numbers []int) []time.Duration {
	t.Helper()
	var mu sync.Mutex
	probes, third := make(map[string]int), make(map[string]time.Time)
	address := web(t, func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if probes[r.URL.Path]++; probes[r.URL.Path] == 3 {
			third[r.URL.Path] = time.Now()
		}
	})
	environ := []string{fmt.Sprintf("CACHE_TTL_SEC=%v", cycle.Seconds())}
	for _, n := range numbers {
		environ = append(environ, fmt.Sprintf("SITE_%d_HEALTH_URL=http://%s/%d", n, address, n))
	}
	start(t, environ...)
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		mu.Lock()
		if len(third) == len(numbers) {
			break
		}
		mu.Unlock()
		if time.Now().After(deadline) {
			t.Fatal("not every site is probed three times")
		}
	}
	defer mu.Unlock()
	var at []time.Duration
	for _, n := range numbers {
		at = append(at, time.Duration(third[fmt.Sprintf("/%d", n)].UnixNano())%cycle)
	}
	return at
}

// mod is what is left of a duration, from 0 on.
func mod(d, cycle time.Duration) time.Duration { return ((d % cycle) + cycle) % cycle }
