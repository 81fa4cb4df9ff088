package blackbox

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"failover-monitor/internal/e2e/rig"
	"failover-monitor/internal/fakesite"
)

// TestStop stops the monitor while a probe hangs, a request waits for it, and a connection is
// silent.
func TestStop(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			m := start(t, sites(healthy(t), site(t, fakesite.Hang), "PROBE_TIMEOUT_SEC=30",
				"ANSWER_TIMEOUT_SEC=20")...)
			m.Verdict(t, "site-a", "up")
			waiting := make(chan string, 1)
			go func() {
				resp, err := http.Get(m.URL("/metric/site-a"))
				if err != nil {
					waiting <- err.Error()
					return
				}
				resp.Body.Close()
				waiting <- resp.Status
			}()
			silent, err := net.Dial("tcp", m.Address)
			if err != nil {
				t.Fatal(err)
			}
			defer silent.Close()
			time.Sleep(300 * time.Millisecond)
			code, took := m.Stop(t, signal)
			if code != 0 || took > 2*time.Second {
				t.Errorf("exit code %d after %v, want 0 within 2 s", code, took)
			}
			if got := <-waiting; got != "503 Service Unavailable" {
				t.Errorf("the pending request got %q, want a 503", got)
			}
			if log := m.Log(); strings.Contains(log, `"to":"down"`) ||
				!strings.Contains(log, signal.String()+" signal received") {
				t.Errorf("want no outage, and the cause, in the log:\n%s", log)
			}
		})
	}
}

// TestStopAnswers stops the monitor while a poll waits for a probe that it has caused: the answer
// is that probe's result, not an earlier one.
func TestStopAnswers(t *testing.T) {
	t.Parallel()
	var dead atomic.Bool
	asked := make(chan bool, 10)
	b := web(t, func(w http.ResponseWriter, _ *http.Request) {
		if dead.Load() {
			asked <- true
			time.Sleep(500 * time.Millisecond)
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	m := start(t, sites(healthy(t), b, "CACHE_TTL_SEC=0")...)
	m.WantValue(t, "site-a", "0")
	dead.Store(true)
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		m.WantValue(t, "site-a", "1")
	}()
	<-asked
	m.Stop(t, syscall.SIGTERM)
	<-answered
}

// TestExitCodeWithoutAReader has a bad setting while nothing reads the log: the exit code is still
// 2.
func TestExitCodeWithoutAReader(t *testing.T) {
	t.Parallel()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	defer writer.Close()
	writer.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	writer.Write(make([]byte, 1<<20)) // more than it holds
	var runs sync.WaitGroup
	for range 6 { // a race would be lost now and then
		runs.Go(func() {
			cmd := exec.Command(binary)
			cmd.Env, cmd.Stderr = []string{rig.NoExitSleep}, writer
			cmd.Run()
			if code := cmd.ProcessState.ExitCode(); code != 2 {
				t.Errorf("exit code %d, want 2", code)
			}
		})
	}
	runs.Wait()
}

func TestBusyPort(t *testing.T) {
	t.Parallel()
	address := bound(t)
	code, _, stderr := command(t, sites(healthy(t), healthy(t), "LISTEN_ADDR="+address))
	want := "failover-monitor: listen tcp " + address +
		": bind: address already in use (is another monitor running?); PORT or " +
		"LISTEN_ADDR sets another address\n"
	if code != 1 || !strings.HasSuffix(stderr, want) {
		t.Errorf("exit code %d, %q; want 1, …%q", code, stderr, want)
	}
}
