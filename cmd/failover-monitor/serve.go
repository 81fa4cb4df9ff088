package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"failover-monitor/internal/config"
	"failover-monitor/internal/monitor"
	"failover-monitor/internal/server"
)

// Together these are how long stopping may take, well within the 2 s that are promised.
const (
	shutdownTimeout = time.Second            // for answers that are being given
	probesTimeout   = 500 * time.Millisecond // for probes to be cut off
)

// serve logs how it is set up and runs the monitor.
func serve(ctx context.Context, p process, cfg config.Config) int {
	log := newLogger(cfg.Serving, p.stderr)
	settings := []any{"version", version}
	for _, s := range cfg.Settings() {
		if s.Value != "" {
			settings = append(settings, s.Name, s.Value)
		}
	}
	log.Info("starting", append(settings, "worst_case_detection", worstCase(newSites(cfg)))...)
	for _, warning := range cfg.Warnings {
		log.Warn(warning)
	}
	listener, err := net.Listen("tcp", string(cfg.ListenAddr))
	if err != nil {
		return p.fail(exitFailed, fmt.Errorf("%w; PORT or LISTEN_ADDR sets another address", err))
	}
	if err := runMonitor(ctx, cfg, listener, log); err != nil {
		return p.fail(exitFailed, err)
	}
	return exitOK
}

// worstCase is the longest that the death of any site can go unnoticed: it hangs, just after a probe.
func worstCase(sites []monitor.Site) time.Duration {
	var longest time.Duration
	for _, s := range sites {
		longest = max(longest, s.WorstCase(s.Timeout))
	}
	return longest
}

// runMonitor probes and answers until ctx ends, and returns when everything it started has ended.
func runMonitor(ctx context.Context, cfg config.Config, listener net.Listener, log *slog.Logger) (err error) {
	loops, stopLoops := context.WithCancel(ctx)
	defer stopLoops()
	m := monitor.New(newSites(cfg), time.Duration(cfg.AnswerTimeout), log)
	m.Start(loops)
	srv := server.New(m, log)
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(listener) }()
	log.Info("listening", "address", listener.Addr().String())

	select {
	case err = <-failed:
	case <-ctx.Done():
		log.Info("stopping", "cause", context.Cause(ctx))
	}
	stopLoops()
	shutdown(srv)
	waitFor(m, log)
	return err
}

// shutdown lets the answers under way be given, but not for long.
func shutdown(srv *http.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	if errors.Is(srv.Shutdown(ctx), context.DeadlineExceeded) {
		srv.Close()
	}
}

// waitFor waits for the loops to end. A probe that does not end is left behind: the process is about to.
func waitFor(m *monitor.Monitor, log *slog.Logger) {
	ended := make(chan struct{})
	go func() { m.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(probesTimeout):
		log.Warn("a probe does not end; stopping all the same")
	}
}
