package monitor

import (
	"sync"
	"time"
)

// PollTimeout is how long a site's value may go unpolled before its failover counts as disarmed:
// four rounds of the HPA, of 15 s each.
const PollTimeout = time.Minute

// Poll is the last request for a site's value. It should come from the site's KEDA: without polls,
// the monitor's verdicts do not help that site.
type Poll struct {
	At    time.Time // zero before the first poll
	By    string    // the user agent of the request
	Armed bool      // false when the last poll is too long ago
	// Interval is the time from one poll to the next, smoothed over some ten of them; zero before
	// the second.
	Interval time.Duration
}

// polls watches the requests for one site's value.
type polls struct {
	site    *Site
	observe func(Event)

	mu       sync.Mutex
	at       time.Time
	by       string
	interval time.Duration // see Poll
	silent   bool          // the last poll is too long ago, as of the last check
	timer    *time.Timer
	stopped  bool
}

func newPolls(site *Site, observe func(Event)) *polls {
	return &polls{site: site, observe: observe}
}

// start begins to wait for the first poll.
func (p *polls) start() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.timer = time.AfterFunc(PollTimeout, p.check)
}

func (p *polls) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopped = true
	p.timer.Stop()
}

// record records a poll. The poll waits for it, so it is quick, and check does the rest.
func (p *polls) record(by string, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch gap := now.Sub(p.at); {
	case p.at.IsZero():
	case p.interval == 0:
		p.interval = gap
	default:
		p.interval += (gap - p.interval) / 8
	}
	p.at, p.by = now, by
	if p.silent && !p.stopped {
		p.timer.Reset(0)
	}
}

// check reports when polls stop and when they resume, and plans the next check.
func (p *polls) check() {
	p.mu.Lock()
	if p.stopped {
		p.mu.Unlock()
		return
	}
	before := p.silent
	left := time.Until(p.at.Add(PollTimeout))
	if p.silent = left <= 0; !p.silent {
		p.timer.Reset(left)
	}
	now, changed := p.poll(), p.silent || before
	p.mu.Unlock()
	if changed {
		p.observe(PollEvent{p.site, now})
	}
}

func (p *polls) latest() Poll {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.poll()
}

// poll describes the last poll. The caller holds mu.
func (p *polls) poll() Poll {
	return Poll{p.at, p.by, !p.silent || time.Since(p.at) < PollTimeout, p.interval}
}
