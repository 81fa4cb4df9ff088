package monitor

import (
	"context"
	"sync"
	"time"
)

const (
	// stallTick is how often a stall meter looks at the clock.
	stallTick = 50 * time.Millisecond
	// stallNoise is how late a tick may be on a machine that is merely busy.
	stallNoise = 20 * time.Millisecond
)

// stallMeter measures for how long this process did not get to run: it was stopped, its machine was
// suspended, or others had the CPU.
type stallMeter struct {
	mu   sync.Mutex
	last time.Time     // when it last looked at the clock; zero before the first time
	lost time.Duration // by how much ticks were late until then
}

// run measures until ctx ends.
func (m *stallMeter) run(ctx context.Context) {
	for ticks := time.Tick(stallTick); ; {
		m.mu.Lock()
		m.lost, m.last = m.total(), time.Now()
		m.mu.Unlock()
		select {
		case <-ticks:
		case <-ctx.Done():
			return
		}
	}
}

// read is all the time lost so far, also while the tick that will find it has not come yet.
func (m *stallMeter) read() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.total()
}

// total is for a caller who holds the lock.
func (m *stallMeter) total() time.Duration {
	late := time.Since(m.last) - stallTick
	if m.last.IsZero() || late <= stallNoise {
		return m.lost
	}
	return m.lost + late
}
