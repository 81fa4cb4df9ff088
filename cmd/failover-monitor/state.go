package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"failover-monitor/internal/monitor"
	"failover-monitor/internal/server"
	"failover-monitor/internal/statefile"
)

// stateKeeper keeps in a directory what must outlive a restart. Without a directory it keeps
// nothing.
type stateKeeper struct {
	dir     string
	log     *slog.Logger
	changed chan struct{} // there are failovers to save
}

func newStateKeeper(dir string, log *slog.Logger) *stateKeeper {
	return &stateKeeper{dir, log, make(chan struct{}, 1)}
}

// observe notes that failovers have changed. It writes nothing itself: events must not wait for a
// disk.
func (k *stateKeeper) observe(event monitor.Event) {
	if _, changed := event.(monitor.FailoverEvent); changed {
		select {
		case k.changed <- struct{}{}:
		default: // they are saved all the same
		}
	}
}

// savePause is from one save of the failovers to the next: when a site of a thousand apps dies,
// they change all the time, and to save them all takes a while.
const savePause = time.Second

// start saves the failovers of all monitors whenever they change. The function that it returns
// saves what has changed last, and stops that.
func (k *stateKeeper) start(monitors []*monitor.Monitor) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var saving sync.WaitGroup
	saving.Go(func() {
		for wait(ctx, k.changed) {
			k.saveFailovers(monitors)
			wait(ctx, time.After(savePause))
		}
	})
	return func() {
		cancel()
		saving.Wait()
		select {
		case <-k.changed:
			k.saveFailovers(monitors)
		default:
		}
	}
}

func (k *stateKeeper) saveFailovers(monitors []*monitor.Monitor) {
	if k.dir == "" {
		return
	}
	all := make(map[string][]monitor.Failover)
	for _, o := range monitor.Overviews(monitors) {
		for i, s := range o.Sites {
			if len(o.Failovers[i]) > 0 {
				all[s.ID()] = o.Failovers[i]
			}
		}
	}
	if err := statefile.SaveFailovers(k.dir, all); err != nil {
		k.log.Warn("failovers are forgotten after a restart", "error", err)
	}
}

// saveOverrides has the overrides of all sites outlive a restart.
func (k *stateKeeper) saveOverrides(overrides map[string]monitor.Override) error {
	if k.dir == "" {
		return server.ErrNotKept
	}
	return statefile.SaveOverrides(k.dir, overrides)
}

// restore takes what was known before a restart, before the monitor starts.
func (k *stateKeeper) restore(monitors []*monitor.Monitor) {
	if k.dir == "" {
		return
	}
	if err := statefile.Check(k.dir); err != nil {
		k.log.Warn("STATE_DIRECTORY cannot be written: a restart ends overrides", "error", err)
	}
	overrides, err := statefile.LoadOverrides(k.dir, time.Now())
	if err != nil {
		k.log.Warn("overrides from before the start are lost", "error", err)
	}
	failovers, err := statefile.LoadFailovers(k.dir)
	if err != nil {
		k.log.Warn("failovers from before the start are forgotten", "error", err)
	}
	for _, m := range monitors {
		m.Restore(overrides, failovers)
	}
	sites := make(map[string]*monitor.Site)
	for _, o := range monitor.Overviews(monitors) {
		for _, s := range o.Sites {
			sites[s.ID()] = s.Site
		}
	}
	for id, o := range overrides {
		site := sites[id]
		if site == nil {
			k.log.Warn("an override from before the start is ignored: no such site", "site", id)
			continue
		}
		server.WithSite(k.log, site).Info("override goes on", "verdict", o.Verdict, "until", o.Ends.UTC(),
			"by", o.By, "why", o.Reason)
	}
}
