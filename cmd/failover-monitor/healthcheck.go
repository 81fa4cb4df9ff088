package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"failover-monitor/internal/config"
	"failover-monitor/internal/monitor"
	"failover-monitor/internal/server"
)

// healthcheckTimeout is less than the 3 s that KEDA waits: a monitor that takes longer is no use to it.
const healthcheckTimeout = 2 * time.Second

// healthcheck asks the /healthz of the monitor that runs with the same settings. An image from scratch
// has no curl to do that, and curl would need a certificate or a password where a web configuration
// asks for one.
func healthcheck(ctx context.Context, p process) int {
	serving, err := config.LoadServing(p.environ)
	if err != nil {
		return p.fail(exitUsage, err)
	}
	ctx, cancel := context.WithTimeout(ctx, healthcheckTimeout)
	defer cancel()
	network, address := "tcp", localAddress(string(serving.ListenAddr))
	if serving.WebConfigFile != "" {
		network, address = "unix", healthSocket(serving)
	}
	if err := askHealth(ctx, network, address); err != nil {
		return p.fail(exitFailed, err)
	}
	fmt.Fprintln(p.stdout, "ok")
	return exitOK
}

func askHealth(ctx context.Context, network, address string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://monitor/healthz", nil)
	if err != nil {
		return err
	}
	transport := &http.Transport{ // no proxy, no redirects
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		},
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return fmt.Errorf("ask the monitor at %s: %w", address, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 4096))
	if resp.StatusCode != http.StatusOK || err != nil {
		return fmt.Errorf("the monitor at %s says %s: %s", address, resp.Status, strings.TrimSpace(string(body)))
	}
	return nil
}

// healthSocket is where a monitor with a web configuration answers healthcheck, and nothing else: a
// socket without a file (unix(7), abstract), that only its own machine or container reaches.
func healthSocket(s config.Serving) string { return "@failover-monitor/" + string(s.ListenAddr) }

// serveHealth answers healthcheck. That it cannot is no reason not to answer KEDA.
func serveHealth(s config.Serving, m *monitor.Monitor, log *slog.Logger) *http.Server {
	srv := server.NewHealth(m, log)
	listener, err := net.Listen("unix", healthSocket(s))
	if err != nil {
		log.Warn("the command healthcheck will not work", "error", err)
		return srv
	}
	go srv.Serve(listener)
	return srv
}

// localAddress is where a listener on every address of the machine is reached from the machine itself.
func localAddress(listen string) string {
	host, port, _ := net.SplitHostPort(listen)
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
		if ip.To4() != nil {
			host = "127.0.0.1"
		}
	}
	return net.JoinHostPort(host, port)
}
