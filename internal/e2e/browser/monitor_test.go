package browser

import (
	"bufio"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"failover-monitor/internal/fakesite"
)

// monitor is a running failover-monitor.
type monitor struct {
	address string
	environ []string
	cmd     *exec.Cmd
}

func (m *monitor) url() string { return "http://" + m.address + "/" }

// start runs the monitor with this environment on a free port, until the test ends.
func start(t *testing.T, environ ...string) *monitor {
	t.Helper()
	m := &monitor{address: "127.0.0.1:0", environ: environ}
	m.start(t)
	t.Cleanup(m.kill)
	return m
}

// start runs it where it listened before.
func (m *monitor) start(t *testing.T) {
	t.Helper()
	m.cmd = exec.Command(binary)
	m.cmd.Env = append([]string{"LISTEN_ADDR=" + m.address, "LOG_FORMAT=json"}, m.environ...)
	stderr, err := m.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := m.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines, raw := bufio.NewScanner(stderr), ""
	for lines.Scan() {
		var line struct{ Msg, Address string }
		json.Unmarshal(lines.Bytes(), &line)
		raw += lines.Text() + "\n"
		if line.Msg == "listening" {
			m.address = line.Address
			go func() {
				for lines.Scan() { // what is not read holds the writer up
				}
			}()
			return
		}
	}
	t.Fatalf("the monitor does not listen:\n%s", raw)
}

func (m *monitor) kill() {
	m.cmd.Process.Kill()
	m.cmd.Wait()
}

// polled asks for the values of sites as KEDA does, until the test ends.
func (m *monitor) polled(t *testing.T, sites ...string) {
	t.Helper()
	for _, site := range sites {
		request, err := http.NewRequestWithContext(t.Context(), "GET", m.url()+"metric/"+site, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("User-Agent", "keda-operator")
		go func() {
			for request.Context().Err() == nil {
				if answer, err := http.DefaultClient.Do(request); err == nil {
					answer.Body.Close()
				}
				time.Sleep(time.Second)
			}
		}()
	}
}

// site starts a site that behaves like that.
func site(t *testing.T, behave fakesite.Behaviour) *fakesite.Site {
	t.Helper()
	s, err := fakesite.Start("127.0.0.1:0", behave)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func become(t *testing.T, s *fakesite.Site, behave fakesite.Behaviour) {
	t.Helper()
	if err := s.Become(behave); err != nil {
		t.Fatal(err)
	}
}

// file writes a file for the test.
func file(t *testing.T, name string, content []byte) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
