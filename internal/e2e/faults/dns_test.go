//go:build e2e

package faults

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"failover-monitor/internal/e2e/rig"
)

// nameServerHost is an address of loopback for the name server, whose port must be 53.
const nameServerHost = "127.53.53.53"

// startNameServer starts one and puts it into the /etc/resolv.conf of this mount namespace.
func startNameServer(t *testing.T) *rig.NameServer {
	t.Helper()
	s := rig.StartNameServer(t, nameServerHost+":53")
	conf := filepath.Join(t.TempDir(), "resolv.conf")
	if err := os.WriteFile(conf, []byte("nameserver "+nameServerHost+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	mount(t, conf, "/etc/resolv.conf", "", syscall.MS_BIND, "")
	return s
}

// resolves gives the address of the sites, and no IPv6 address.
var resolves = rig.Resolve(rig.Host())

// mount mounts something until the test ends.
func mount(t *testing.T, source, target, kind string, flags uintptr, data string) {
	t.Helper()
	if err := syscall.Mount(source, target, kind, flags, data); err != nil {
		t.Fatalf("mount %s at %s: %v", source, target, err)
	}
	t.Cleanup(func() { syscall.Unmount(target, syscall.MNT_DETACH) })
}
