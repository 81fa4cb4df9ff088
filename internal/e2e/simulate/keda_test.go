//go:build e2e

package simulate

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"time"
)

// What Kubernetes and KEDA do by default, and what the files in deploy/keda say.
const (
	syncPeriod    = 15 * time.Second
	tolerance     = 0.1
	stabilization = 300 * time.Second
	kedaTimeout   = 3 * time.Second
	minReplicas   = 2
	maxReplicas   = 4
	targetValue   = 0.25
	// With several monitors:
	majorityTimeout  = time.Second
	failureThreshold = 1
)

// errHold is why an HPA changes nothing.
var errHold = errors.New("no metric")

// cluster has a KEDA that asks the monitors, and an HPA that scales by what they say.
type cluster struct {
	world    *world
	site     int
	poll     func(ctx context.Context, monitor, site int, limit time.Duration) (int, error)
	phase    time.Duration
	failures []int // of each monitor, in a row
	replicas int
	wanted   []scale // what the metric asked for in the last minutes
	history  []scale // the replicas from then on
}

// scale is a number of replicas at a time.
type scale struct {
	at       time.Duration
	replicas int
}

func newCluster(w *world, site int, phase time.Duration) *cluster {
	return &cluster{
		world: w, site: site, poll: w.ask, phase: phase,
		failures: make([]int, w.monitors), replicas: minReplicas,
	}
}

// live is the HPA's loop: a round, which takes up to 0.2 s, and a pause.
func (c *cluster) live(ctx context.Context) {
	w := c.world
	dice := rand.New(rand.NewPCG(w.seed, uint64(c.site)))
	pause := func() time.Duration { return syncPeriod + time.Duration(dice.IntN(200e6)) }
	for next := c.phase; w.sleepUntil(ctx, next); next = w.now() + pause() {
		metric, target, err := c.metric(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			w.see("hpa: holds")
			continue
		}
		if now := c.round(w.now(), metric, target); now != c.replicas {
			w.scaled(c, now)
			c.replicas = now
			c.history = append(c.history, scale{w.now(), now})
		}
	}
}

// metric is what KEDA gives to the HPA.
func (c *cluster) metric(ctx context.Context) (value, target float64, err error) {
	if c.world.monitors > 1 {
		value, err := c.majority(ctx)
		return value, 1, err
	}
	n, err := c.ask(ctx, 0, kedaTimeout)
	return float64(n), targetValue, err
}

// ask asks twice before it gives up.
func (c *cluster) ask(ctx context.Context, m int, limit time.Duration) (value int, err error) {
	w := c.world
	for range 2 {
		if w.unreached(c.site) {
			w.sleepUntil(ctx, w.now()+limit)
			err = errGone
		} else if value, err = c.poll(ctx, m, c.site, limit); err == nil {
			return value, nil
		}
	}
	return 0, err
}

// majority is the formula of deploy/keda/three-monitors.yaml. A monitor that has not answered
// once has KEDA hold; one that has not twice is left out.
func (c *cluster) majority(ctx context.Context) (float64, error) {
	answers, down, hold := 0, 0, false
	for m := range c.world.monitors {
		value, err := c.ask(ctx, m, majorityTimeout)
		if err != nil {
			c.failures[m]++
			hold = hold || c.failures[m] <= failureThreshold
			continue
		}
		c.failures[m] = 0
		answers++
		down += value
	}
	switch {
	case hold:
		return 0, errHold
	case answers < 2:
		c.world.see("keda: fallback.replicas")
		return maxReplicas, nil
	case down >= 2:
		return maxReplicas, nil
	}
	return 0, nil
}

// round is how many replicas the HPA wants after one more value: an AverageValue, with the
// tolerance, and the highest of the stabilization window before it scales down.
func (c *cluster) round(now time.Duration, metric, target float64) int {
	desired := c.replicas
	if usage := metric / (target * float64(c.replicas)); math.Abs(1-usage) > tolerance {
		desired = int(math.Ceil(metric / target))
	} else {
		c.world.see("hpa: within the tolerance")
	}
	desired = min(max(desired, minReplicas), maxReplicas)
	highest := desired
	kept := c.wanted[:0]
	for _, s := range c.wanted {
		if s.at > now-stabilization {
			kept = append(kept, s)
			highest = max(highest, s.replicas)
		}
	}
	c.wanted = append(kept, scale{now, desired})
	switch {
	case desired > c.replicas:
		c.world.see("hpa: scales up")
		return desired
	case highest < c.replicas:
		c.world.see("hpa: scales down")
		return highest
	case desired < c.replicas:
		c.world.see("hpa: stabilizes")
	}
	return c.replicas
}
