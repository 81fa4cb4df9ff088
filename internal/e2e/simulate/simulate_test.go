//go:build e2e

package simulate

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

func TestOne(t *testing.T) {
	base := rand.Uint64N(1e6)
	for i := range uint64(20) {
		p := draw(base + i)
		began := time.Now()
		w := run(t, &p)
		fmt.Println(p.seed, time.Since(began), p.monitors, p.interval, w.audit.violation)
	}
}
