// Package rig has what the test suites share: it runs the built binary, and makes the sites, name
// servers and certificates around it. It is no part of the product.
package rig

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"failover-monitor/internal/fakesite"
)

// Build builds the monitor into a directory, with further arguments for go build.
func Build(dir, name string, args ...string) (binary string, err error) {
	binary = filepath.Join(dir, name)
	build := exec.Command("go", append(append([]string{"build", "-o", binary}, args...),
		"failover-monitor/cmd/failover-monitor")...)
	build.Stderr = os.Stderr
	if slices.Contains(args, "-race") { // needs C
		build.Env = append(os.Environ(), "CGO_ENABLED=1")
	}
	return binary, build.Run()
}

// AwaitListening waits until an address accepts connections.
func AwaitListening(t testing.TB, address string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("nothing listens at %s: %v", address, err)
		}
	}
}

// Site starts a site that behaves like that until its behaviour is changed, or the test ends.
func Site(t testing.TB, behave fakesite.Behaviour) *fakesite.Site {
	t.Helper()
	s, err := fakesite.Start("127.0.0.1:0", behave)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}
