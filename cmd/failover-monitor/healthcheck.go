package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"failover-monitor/internal/config"
)

// healthcheckTimeout is KEDA's patience, 3 s, and a little less: a monitor that is slower is not well.
const healthcheckTimeout = 2 * time.Second

// healthcheck asks the /healthz of the monitor that listens where the settings say. An image from
// scratch has no curl to do that.
func healthcheck(ctx context.Context, p process) int {
	serving, err := config.LoadServing(p.environ)
	if err != nil {
		return p.fail(exitUsage, err)
	}
	ctx, cancel := context.WithTimeout(ctx, healthcheckTimeout)
	defer cancel()
	if err := askHealth(ctx, localAddress(string(serving.ListenAddr))); err != nil {
		return p.fail(exitFailed, err)
	}
	fmt.Fprintln(p.stdout, "ok")
	return exitOK
}

func askHealth(ctx context.Context, address string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/healthz", nil)
	if err != nil {
		return err
	}
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req) // no proxy, no redirects
	if err != nil {
		return fmt.Errorf("ask http://%s/healthz: %w", address, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 4096))
	if resp.StatusCode != http.StatusOK || err != nil {
		return fmt.Errorf("http://%s/healthz says %s: %s", address, resp.Status, strings.TrimSpace(string(body)))
	}
	return nil
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
