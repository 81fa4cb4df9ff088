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
	"syscall"
	"time"

	"failover-monitor/internal/config"
	"failover-monitor/internal/monitor"
	"failover-monitor/internal/server"
	"failover-monitor/internal/statefile"
)

// The commands healthcheck and override reach the running monitor over a socket without a file (unix(7),
// abstract), which only its own machine or container reaches. Its name is where the monitor listens for KEDA.
const localPrefix = "@failover-monitor/"

// localTimeout is less than the 3 s that KEDA waits: a monitor that takes longer is no use to it.
const localTimeout = 2 * time.Second

// serveLocal answers these commands. That it cannot is no reason not to answer KEDA.
func serveLocal(s config.Serving, m *monitor.Monitor, log *slog.Logger) *server.Local {
	srv := server.NewLocal(m, keepIn(s.StateDirectory), log)
	listener, err := net.Listen("unix", localPrefix+string(s.ListenAddr))
	if err != nil {
		log.Warn("the commands healthcheck and override will not work", "error", err)
		return srv
	}
	go srv.Serve(listener)
	return srv
}

// keepIn keeps overrides in a directory.
func keepIn(dir string) func(map[string]monitor.Override) error {
	return func(overrides map[string]monitor.Override) error {
		if dir == "" {
			return server.ErrNotKept
		}
		return statefile.Save(dir, overrides)
	}
}

// restoreOverrides pins again what was pinned before a restart.
func restoreOverrides(ctx context.Context, dir string, m *monitor.Monitor, log *slog.Logger) {
	if dir == "" {
		return
	}
	overrides, err := statefile.Load(dir, time.Now())
	if err != nil {
		log.Warn("overrides from before the start are lost", "error", err)
	}
	for name, o := range overrides {
		if err := m.SetOverride(ctx, name, o); err != nil {
			log.Warn("an override from before the start is lost", "site", name, "error", err)
		}
	}
}

// askLocal asks the running monitor, and gives the status code and the text of its answer.
func askLocal(ctx context.Context, s config.Serving, method, path string, form url.Values) (code int, text string, err error) {
	socket := localPrefix + string(s.ListenAddr)
	ctx, cancel := context.WithTimeout(ctx, localTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, "http://monitor"+path, strings.NewReader(form.Encode()))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	transport := &http.Transport{ // no proxy, no redirects
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}
	resp, err := transport.RoundTrip(req)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return 0, "", fmt.Errorf("no monitor runs with LISTEN_ADDR=%s%s", s.ListenAddr, others())
	} else if err != nil {
		return 0, "", fmt.Errorf("ask the monitor at %s: %w", s.ListenAddr, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return 0, "", fmt.Errorf("ask the monitor at %s: %w", s.ListenAddr, err)
	}
	return resp.StatusCode, string(body), nil
}

// others says with which settings monitors run here, for those who typed a command without them.
func others() string {
	sockets, _ := os.ReadFile("/proc/net/unix")
	var found []string
	for _, field := range strings.Fields(string(sockets)) {
		if address, ok := strings.CutPrefix(field, localPrefix); ok {
			found = append(found, "LISTEN_ADDR="+address)
		}
	}
	if found == nil {
		return ""
	}
	slices.Sort(found)
	return "; one runs with " + strings.Join(slices.Compact(found), ", one with ")
}
