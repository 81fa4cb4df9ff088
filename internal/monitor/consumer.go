package monitor

import (
	"log/slog"
	"sync"
	"time"
)

// pollTimeout is how long nobody may ask for a site's value before its failover counts as disarmed:
// four of the HPA's rounds of 15 s.
const pollTimeout = time.Minute

// consumer watches who asks for a site's value. That should be its KEDA: while nobody asks, whatever
// the monitor finds out helps that site nothing.
type consumer struct {
	log *slog.Logger

	mu     sync.Mutex
	last   time.Time // of the polls
	by     string    // who polled last, as the request says
	silent bool      // nobody has asked for too long
	timer  *time.Timer
}

// start begins to wait for the first poll.
func (c *consumer) start() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.timer = time.AfterFunc(pollTimeout, c.look)
}

func (c *consumer) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.timer.Stop()
}

// polled notes a poll. It only takes notes: look does the rest, in its own time.
func (c *consumer) polled(by string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last, c.by = time.Now(), by
	if c.silent {
		c.timer.Reset(0)
	}
}

// look tells the log when polls stop or go on again, and plans its next look.
func (c *consumer) look() {
	c.mu.Lock()
	before := c.silent
	left := time.Until(c.last.Add(pollTimeout))
	c.silent = left <= 0
	now, by := c.silent, c.by
	if !c.silent {
		c.timer.Reset(left)
	}
	c.mu.Unlock()
	switch {
	case now:
		c.log.Warn("nobody asks for this site's value: its failover is disarmed", "for", pollTimeout, "last_asked_by", by)
	case before:
		c.log.Info("this site's value is asked for again", "by", by)
	}
}
