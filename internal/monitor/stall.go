package monitor

import (
	"sync"
	"time"
)

const (
	// stallTick is how often a stall meter looks at the clock.
	stallTick = 50 * time.Millisecond
	// stallNoise is how late a tick may be on a machine that is merely busy.
	stallNoise = 20 * time.Millisecond
)

// stallMeter measures for how long this process did not get to run while probes were under way: it was
// stopped, its machine was suspended, or others had the CPU.
type stallMeter struct {
	mu     sync.Mutex
	probes int           // under way
	last   time.Time     // when it last looked at the clock
	lost   time.Duration // by how much ticks were late until then
	ticks  *time.Timer
}

// begin notes a probe, and gives the time lost so far.
func (m *stallMeter) begin() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.probes++; m.probes == 1 {
		m.last = time.Now()
		m.ticks = time.AfterFunc(stallTick, m.tick)
	}
	return m.total()
}

// end is the end of a probe, and gives the time lost so far, also while the tick that would find it has not
// come yet.
func (m *stallMeter) end() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.look()
	if m.probes--; m.probes == 0 {
		m.ticks.Stop()
	}
	return m.lost
}

func (m *stallMeter) tick() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.probes > 0 {
		m.look()
		m.ticks.Reset(stallTick)
	}
}

func (m *stallMeter) look() { m.lost, m.last = m.total(), time.Now() }

func (m *stallMeter) total() time.Duration {
	if late := time.Since(m.last) - stallTick; late > stallNoise {
		return m.lost + late
	}
	return m.lost
}
