package monitor

import (
	"sync"
	"time"
)

// PollTimeout is how long nobody may ask for a site's value before its failover counts as disarmed: four of
// the HPA's rounds of 15 s.
const PollTimeout = time.Minute

// Poll is when a site's value was last asked for. That should be by its KEDA: while nobody asks, whatever
// the monitor finds out helps that site nothing.
type Poll struct {
	At    time.Time // zero before the first
	By    string    // who asked, as the request says
	Armed bool      // false when nobody has asked for too long
}

// polls watches who asks for a site's value.
type polls struct {
	site    *Site
	observe func(Event)

	mu     sync.Mutex
	at     time.Time
	by     string
	silent bool // nobody has asked for too long, as far as check has found out
	timer  *time.Timer
}

func newPolls(site *Site, observe func(Event)) *polls { return &polls{site: site, observe: observe} }

// start begins to wait for the first poll.
func (p *polls) start() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.timer = time.AfterFunc(PollTimeout, p.check)
}

func (p *polls) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.timer.Stop()
}

// note notes a poll. It is quick, since a poll waits for it: check does the rest.
func (p *polls) note(by string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at, p.by = time.Now(), by
	if p.silent {
		p.timer.Reset(0)
	}
}

// check finds out when polls stop or go on again, and plans the next check.
func (p *polls) check() {
	p.mu.Lock()
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

func (p *polls) poll() Poll {
	return Poll{p.at, p.by, !p.silent || time.Since(p.at) < PollTimeout}
}
