package monitor

import (
	"sync"
	"time"
)

const (
	// stallTick is how often a stall meter reads the clock.
	stallTick = 50 * time.Millisecond
	// stallNoise is how late a tick may be on a busy machine that is not stalled.
	stallNoise = 20 * time.Millisecond
)

// stallMeter measures for how long this process was stopped while probes were under way: by a
// signal, because its machine was suspended, or because other processes had the CPU.
type stallMeter struct {
	mu     sync.Mutex
	probes int           // under way
	last   time.Time     // when it last read the clock
	lost   time.Duration // sum of the delays of all ticks until then
	ticks  *time.Timer
}

// begin is called at the start of a probe, and gives the time lost so far.
func (m *stallMeter) begin() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.probes++; m.probes == 1 {
		m.last = time.Now()
		m.ticks = time.AfterFunc(stallTick, m.tick)
	}
	return m.total()
}

// end is called at the end of a probe, and gives the time lost so far. That includes a delay that
// no tick has measured yet.
func (m *stallMeter) end() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.update()
	if m.probes--; m.probes == 0 {
		m.ticks.Stop()
	}
	return m.lost
}

func (m *stallMeter) tick() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.probes > 0 {
		m.update()
		m.ticks.Reset(stallTick)
	}
}

func (m *stallMeter) update() { m.lost, m.last = m.total(), time.Now() }

func (m *stallMeter) total() time.Duration {
	if late := time.Since(m.last) - stallTick; late > stallNoise {
		return m.lost + late
	}
	return m.lost
}
