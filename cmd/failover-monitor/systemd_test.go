package main

import (
	"context"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"failover-monitor/internal/config"
	"failover-monitor/internal/monitor"
	"failover-monitor/internal/probe"
)

// TestNoPingWhileStuck has a probe that heeds neither its deadline nor the end: the watchdog is to
// find out.
func TestNoPingWhileStuck(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	systemd, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer systemd.Close()

	free := make(chan struct{})
	stuck := func(context.Context) (probe.Result, error) { <-free; return probe.Result{Up: true}, nil }
	m := monitor.New(
		[]*monitor.Site{{Name: "site-a", Probe: stuck, Interval: time.Hour,
			Timeout: 100 * time.Millisecond, Thresholds: monitor.Thresholds{Failure: 1, Success: 1}}},
		monitor.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	m.Start(ctx)
	stopping := notifySystemd(m, config.Supervisor{NotifySocket: path, WatchdogUSec: "100000"},
		slog.New(slog.DiscardHandler))
	pings := func(within time.Duration) (n int) {
		systemd.SetReadDeadline(time.Now().Add(within))
		for message := make([]byte, 4096); ; {
			size, err := systemd.Read(message)
			if err != nil {
				return n
			}
			n += strings.Count(string(message[:size]), "WATCHDOG=1")
		}
	}
	if n := pings(500 * time.Millisecond); n == 0 {
		t.Error("no ping while the probe has time")
	}
	deadline := time.Now().Add(20 * time.Second)
	for ; m.Overview().Live(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never stuck")
		}
	}
	pings(200 * time.Millisecond)
	if n := pings(500 * time.Millisecond); n > 0 {
		t.Errorf("%d pings while the loop is stuck", n)
	}
	close(free)
	stopping()
	cancel()
	m.Wait()
}
