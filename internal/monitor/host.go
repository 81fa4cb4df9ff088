package monitor

import (
	"sync"
	"time"
)

// FirstProbeGap is the time between the first probes of two sites. Without it, the TLS handshakes
// of thousands of sites at start would make each other time out.
const FirstProbeGap = 2 * time.Millisecond

// Host is what all monitors of this process have in common: the network, as the witnesses see it,
// and whether the process gets to run.
type Host struct {
	witnesses *witnesses
	confirm   time.Duration // see [ConfirmTime]
	stalls    stallMeter

	mu        sync.Mutex
	nextFirst time.Time // when the next first probe that a poll asks for may start
}

// NewHost makes one. The witnesses confirm failures: if there are any, a failure counts only when
// one of them answers.
func NewHost(witnesses []Witness) *Host {
	return &Host{witnesses: newWitnesses(witnesses), confirm: ConfirmTime(len(witnesses))}
}

// firstProbe is when a first probe may start that a poll waits for: now, unless others are as
// early.
func (h *Host) firstProbe() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	at := time.Now()
	if at.Before(h.nextFirst) {
		at = h.nextFirst
	}
	h.nextFirst = at.Add(FirstProbeGap)
	return at
}

// Wait returns when no witness is being asked any more. It comes after [Monitor.Wait] of every
// monitor.
func (h *Host) Wait() { h.witnesses.rounds.Wait() }
