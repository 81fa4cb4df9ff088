package main

import (
	"context"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"failover-monitor/internal/monitor"
	"failover-monitor/internal/server"
)

// shutdownTimeout is how long requests may take to finish when the monitor stops.
const shutdownTimeout = time.Second

// The heap of many sites is in use for ever, nearly all of it. Go would let it double before it
// collects the rest; this lets it grow by less (percent), which costs about 1 % of a core.
const (
	manySites  = 500
	heapGrowth = 65
)

// keepHeapSmall does so, unless GOGC is set.
func keepHeapSmall() {
	const goDefault = 100
	if before := debug.SetGCPercent(heapGrowth); before != goDefault {
		debug.SetGCPercent(before)
	}
}

// serve logs how it is set up and runs the monitor.
func serve(ctx context.Context, p process, s setup) int {
	// If the reader of the log ends, the monitor must go on.
	signal.Ignore(syscall.SIGPIPE)
	log := newLogger(s.Serving, p.stderr)
	attrs := []any{"version", version}
	settings := s.Settings()
	if s.Apps != nil {
		settings = append(s.ForAll(), s.Given...) // and not those of a thousand apps
	}
	for _, setting := range settings {
		if setting.Value != "" {
			attrs = append(attrs, setting.Name, setting.Value)
		}
	}
	log.Info("starting", append(attrs, "worst_case_detection", worstCase(s))...)
	for _, warning := range s.Warnings {
		log.Warn(warning)
	}
	if len(s.Sites) >= manySites {
		keepHeapSmall()
	}
	listener, err := listen(string(s.ListenAddr), s.Supervisor, log)
	if err != nil {
		return p.fail(exitFailed, err)
	}
	defer ignoreHangup(log)()
	if err := runMonitor(ctx, s, listener, log); err != nil {
		return p.fail(exitFailed, err)
	}
	return exitOK
}

// ignoreHangup keeps SIGHUP from ending the monitor: other services reload their settings on it.
func ignoreHangup(log *slog.Logger) (stop func()) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	go func() {
		for range hangups {
			log.Warn("SIGHUP is ignored: changed settings need a restart")
		}
	}()
	return func() {
		signal.Stop(hangups)
		close(hangups)
	}
}

// worstCase is the longest time until a dead site is noticed: it begins to hang just after a probe.
func worstCase(s setup) time.Duration {
	var longest time.Duration
	for _, site := range s.Sites {
		longest = max(longest, newSite(site).WorstCase(s.confirmTime()).Hangs)
	}
	return longest
}

// runMonitor probes and answers until ctx ends, and returns when everything it started has ended.
func runMonitor(ctx context.Context, s setup, listener net.Listener, log *slog.Logger) (err error) {
	// The loops end after the polls that wait for their results.
	loops, stopLoops := context.WithCancel(context.WithoutCancel(ctx))
	defer stopLoops()
	metrics, page := server.NewMetrics(version, s.Apps != nil), server.NewPage(version, shownURLs(s))
	logEvent := server.LogEvents(log)
	state := newStateKeeper(s.StateDirectory, log)
	monitors, host := newMonitors(s, func(e monitor.Event) {
		metrics.Observe(e)
		page.Observe(e)
		logEvent(e)
		state.observe(e)
	})
	state.restore(monitors)
	stopSaving := state.start(monitors)
	defer stopSaving() // after all that has events
	for _, m := range monitors {
		m.Start(loops)
	}
	srv := server.New(monitors, metrics, page, s.guard, log)
	srv.Announce(product())
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(listener) }()
	local := serveLocal(listener.Addr().String(), monitors, state, log)
	defer local.Close()
	log.Info("listening", "address", listener.Addr().String())
	stopping := notifySystemd(monitors, s.Supervisor, log)

	select {
	case err = <-failed:
	case <-ctx.Done():
		log.Info("stopping", "cause", context.Cause(ctx))
		listener.Close()
		<-failed // by now the server knows every accepted connection
	}
	stopping()
	srv.Drain(shutdownTimeout)
	stopLoops() // pending requests get a 503
	srv.Drain(shutdownTimeout / 10)
	srv.Close()
	for _, m := range monitors {
		m.Wait()
	}
	host.Wait()
	return err
}
