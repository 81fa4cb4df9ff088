package browser

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"failover-monitor/internal/e2e/rig"
	"failover-monitor/internal/fakesite"
)

// start runs the monitor with this environment until the test ends.
func start(t *testing.T, environ ...string) *rig.Monitor {
	t.Helper()
	return rig.Start(t, exec.Command(binary), environ...)
}

// polled asks for the values of sites as KEDA does, until the test ends.
func polled(t *testing.T, m *rig.Monitor, sites ...string) {
	t.Helper()
	for _, site := range sites {
		request, err := http.NewRequestWithContext(t.Context(), "GET", m.URL("/metric/"+site), nil)
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
