package main

import (
	"context"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"failover-monitor/internal/config"
	"failover-monitor/internal/monitor"
	"failover-monitor/internal/server"
)

// shutdownTimeout is for the answers that are being given when the monitor stops.
const shutdownTimeout = time.Second

// serve logs how it is set up and runs the monitor.
func serve(ctx context.Context, p process, cfg config.Config) int {
	signal.Ignore(syscall.SIGPIPE) // the reader of the log may die, and must not take the monitor along
	log := newLogger(cfg.Serving, p.stderr)
	settings := []any{"version", version}
	for _, s := range cfg.Settings() {
		if s.Value != "" {
			settings = append(settings, s.Name, s.Value)
		}
	}
	log.Info("starting", append(settings, "worst_case_detection", worstCase(cfg))...)
	for _, warning := range cfg.Warnings {
		log.Warn(warning)
	}
	listener, err := listen(string(cfg.ListenAddr), cfg.Supervisor, log)
	if err != nil {
		return p.fail(exitFailed, err)
	}
	defer ignoreHangup(log)()
	if err := runMonitor(ctx, cfg, listener, log); err != nil {
		return p.fail(exitFailed, err)
	}
	return exitOK
}

// ignoreHangup has SIGHUP, by which other services are told to read their settings anew, end nothing.
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

// worstCase is the longest that the death of any site can go unnoticed: it hangs, just after a probe.
func worstCase(cfg config.Config) time.Duration {
	var longest time.Duration
	confirm := monitor.ConfirmTime(len(cfg.Witnesses))
	for _, s := range cfg.Sites {
		site := newSite(s)
		longest = max(longest, site.WorstCase(site.Timeout+confirm))
	}
	return longest
}

// runMonitor probes and answers until ctx ends, and returns when everything it started has ended.
func runMonitor(ctx context.Context, cfg config.Config, listener net.Listener, log *slog.Logger) (err error) {
	loops, stopLoops := context.WithCancel(context.WithoutCancel(ctx)) // they outlast the polls that wait for them
	defer stopLoops()
	metrics := server.NewMetrics(version)
	m := newMonitor(cfg, log, metrics.Observe)
	m.Start(loops)
	srv := server.New(m, metrics, log)
	exchanges := newExchanges()
	srv.ConnState = exchanges.note
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(srv, listener, cfg.WebConfigFile, cfg.WebGuard.Check, log) }()
	if cfg.WebConfigFile != "" {
		defer serveHealth(cfg.Serving, m, log).Close()
	}
	log.Info("listening", "address", listener.Addr().String())
	stopping := notifySystemd(m, cfg.Supervisor, log)

	select {
	case err = <-failed:
	case <-ctx.Done():
		log.Info("stopping", "cause", context.Cause(ctx))
		listener.Close()
		<-failed // all that was accepted is among the exchanges by now
	}
	stopping()
	srv.SetKeepAlivesEnabled(false)
	exchanges.wait(shutdownTimeout)
	stopLoops() // who still waits is told that nothing is known
	exchanges.wait(shutdownTimeout / 10)
	srv.Close()
	m.Wait()
	return err
}
