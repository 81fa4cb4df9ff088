package monitor_test

import (
	"context"
	"errors"
	"time"

	"failover-monitor/internal/monitor"
	"failover-monitor/internal/probe"
)

// state is how something in the world is.
type state string

const (
	up      state = "up"      // answers at once
	refuses state = "refuses" // fails at once
	hangs   state = "hangs"   // fails at its timeout
	broken  state = "broken"  // the monitor cannot probe it
)

// change is when something becomes what.
type change struct {
	at time.Duration
	to state
}

// script is how something is over time, from up at the start.
type script []change

// probe makes a probe of something that is as the script says at the time when the probe begins.
func (s script) probe(zero time.Time, timeout time.Duration) monitor.Probe {
	return func(ctx context.Context) (probe.Result, error) {
		began, is := time.Now(), up
		for _, c := range s {
			if time.Since(zero) >= c.at {
				is = c.to
			}
		}
		result := probe.Result{Up: is == up, Began: began}
		switch is {
		case broken:
			return probe.Result{}, errors.New("broken")
		case refuses:
			result.Reason, result.Detail = probe.ReasonRefused, "refused"
		case hangs:
			result.Reason, result.Detail = probe.ReasonTimeout, "hangs"
			select {
			case <-time.After(timeout):
			case <-ctx.Done():
				return probe.Result{}, ctx.Err()
			}
		}
		result.Duration = time.Since(began)
		return result, nil
	}
}

// world is a monitor of scripted sites, with the usual timing: TTL 5, timeout 3, retry 1.
type world struct {
	sites     []script
	witnesses []script
	thresholds
	own       map[int]thresholds    // of single sites
	intervals map[int]time.Duration // of single sites
	override  map[int]monitor.Verdict
	errorWhen bool          // all are down
	until     time.Duration // how long to look, 60 s unless set
}

type thresholds struct{ failure, success int }
