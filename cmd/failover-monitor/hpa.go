package main

import (
	"context"
	"math"
	"time"
)

// hpa is a small model of a HorizontalPodAutoscaler, for the demo: how it makes replicas of the
// value that KEDA gets. It knows no pods: they start at once and are always ready.
type hpa struct {
	minReplicas, maxReplicas int
	target                   float64       // the value for one replica
	interval                 time.Duration // between two syncs; each asks for the value
	stabilization            time.Duration // how long a lower count must hold before it counts

	replicas int
	recent   []recommendation // of the last stabilization
}

// recommendation is how many replicas a value wanted.
type recommendation struct {
	at       time.Time
	replicas int
}

// newDemoHPA is that of deploy/keda/site-a.yaml, but quicker: a real one asks every 15 s, and
// scales down after 300 s.
func newDemoHPA() *hpa {
	return &hpa{
		minReplicas: 2, maxReplicas: 4, target: 0.25,
		interval: time.Second, stabilization: 10 * time.Second,
		replicas: 2,
	}
}

// run asks for the value and syncs, again and again until ctx ends. Each time it reports the value,
// or why there is none, and the replicas.
func (h *hpa) run(
	ctx context.Context, ask func(context.Context) (int, error),
	report func(value int, err error, replicas int),
) {
	for {
		value, err := ask(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil { // without a value the replicas stay as they are
			h.sync(value, time.Now())
		}
		report(value, err, h.replicas)
		select {
		case <-ctx.Done():
			return
		case <-time.After(h.interval):
		}
	}
}

// sync scales up at once. It scales down to the highest count that was wanted of late.
func (h *hpa) sync(value int, now time.Time) {
	wanted := int(math.Ceil(float64(value) / h.target))
	wanted = min(max(wanted, h.minReplicas), h.maxReplicas)
	highest := wanted
	kept := h.recent[:0]
	for _, r := range h.recent {
		if now.Sub(r.at) < h.stabilization {
			kept = append(kept, r)
			highest = max(highest, r.replicas)
		}
	}
	h.recent = append(kept, recommendation{now, wanted})
	if wanted > h.replicas {
		h.replicas = wanted
	} else {
		h.replicas = min(h.replicas, highest)
	}
}
