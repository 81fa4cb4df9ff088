package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/coreos/go-systemd/v22/daemon"

	"failover-monitor/internal/monitor"
)

// listen takes the socket that systemd passes, if there is one: it stays open while the monitor is
// restarted, and connections wait in it. Without one it listens at the address.
func listen(address string, log *slog.Logger) (net.Listener, error) {
	passed, err := activation.Listeners()
	switch {
	case err != nil:
		return nil, fmt.Errorf("take systemd's socket: %w", err)
	case len(passed) == 0:
		listener, err := net.Listen("tcp", address)
		if errors.Is(err, syscall.EADDRINUSE) {
			err = fmt.Errorf("%w (is another monitor running?)", err)
		}
		if err != nil {
			return nil, fmt.Errorf("%w; PORT or LISTEN_ADDR sets another address", err)
		}
		return listener, nil
	case len(passed) > 1:
		return nil, fmt.Errorf("systemd passes %d sockets: want one, with one ListenStream= in one .socket unit", len(passed))
	case passed[0] == nil:
		return nil, errors.New("systemd passes a socket that does not listen for streams: want ListenStream= in the .socket unit")
	}
	log.Info("using the socket that systemd passes, instead of LISTEN_ADDR", "socket", passed[0].Addr().String(), "listen_addr", address)
	return passed[0], nil
}

// beat is how often systemd hears of the monitor, unless its watchdog wants that more often.
const beat = time.Second

// tellSystemd says that the monitor is ready, and from then on how it is. The function that it returns
// says that the monitor stops. Without systemd there is nobody to tell.
func tellSystemd(m *monitor.Monitor, log *slog.Logger) (stopping func()) {
	if os.Getenv("NOTIFY_SOCKET") == "" {
		return func() {}
	}
	told := true
	tell := func(state string) {
		_, err := daemon.SdNotify(false, state)
		if err != nil && told { // once, and not every second
			log.Warn("cannot tell systemd", "error", err)
		}
		told = err == nil
	}
	every := beat
	if watchdog, err := daemon.SdWatchdogEnabled(false); err == nil && watchdog > 0 {
		every = min(beat, watchdog/2)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var beats sync.WaitGroup
	tell(daemon.SdNotifyReady)
	tell(verdicts(m))
	beats.Go(func() {
		for ticks := time.Tick(every); wait(ctx, ticks); {
			state := verdicts(m)
			if m.Alive() == nil { // the watchdog restarts us otherwise, if there is one
				state += "\n" + daemon.SdNotifyWatchdog
			}
			tell(state)
		}
	})
	return func() {
		cancel()
		beats.Wait()
		tell(daemon.SdNotifyStopping + "\nSTATUS=stopping")
	}
}

// wait is false when ctx has ended before the next tick.
func wait(ctx context.Context, ticks <-chan time.Time) bool {
	select {
	case <-ticks:
		return true
	case <-ctx.Done():
		return false
	}
}

// statusLimit is somewhat less than the 4096 bytes of a message that systemd takes; it ignores longer ones.
const statusLimit = 4000

// verdicts is the line that "systemctl status" shows.
func verdicts(m *monitor.Monitor) string {
	status := m.Status()
	var words []string
	if !status.Online {
		words = append(words, "offline since "+monitor.Clock(status.OfflineSince))
	}
	for _, s := range status.Sites {
		words = append(words, s.String())
	}
	line := "STATUS=" + strings.Join(words, ", ")
	if len(line) > statusLimit {
		line = line[:statusLimit] + "…"
	}
	return line
}
