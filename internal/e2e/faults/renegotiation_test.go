//go:build e2e

package faults

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"failover-monitor/internal/e2e/rig"
)

// TestRenegotiation has a site renegotiate TLS 1.2 once the request is there, as Apache and IIS do
// where they ask for a client certificate, if there is one, below some path alone. Go's own server
// cannot; OpenSSL's does.
func TestRenegotiation(t *testing.T) {
	dir := t.TempDir()
	binary, err := rig.Build(dir, "failover-monitor")
	if err != nil {
		t.Fatal(err)
	}
	ca := rig.NewCA("Test CA")
	certificate, key := rig.PEM(ca.Issue(time.Now().AddDate(0, 0, 1), rig.Host().String()))
	for name, content := range map[string]string{"ca.pem": string(ca.PEM),
		"server.pem": certificate + key} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	address := rig.FreeAddress(t)
	server := exec.Command("openssl", "s_server", "-accept", address, "-cert",
		filepath.Join(dir, "server.pem"), "-tls1_2", "-crlf", "-naccept", "1")
	said, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	typed, err := server.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer server.Wait()
	defer server.Process.Kill()
	listening := make(chan struct{})
	go func() {
		lines := bufio.NewScanner(said)
		for lines.Scan() {
			switch line := lines.Text(); {
			case line == "ACCEPT":
				close(listening)
			case strings.HasPrefix(line, "GET "):
				io.WriteString(typed, "R\n") // ask for a client certificate
				time.Sleep(300 * time.Millisecond)
				io.WriteString(typed, "HTTP/1.1 200 OK\nContent-Length: 0\n\n")
			}
		}
	}()
	select {
	case <-listening:
	case <-time.After(10 * time.Second):
		t.Fatal("openssl s_server does not listen")
	}
	var stdout bytes.Buffer
	check := exec.Command(binary, "check")
	check.Stdout = &stdout
	check.Env = []string{"SITE_A_HEALTH_URL=https://" + address,
		"CA_BUNDLE=" + filepath.Join(dir, "ca.pem"), "SITE_B_HEALTH_URL=http://" + startSite(t).Address()}
	if err := check.Run(); err != nil {
		t.Errorf("check: %v\n%s", err, stdout.String())
	}
}
