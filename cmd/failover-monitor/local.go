package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"

	"failover-monitor/internal/config"
	"failover-monitor/internal/monitor"
	"failover-monitor/internal/server"
)

// The commands healthcheck and override reach the running monitor over a socket without a file
// (unix(7), abstract), which only its own machine or container reaches. Its name ends in the
// address where the monitor listens for KEDA.
const localPrefix = "@failover-monitor/"

// serveLocal answers these commands. That it cannot is no reason not to answer KEDA.
func serveLocal(address string, monitors []*monitor.Monitor, state *stateKeeper,
	log *slog.Logger) *server.Local {
	srv := server.NewLocal(monitors, state.saveOverrides, log)
	listener, err := net.Listen("unix", localPrefix+address)
	if err != nil {
		log.Warn("the commands healthcheck and override will not work", "error", err)
		return srv
	}
	go srv.Serve(listener)
	return srv
}

// askLocal asks the running monitor, and gives the status code and the text of its answer.
func askLocal(ctx context.Context, timeout time.Duration, s config.Serving, method, path string,
	form url.Values) (code int, text string, err error) {
	address, err := runningAt(string(s.ListenAddr))
	if err != nil {
		return 0, "", err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, "http://monitor"+path,
		strings.NewReader(form.Encode()))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	transport := &http.Transport{ // no proxy, no redirects
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", localPrefix+address)
		},
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return 0, "", fmt.Errorf("ask the monitor at %s: %w", address, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return 0, "", fmt.Errorf("ask the monitor at %s: %w", address, err)
	}
	return resp.StatusCode, printable(string(body)), nil
}

// printable leaves out what a terminal would act on: any user of the machine may have taken the
// name of the socket first.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, text)
}

// runningAt is the address of the monitor on this machine that runs with such a LISTEN_ADDR, or
// else with the same port: systemd's socket may have another host, and who types a command may have
// given the port alone.
func runningAt(listenAddr string) (string, error) {
	sockets, err := os.ReadFile("/proc/net/unix")
	if err != nil {
		return "", err
	}
	var running, samePort []string
	_, port, _ := net.SplitHostPort(listenAddr)
	for _, field := range strings.Fields(string(sockets)) {
		address, ok := strings.CutPrefix(field, localPrefix)
		if !ok || slices.Contains(running, address) {
			continue
		}
		running = append(running, address)
		if _, p, _ := net.SplitHostPort(address); p == port {
			samePort = append(samePort, address)
		}
	}
	switch {
	case slices.Contains(running, listenAddr):
		return listenAddr, nil
	case len(samePort) == 1:
		return samePort[0], nil
	case running == nil:
		return "", errors.New("no monitor runs here")
	}
	slices.Sort(running)
	return "", fmt.Errorf(
		"no monitor runs here with LISTEN_ADDR=%s: set PORT or LISTEN_ADDR to that of one that does: %s",
		listenAddr, strings.Join(running, ", "))
}
