package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"failover-monitor/internal/config"
	"failover-monitor/internal/monitor"
	"failover-monitor/internal/probe"
)

// TestNoPingWhileStalled stops the watchdog's pings for a probe that ignores its deadline.
func TestNoPingWhileStalled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	systemd, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer systemd.Close()

	free := make(chan struct{})
	m := monitor.New([]*monitor.Site{{
		Name: "site-a", Interval: time.Hour, Timeout: 100 * time.Millisecond,
		Thresholds: monitor.Thresholds{Failure: 1, Success: 1},
		Probe: func(context.Context) (probe.Result, error) {
			<-free
			return probe.Result{Up: true}, nil
		},
	}}, monitor.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	m.Start(ctx)
	stopping := notifySystemd([]*monitor.Monitor{m},
		config.Supervisor{NotifySocket: path, WatchdogUSec: "100000"}, slog.New(slog.DiscardHandler))
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
			t.Fatal("never stalled")
		}
	}
	pings(200 * time.Millisecond)
	if n := pings(500 * time.Millisecond); n > 0 {
		t.Errorf("%d pings while the loop is stalled", n)
	}
	close(free)
	stopping()
	cancel()
	m.Wait()
}

// TestOnePassedSocket refuses any number of sockets from systemd other than one.
func TestOnePassedSocket(t *testing.T) {
	t.Parallel()
	pid := fmt.Sprintf("LISTEN_PID=%d", os.Getpid())
	for _, fds := range []string{"2", "-1", "many", "99999999"} {
		var stderr bytes.Buffer
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // should it listen all the same
		code := run(ctx, nil, pair(t, pid, "LISTEN_FDS="+fds), io.Discard, &stderr)
		cancel()
		want := "failover-monitor: systemd passes " + fds +
			" sockets: want one, with one ListenStream= in one .socket unit\n"
		if code != 1 || !strings.HasSuffix(stderr.String(), want) {
			t.Errorf("%s: exit code %d, %q", fds, code, &stderr)
		}
	}
}
