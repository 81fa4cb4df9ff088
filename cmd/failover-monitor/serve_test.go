package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"failover-monitor/internal/e2e/rig"
)

// buffer is an output that the program writes while the test reads it.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(text []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(text)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// await waits for a text that matches.
func (b *buffer) await(t *testing.T, expression string) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for ; time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if regexp.MustCompile(expression).MatchString(b.String()) {
			return
		}
	}
	t.Fatalf("no match for %s in\n%s", expression, b)
}

// running is a command that runs until stop is called.
type running struct {
	stdout, stderr buffer
	cancel         context.CancelCauseFunc
	code           chan int
}

func begin(t *testing.T, environ []string, args ...string) *running {
	t.Helper()
	ctx, cancel := context.WithCancelCause(context.Background())
	r := &running{cancel: cancel, code: make(chan int, 1)}
	go func() { r.code <- run(ctx, args, environ, &r.stdout, &r.stderr) }()
	t.Cleanup(func() { r.stop(t) })
	return r
}

// stop ends the command and gives its exit code.
func (r *running) stop(t *testing.T) int {
	t.Helper()
	r.cancel(errors.New("the test is over"))
	select {
	case code := <-r.code:
		r.code <- code
		return code
	case <-time.After(20 * time.Second):
		t.Fatal("it does not stop")
		return 0
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d %s", resp.StatusCode, body)
}

// TestServe covers what only a log in text and a run in this process show; internal/e2e/blackbox
// tests the rest with the built binary.
func TestServe(t *testing.T) {
	t.Parallel()
	address := rig.FreeAddress(t)
	environ := pair(t, "LISTEN_ADDR="+address, "LOG_FORMAT=text")
	m := begin(t, environ)
	m.stderr.await(t, `level=INFO msg="site is up" site=site-b`)
	if got := get(t, "http://"+address+"/metric/site-a"); got != "200 {\"value\":0}\n" {
		t.Errorf("/metric/site-a: %q, want the value 0", got)
	}
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), []string{"healthcheck"}, environ, &stdout, &stderr)
	if code != 0 || stdout.String() != "ok\n" {
		t.Errorf("healthcheck: exit code %d, %q %q", code, &stdout, &stderr)
	}
	if code := m.stop(t); code != 0 || !strings.Contains(m.stderr.String(), "the test is over") {
		t.Errorf("exit code %d, want 0 and the cause in the log:\n%s", code, &m.stderr)
	}
}
