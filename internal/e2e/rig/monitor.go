package rig

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Monitor is the built binary in a process of its own, which can be killed and run again at the
// same address.
type Monitor struct {
	Address string // host:port where it listens

	command *exec.Cmd // as it was given, never started itself: a Cmd runs once
	cmd     *exec.Cmd
	log     *monitorLog
}

// LogLine is a line of the log, in JSON.
type LogLine struct {
	Msg, Level, App, Site, From, To, Reason, Detail, Took, Address string

	Probes        int
	SinceLastUp   string `json:"since_last_up"`
	SinceLastDown string `json:"since_last_down"`
}

// ID is the site that a line is about: "shop/site-a" with apps.
func (l LogLine) ID() string {
	if l.App == "" {
		return l.Site
	}
	return l.App + "/" + l.Site
}

// NoExitSleep is a variable that tells the race detector, where there is one, not to sleep a second
// at the end of the program.
const NoExitSleep = "GORACE=atexit_sleep_ms=0"

// Start runs a command that is, or becomes, the binary, until the test ends, and waits until it
// listens. Its environment is the given one alone, beside a free LISTEN_ADDR and a log in JSON. A
// command with a Stderr of its own has no [Monitor.Log].
func Start(t testing.TB, command *exec.Cmd, environ ...string) *Monitor {
	t.Helper()
	m := Launch(t, command, environ...)
	m.AwaitListening(t)
	return m
}

// Launch is [Start], and does not wait.
func Launch(t testing.TB, command *exec.Cmd, environ ...string) *Monitor {
	t.Helper()
	m := &Monitor{Address: FreeAddress(t), command: command}
	m.command.Env = append([]string{NoExitSleep, "LISTEN_ADDR=" + m.Address, "LOG_FORMAT=json"},
		environ...)
	for _, variable := range environ {
		if address, ok := strings.CutPrefix(variable, "LISTEN_ADDR="); ok {
			m.Address = address
		}
	}
	m.Run(t)
	t.Cleanup(func() {
		m.Kill()
		if t.Failed() {
			t.Logf("the log:\n%.20000s", m.Log())
		}
		m.checkLog(t)
	})
	return m
}

// Run starts the process, and does not wait until it listens.
func (m *Monitor) Run(t testing.TB) {
	t.Helper()
	c := m.command
	m.cmd = &exec.Cmd{Path: c.Path, Args: c.Args, Err: c.Err, Env: c.Env, Stderr: c.Stderr,
		ExtraFiles: c.ExtraFiles, SysProcAttr: c.SysProcAttr}
	m.log = &monitorLog{ended: make(chan struct{}), more: make(chan struct{}, 1)}
	if m.cmd.Stderr == nil {
		pipe, err := m.cmd.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { go m.log.read(pipe) }()
	} else {
		close(m.log.ended)
	}
	if err := m.cmd.Start(); err != nil {
		t.Fatal(err)
	}
}

// AwaitListening waits until the monitor listens, and takes the port from its log where the system
// has chosen it.
func (m *Monitor) AwaitListening(t testing.TB) {
	t.Helper()
	if m.command.Stderr != nil {
		AwaitListening(t, m.Address)
		return
	}
	m.Address = m.WaitFor(t, func(l LogLine) bool { return l.Msg == "listening" }).Address
}

// Kill ends the process as kill -9 does.
func (m *Monitor) Kill() {
	m.cmd.Process.Kill()
	m.Wait()
}

// Wait waits for the end of the process, and returns its exit code.
func (m *Monitor) Wait() (code int) {
	<-m.log.ended // all of standard error is read, which Wait would cut off
	m.cmd.Wait()
	return m.cmd.ProcessState.ExitCode()
}

// Signal sends the process a signal.
func (m *Monitor) Signal(t testing.TB, signal os.Signal) {
	t.Helper()
	if err := m.cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
}

// Stop sends a signal, and returns the exit code and the time until the monitor ended.
func (m *Monitor) Stop(t testing.TB, signal syscall.Signal) (code int, took time.Duration) {
	t.Helper()
	sent := time.Now()
	m.Signal(t, signal)
	return m.Wait(), time.Since(sent)
}

// PID is the process's.
func (m *Monitor) PID() int { return m.cmd.Process.Pid }

// URL is that of a path.
func (m *Monitor) URL(path string) string { return "http://" + m.Address + path }

// Get asks the monitor as KEDA does, with KEDA's timeout.
func (m *Monitor) Get(t testing.TB, path string) (status int, body string) {
	t.Helper()
	client := http.Client{Timeout: 3 * time.Second}
	resp, err := client.Get(m.URL(path))
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

// WantMetrics checks that these lines are in /metrics.
func (m *Monitor) WantMetrics(t testing.TB, lines ...string) {
	t.Helper()
	_, metrics := m.Get(t, "/metrics")
	for _, line := range lines {
		if !strings.Contains(metrics, line+"\n") {
			t.Errorf("/metrics has no %s", line)
		}
	}
}

// WantValue checks the value that a site gets: "site-a", or "shop/site-a" with apps.
func (m *Monitor) WantValue(t testing.TB, site, value string) {
	t.Helper()
	if status, body := m.Get(t, "/metric/"+site); status != http.StatusOK ||
		body != `{"value":`+value+"}\n" {
		t.Errorf("/metric/%s: got %d %q, want the value %s", site, status, body, value)
	}
}

// Probes are how many succeeded and failed so far, as /metrics counts them.
func (m *Monitor) Probes(t testing.TB) (ok, bad float64) {
	t.Helper()
	_, metrics := m.Get(t, "/metrics")
	for line := range strings.Lines(metrics) {
		var labels string
		var n float64
		if _, err := fmt.Sscanf(line, "failover_probes_total{%s %g", &labels, &n); err != nil {
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

// Log is what the monitor has written so far.
func (m *Monitor) Log() string {
	m.log.mu.Lock()
	defer m.log.mu.Unlock()
	return m.log.text.String()
}

// WaitFor returns the first line of the log that matches, and fails the test when none comes within
// 20 s.
func (m *Monitor) WaitFor(t testing.TB, like func(LogLine) bool) LogLine {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		ended := false
		select {
		case <-m.log.ended:
			ended = true
		default:
		}
		if line, ok := m.log.find(like); ok {
			return line
		}
		if ended {
			t.Fatalf("the monitor has ended:\n%s", m.Log())
		}
		select {
		case <-m.log.more:
		case <-m.log.ended:
		case <-deadline:
			t.Fatalf("no such line in the log:\n%s", m.Log())
		}
	}
}

// Verdict waits until the log says that a site has become up or down: "site-a", or "shop/site-a"
// with apps.
func (m *Monitor) Verdict(t testing.TB, site, to string) LogLine {
	t.Helper()
	return m.WaitFor(t, func(l LogLine) bool {
		return l.Msg == "site is "+to && l.ID() == site &&
			l.To == to
	})
}

// checkLog fails the test on every line that is not the log's: a data race, a panic, a library's
// output.
func (m *Monitor) checkLog(t testing.TB) {
	for line := range strings.Lines(m.Log()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("a line that is not of the log: %s", line)
		}
	}
}

// monitorLog is read from one process.
type monitorLog struct {
	mu    sync.Mutex
	text  strings.Builder
	lines []LogLine

	more  chan struct{} // has a value when there is a new line
	ended chan struct{}
}

func (l *monitorLog) read(from io.Reader) {
	defer close(l.ended)
	scanner := bufio.NewScanner(from)
	for scanner.Scan() {
		var line LogLine
		json.Unmarshal(scanner.Bytes(), &line)
		l.mu.Lock()
		l.lines = append(l.lines, line)
		l.text.WriteString(scanner.Text() + "\n")
		l.mu.Unlock()
		select {
		case l.more <- struct{}{}:
		default:
		}
	}
}

func (l *monitorLog) find(like func(LogLine) bool) (LogLine, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.lines {
		if like(line) {
			return line, true
		}
	}
	return LogLine{}, false
}
