package blackbox

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"failover-monitor/internal/e2e/rig"
	"failover-monitor/internal/fakesite"
)

// site starts a site and returns its host:port.
func site(t *testing.T, behave fakesite.Behaviour) string { return rig.Site(t, behave).Address() }

func healthy(t *testing.T) string { return site(t, fakesite.Answer(http.StatusOK)) }

// web starts a site of a handler.
func web(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// redirect starts a site that redirects to a URL.
func redirect(t *testing.T, to string) string {
	return web(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, to, http.StatusMovedPermanently)
	})
}

// bound is an address that is taken and does not listen: connections are refused.
func bound(t *testing.T) (address string) {
	t.Helper()
	socket, address, err := rig.Bound()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(socket) })
	return address
}

// synDropped is an address where connecting gets no answer at all.
func synDropped(t *testing.T) string {
	t.Helper()
	address, stop, err := rig.Deaf("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return address
}

// file writes a file of the test's own.
func file(t *testing.T, name string, content []byte) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// requests are the headers of the requests that a site got.
type requests struct {
	mu   sync.Mutex
	seen []http.Header
}

// handler records a request and answers 200.
func (r *requests) handler(_ http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	header := req.Header.Clone()
	header.Set("Host", req.Host)
	r.seen = append(r.seen, header)
}

func (r *requests) all() []http.Header {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seen
}
