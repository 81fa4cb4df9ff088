package keda

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// A health is how a site treats requests.
type health int32

const (
	well  health = iota
	sick         // answers 503
	hangs        // accepts and never answers
)

// site is a site on loopback, or a witness.
type site struct {
	url    string
	health atomic.Int32
}

func newSite(t *testing.T) *site {
	s := new(site)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch health(s.health.Load()) {
		case sick:
			w.WriteHeader(http.StatusServiceUnavailable)
		case hangs:
			<-r.Context().Done()
		}
	}))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s *site) become(h health) { s.health.Store(int32(h)) }

// world is what a monitor sees: the site whose KEDA asks, the other one, and a witness.
type world struct {
	site               string
	own, peer, witness *site
}

// newWorld is for monitors that site-a's KEDA asks, or site-b's.
func newWorld(t *testing.T, name string) *world {
	return &world{site: name, own: newSite(t), peer: newSite(t), witness: newSite(t)}
}

// goOffline makes the witness silent: failed probes no longer count.
func (w *world) goOffline() { w.witness.become(hangs) }
func (w *world) goOnline()  { w.witness.become(well) }

// envFile is env.example with this world in it, and with less patience.
func (w *world) envFile(t *testing.T, more ...string) (path string) {
	t.Helper()
	example, err := os.ReadFile(filepath.Join(root, "env.example"))
	if err != nil {
		t.Fatal(err)
	}
	a, b := w.own, w.peer
	if w.site == "site-b" {
		a, b = b, a
	}
	text := strings.NewReplacer(
		"https://site-a.example.com/healthz", a.url, "https://site-b.example.com/healthz", b.url,
	).Replace(string(example))
	lines := append([]string{
		text, "LISTEN_ADDR=127.0.0.1:0", "LOG_FORMAT=json", "WITNESS_URLS=" + w.witness.url,
		"CACHE_TTL_SEC=0.3", "PROBE_TIMEOUT_SEC=0.5", "FAILURE_THRESHOLD=2", "RETRY_INTERVAL_SEC=0.2",
	}, more...)
	return file(t, "monitor.env", strings.Join(lines, "\n"))
}

// monitor is a running failover-monitor.
type monitor struct {
	address string // host:port
	cmd     *exec.Cmd
}

// start runs the monitor in this world, with these settings besides, until the test ends.
func (w *world) start(t *testing.T, more ...string) *monitor {
	t.Helper()
	text, err := os.ReadFile(w.envFile(t, more...))
	if err != nil {
		t.Fatal(err)
	}
	m := &monitor{cmd: exec.Command(binary)}
	m.cmd.Env = []string{}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			m.cmd.Env = append(m.cmd.Env, line)
		}
	}
	stderr, err := m.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := m.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.kill)
	listening := make(chan string, 1)
	go func() {
		defer close(listening)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			var line struct{ Msg, Address string }
			if json.Unmarshal(lines.Bytes(), &line); line.Msg == "listening" {
				listening <- line.Address
			}
		}
	}()
	select {
	case m.address = <-listening:
	case <-time.After(10 * time.Second):
	}
	if m.address == "" {
		t.Fatal("the monitor does not listen")
	}
	return m
}

func (m *monitor) kill() {
	m.cmd.Process.Kill()
	m.cmd.Wait()
}

// file writes a file of the test's own.
func file(t *testing.T, name, text string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
