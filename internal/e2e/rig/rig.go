// Package rig runs the built binary for the suites that break it and wear it out. It is no part of the product.
package rig

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"failover-monitor/internal/fakesite"
)

// Build builds the monitor into a directory, with further arguments for go build.
func Build(dir, name string, args ...string) (binary string, err error) {
	binary = filepath.Join(dir, name)
	build := exec.Command("go", append(append([]string{"build", "-o", binary}, args...), "failover-monitor/cmd/failover-monitor")...)
	build.Stderr = os.Stderr
	if slices.Contains(args, "-race") { // needs C
		build.Env = append(os.Environ(), "CGO_ENABLED=1")
	}
	return binary, build.Run()
}

// Monitor is a binary that runs, and can be killed and run again at the same address.
type Monitor struct {
	Address string // host:port where it listens
	Stderr  *os.File

	t       testing.TB
	command []string
	environ []string
	cmd     *exec.Cmd
	log     log
}

// Start runs a binary on a free port until the test ends. Its log goes to stderr, or where that is nil
// to [Monitor.Log].
func Start(t testing.TB, binary string, stderr *os.File, environ ...string) *Monitor {
	t.Helper()
	return StartCommand(t, []string{binary}, stderr, environ...)
}

// StartCommand is [Start] for a command that becomes the binary.
func StartCommand(t testing.TB, command []string, stderr *os.File, environ ...string) *Monitor {
	t.Helper()
	m := &Monitor{Address: FreeAddress(t), Stderr: stderr, t: t, command: command, environ: environ}
	t.Cleanup(m.Kill)
	m.Run()
	m.await()
	return m
}

// Run starts the process, and does not wait until it listens.
func (m *Monitor) Run() {
	m.t.Helper()
	m.cmd = exec.Command(m.command[0], m.command[1:]...)
	m.cmd.Env = append([]string{"LISTEN_ADDR=" + m.Address}, m.environ...)
	m.cmd.Stderr = &m.log
	if m.Stderr != nil {
		m.cmd.Stderr = m.Stderr
	}
	if err := m.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
}

// Kill ends the process as kill -9 does.
func (m *Monitor) Kill() {
	m.cmd.Process.Kill()
	m.cmd.Wait()
}

// Signal sends the process a signal.
func (m *Monitor) Signal(signal os.Signal) {
	m.t.Helper()
	if err := m.cmd.Process.Signal(signal); err != nil {
		m.t.Fatal(err)
	}
}

// PID is the process's.
func (m *Monitor) PID() int { return m.cmd.Process.Pid }

// Log is what the monitor has written, if Stderr is nil.
func (m *Monitor) Log() string { return m.log.String() }

// URL is that of a path.
func (m *Monitor) URL(path string) string { return "http://" + m.Address + path }

// Probes are how many succeeded and failed so far, as /metrics counts them.
func (m *Monitor) Probes(t testing.TB) (ok, bad float64) {
	t.Helper()
	resp, err := http.Get(m.URL("/metrics"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		var labels string
		var n float64
		if _, err := fmt.Sscanf(lines.Text(), "failover_probes_total{%s %g", &labels, &n); err != nil {
			continue
		}
		if strings.Contains(labels, `reason="ok"`) {
			ok += n
		} else {
			bad += n
		}
	}
	return ok, bad
}

func (m *Monitor) await() {
	m.t.Helper()
	m.t.Cleanup(func() {
		if m.t.Failed() {
			m.t.Logf("the log:\n%s", m.Log())
		}
	})
	AwaitListening(m.t, m.Address)
}

// AwaitListening waits until somebody listens at an address.
func AwaitListening(t testing.TB, address string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("nobody listens at %s: %v", address, err)
		}
	}
}

// Host is an address of loopback that no other process uses, so that none can take a port of ours while
// nobody listens there.
func Host() net.IP {
	pid := os.Getpid() // 4194304 at most
	return net.IPv4(127, byte(64+pid>>16), byte(pid>>8), byte(pid))
}

// FreeAddress finds a port of [Host] below those that the kernel gives to clients: it stays free while
// nobody listens there.
func FreeAddress(t testing.TB) string {
	t.Helper()
	for range 100 {
		address := fmt.Sprintf("%s:%d", Host(), 10000+rand.IntN(20000))
		if listener, err := net.Listen("tcp", address); err == nil {
			listener.Close()
			return address
		}
	}
	t.Fatal("no free port")
	return ""
}

// Site starts a site that behaves like that until it is told to become another, or the test ends.
func Site(t testing.TB, behave fakesite.Behaviour) *fakesite.Site {
	t.Helper()
	s, err := fakesite.Start("127.0.0.1:0", behave)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// log is a buffer that is read while it is written.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(text)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
