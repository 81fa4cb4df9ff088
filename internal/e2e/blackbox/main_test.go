// Package blackbox tests the built binary as its users run it: with an environment, real sockets, real
// TLS and signals. It needs Go and nothing else.
package blackbox

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"failover-monitor/internal/e2e/rig"
)

// binary is the program under test; TestMain builds it.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "failover-monitor")
	if err != nil {
		panic(err)
	}
	var args []string
	if raceEnabled {
		args = append(args, "-race")
	}
	if binary, err = rig.Build(dir, "failover-monitor", args...); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// noExitSleep tells the race detector, where there is one, not to sleep a second at the end of the program.
const noExitSleep = "GORACE=atexit_sleep_ms=0"

// command runs the binary to its end, with this environment and nothing else.
func command(t *testing.T, environ []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = append([]string{noExitSleep}, environ...), &out, &errs
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatalf("%v: %v", args, err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// monitor is a running failover-monitor.
type monitor struct {
	url string
	cmd *exec.Cmd

	mu    sync.Mutex
	lines []logLine
	raw   bytes.Buffer // all that it wrote to standard error
	more  chan struct{}
	ended chan struct{}
}

type logLine struct {
	Msg, Level, Site, From, To, Reason, Detail, Took, Address string
	Probes                                                    int
	SinceLastUp                                               string `json:"since_last_up"`
	SinceLastDown                                             string `json:"since_last_down"`
}

// start runs the monitor with this environment on a free port, until the test ends.
func start(t *testing.T, environ ...string) *monitor {
	t.Helper()
	m := launch(t, exec.Command(binary), environ...)
	listening := m.waitFor(t, func(l logLine) bool { return l.Msg == "listening" })
	m.url = "http://" + listening.Address
	return m
}

// launch does not wait until the monitor listens.
func launch(t *testing.T, cmd *exec.Cmd, environ ...string) *monitor {
	t.Helper()
	m := &monitor{cmd: cmd, more: make(chan struct{}, 1), ended: make(chan struct{})}
	m.cmd.Env = append([]string{noExitSleep, "LISTEN_ADDR=127.0.0.1:0", "LOG_FORMAT=json"}, environ...)
	stderr, err := m.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := m.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go m.read(stderr)
	t.Cleanup(func() {
		m.cmd.Process.Kill()
		m.wait()
		for line := range strings.Lines(m.log()) { // of a data race, or of a library past our logger
			if !json.Valid([]byte(line)) {
				t.Errorf("a line that is not of the log: %s", line)
			}
		}
	})
	return m
}

func (m *monitor) read(stderr io.Reader) {
	defer close(m.ended)
	scanner := bufio.NewScanner(stderr)
	for scanner.Scan() {
		var line logLine
		json.Unmarshal(scanner.Bytes(), &line)
		m.mu.Lock()
		m.lines = append(m.lines, line)
		m.raw.Write(append(scanner.Bytes(), '\n'))
		m.mu.Unlock()
		select {
		case m.more <- struct{}{}:
		default:
		}
	}
}

// log is all that the monitor has logged so far.
func (m *monitor) log() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.raw.String()
}

// waitFor returns the first log line like that, and fails the test when none comes within 20 s.
func (m *monitor) waitFor(t *testing.T, like func(logLine) bool) logLine {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		m.mu.Lock()
		for _, line := range m.lines {
			if like(line) {
				m.mu.Unlock()
				return line
			}
		}
		m.mu.Unlock()
		select {
		case <-m.more:
		case <-m.ended:
			t.Fatalf("the monitor has ended:\n%s", m.log())
		case <-deadline:
			t.Fatalf("no such line in the log:\n%s", m.log())
		}
	}
}

// verdict waits until the log says that a site has become up or down.
func (m *monitor) verdict(t *testing.T, site, to string) logLine {
	t.Helper()
	return m.waitFor(t, func(l logLine) bool { return l.Msg == "site is "+to && l.Site == site && l.To == to })
}

// get asks the monitor as KEDA does, with KEDA's timeout.
func (m *monitor) get(t *testing.T, path string) (status int, body string) {
	t.Helper()
	client := http.Client{Timeout: 3 * time.Second}
	resp, err := client.Get(m.url + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// wantValue asks for a site's value.
func (m *monitor) wantValue(t *testing.T, site, value string) {
	t.Helper()
	if status, body := m.get(t, "/metric/"+site); status != http.StatusOK || body != `{"value":`+value+"}\n" {
		t.Errorf("/metric/%s: got %d %q, want the value %s", site, status, body, value)
	}
}

// stop sends a signal, and says how the monitor ended and how long that took.
func (m *monitor) stop(t *testing.T, signal syscall.Signal) (code int, took time.Duration) {
	t.Helper()
	sent := time.Now()
	if err := m.cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	m.wait()
	return m.cmd.ProcessState.ExitCode(), time.Since(sent)
}

func (m *monitor) wait() {
	<-m.ended // all of standard error is read, which Wait would cut off
	m.cmd.Wait()
}
