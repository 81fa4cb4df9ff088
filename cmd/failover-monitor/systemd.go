package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"failover-monitor/internal/config"
	"failover-monitor/internal/monitor"
	"failover-monitor/internal/server"
)

// listen takes the socket that systemd passes, if there is one: it stays open while the monitor is
// restarted, and connections wait in it. Otherwise it listens at the address.
func listen(address string, s config.Supervisor, log *slog.Logger) (net.Listener, error) {
	passed, err := passedSocket(s)
	switch {
	case err != nil:
		return nil, err
	case passed != nil:
		log.Info("using the socket that systemd passes, instead of LISTEN_ADDR",
			"socket", passed.Addr().String(), "listen_addr", address)
		return passed, nil
	}
	listener, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		err = fmt.Errorf("%w (is another monitor running?)", err)
	}
	if err != nil {
		return nil, fmt.Errorf("%w; PORT or LISTEN_ADDR sets another address", err)
	}
	return listener, nil
}

// firstPassed is the first file descriptor that systemd passes (sd_listen_fds(3)).
const firstPassed = 3

// passedSocket is the socket that systemd passes to this process, or nil.
func passedSocket(s config.Supervisor) (net.Listener, error) {
	if s.ListenPID != strconv.Itoa(os.Getpid()) || s.ListenFDs == "" || s.ListenFDs == "0" {
		return nil, nil
	}
	if s.ListenFDs != "1" {
		return nil, fmt.Errorf(
			"systemd passes %s sockets: want one, with one ListenStream= in one .socket unit", s.ListenFDs)
	}
	file := os.NewFile(firstPassed, "systemd's socket")
	defer file.Close() // the listener has a copy
	listener, err := net.FileListener(file)
	if err != nil {
		return nil, errors.New("systemd passes a socket that does not listen for streams: " +
			"want ListenStream= in the .socket unit")
	}
	return listener, nil
}

// notifyInterval is how often systemd hears of the monitor, unless its watchdog wants that more
// often.
const notifyInterval = time.Second

// notifySystemd reports to systemd that the monitor is ready, and then its state, until the
// returned function is called: it reports that the monitor stops. Without systemd it does nothing.
func notifySystemd(
	monitors []*monitor.Monitor, s config.Supervisor, log *slog.Logger,
) (stopping func()) {
	if s.NotifySocket == "" {
		return func() {}
	}
	succeeded := true
	send := func(state string) {
		err := notify(s.NotifySocket, state)
		if err != nil && succeeded { // log it once, not every second
			log.Warn("cannot notify systemd", "error", err)
		}
		succeeded = err == nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	var loop sync.WaitGroup
	send("READY=1")
	send(status(monitor.Overviews(monitors)))
	loop.Go(func() {
		for ticks := time.Tick(min(notifyInterval, watchdog(s)/2)); wait(ctx, ticks); {
			overviews := monitor.Overviews(monitors)
			state := status(overviews)
			if monitor.Live(overviews) { // without it, systemd's watchdog restarts the monitor
				state += "\nWATCHDOG=1"
			}
			send(state)
		}
	})
	return func() {
		cancel()
		loop.Wait()
		send("STOPPING=1\nSTATUS=stopping")
	}
}

// notify sends systemd a message (sd_notify(3)).
func notify(socket, state string) error {
	conn, err := net.Dial("unixgram", socket)
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = conn.Write([]byte(state))
	return err
}

// watchdog is the longest time between two pings, an hour without a watchdog
// (sd_watchdog_enabled(3)).
func watchdog(s config.Supervisor) time.Duration {
	usec, err := strconv.Atoi(s.WatchdogUSec)
	if err != nil || usec <= 0 || s.WatchdogPID != "" && s.WatchdogPID != strconv.Itoa(os.Getpid()) {
		return time.Hour
	}
	return time.Duration(usec) * time.Microsecond
}

// wait waits for something, and is false when ctx has ended first.
func wait[T any](ctx context.Context, something <-chan T) bool {
	select {
	case <-something:
		return true
	case <-ctx.Done():
		return false
	}
}

// statusLimit is somewhat less than the 4096 bytes of a message that systemd takes; it ignores
// longer ones.
const statusLimit = 4000

// status is the line that "systemctl status" shows.
func status(overviews []monitor.Overview) string {
	line := "STATUS=" + server.StatusLine(overviews)
	if len(line) > statusLimit {
		line = line[:statusLimit] + "…"
	}
	return line
}
