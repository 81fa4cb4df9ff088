package server_test

import (
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"failover-monitor/internal/monitor"
	"failover-monitor/internal/server"
)

// TestServeBrokenWebConfig breaks the file after NewWebGuard has checked it and before the toolkit
// reads it. The error is one line, and cites nothing of the file.
func TestServeBrokenWebConfig(t *testing.T) {
	for _, content := range []string{
		"basic_auth_users: geheim\n",
		"basic_auth_users:\n  keda: geheim\n",
		"basic_auth_users:\n  keda: *geheim\n",
	} {
		path := filepath.Join(t.TempDir(), "web.yml")
		write := func(content string) {
			t.Helper()
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		write("basic_auth_users:\n  keda: $2a$04$jTQuHwypU6MdhEeWkuNg0.KORPdN8G3.k.4YAjbask/mKGPWBztyK\n")
		guard, _, err := server.NewWebGuard(path)
		if err != nil {
			t.Fatal(err)
		}
		write(content)
		on, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer on.Close()
		m := startMonitor(t, monitor.Up, monitor.Up)
		log := slog.New(slog.DiscardHandler)
		err = server.New([]*monitor.Monitor{m}, server.NewMetrics("test", false), testPage(), guard,
			log).Serve(on)
		if err == nil || strings.Contains(err.Error(), "\n") ||
			strings.Contains(err.Error(), "geheim") ||
			!strings.HasPrefix(err.Error(), "WEB_CONFIG_FILE cannot be used") {
			t.Errorf("%q: %v", content, err)
		}
	}
}
