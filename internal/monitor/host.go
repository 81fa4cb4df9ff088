package monitor

import "time"

// Host is what all monitors of this process have in common: the network, as the witnesses see it,
// and whether the process gets to run.
type Host struct {
	witnesses *witnesses
	confirm   time.Duration // see [ConfirmTime]
	stalls    stallMeter
}

// NewHost makes one. The witnesses confirm failures: if there are any, a failure counts only when
// one of them answers.
func NewHost(witnesses []Witness) *Host {
	return &Host{witnesses: newWitnesses(witnesses), confirm: ConfirmTime(len(witnesses))}
}

// Wait returns when no witness is being asked any more. It comes after [Monitor.Wait] of every
// monitor.
func (h *Host) Wait() { h.witnesses.rounds.Wait() }
