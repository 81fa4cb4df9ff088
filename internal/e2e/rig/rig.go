// Package rig runs the built binary for the suites that break it and wear it out. It is no part of
// the product.
package rig

import (
	"fmt"
	"math/rand/v2"
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

// Host is an address of loopback that no other process uses, so that none can take a port of ours
// while nobody listens there.
func Host() net.IP {
	pid := os.Getpid() // 4194304 at most
	return net.IPv4(127, byte(64+pid>>16), byte(pid>>8), byte(pid))
}

// FreeAddress finds a port of [Host] below those that the kernel gives to clients: it stays free
// while nobody listens there.
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

// FreePorts finds consecutive free ports of 127.0.0.1, below those that the kernel gives to clients,
// and returns the first.
func FreePorts(t testing.TB, count int) int {
	t.Helper()
next:
	for range 100 {
		first := 10000 + rand.IntN(20000)
		for i := range count {
			listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", first+i))
			if err != nil {
				continue next
			}
			listener.Close()
		}
		return first
	}
	t.Fatal("no free ports")
	return 0
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
