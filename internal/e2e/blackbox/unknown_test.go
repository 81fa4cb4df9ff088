package blackbox

import (
	"net"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"failover-monitor/internal/e2e/rig"
	"failover-monitor/internal/fakesite"
)

// TestUnknown has a peer without a verdict: the answer is 503, never a number.
func TestUnknown(t *testing.T) {
	t.Parallel()
	m := start(t, sites(healthy(t), site(t, fakesite.Hang), "PROBE_TIMEOUT_SEC=30",
		"ANSWER_TIMEOUT_SEC=0.2")...)
	m.Verdict(t, "site-a", "up")
	if status, body := m.Get(t, "/metric/site-a"); status != 503 ||
		body != "{\"error\":\"no verdict on site-b: no probe of it has had a result yet\"}\n" {
		t.Errorf("got %d %q", status, body)
	}
	m.WantValue(t, "site-b", "0")
}

// TestOnDemand sets CACHE_TTL_SEC=0: each poll causes a probe of the peer.
func TestOnDemand(t *testing.T) {
	t.Parallel()
	var seen requests
	m := start(t, sites(healthy(t), web(t, seen.handler), "CACHE_TTL_SEC=0")...)
	for n := range 3 {
		if got := len(seen.all()); got != n {
			t.Errorf("%d probes before poll %d", got, n+1)
		}
		m.WantValue(t, "site-a", "0")
	}
}

// TestOutOfFiles leaves the monitor no file descriptor to probe with: this is no site's fault.
func TestOutOfFiles(t *testing.T) {
	t.Parallel()
	m := start(t, sites(healthy(t), healthy(t), "CACHE_TTL_SEC=0.1", "PROBE_TIMEOUT_SEC=2")...)
	m.Verdict(t, "site-a", "up")
	m.Verdict(t, "site-b", "up")
	limitFiles(t, m.PID(), 3)
	poller, err := net.Dial("tcp", m.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer poller.Close()
	m.WaitFor(t, func(l rig.LogLine) bool {
		return strings.Contains(l.Msg, "Accept error") &&
			l.Level == "WARN"
	})
	line := m.WaitFor(t, func(l rig.LogLine) bool {
		return l.Msg == "probe does not count" &&
			l.Site == "site-b"
	})
	if line.Level != "WARN" || !strings.Contains(m.Log(), "too many open files") {
		t.Errorf("got %+v", line)
	}
	limitFiles(t, m.PID(), 1024)
	m.WaitFor(t, func(l rig.LogLine) bool {
		return l.Msg == "probes count again" &&
			l.Site == "site-b"
	})
	m.WantValue(t, "site-a", "0")
	if strings.Contains(m.Log(), `"to":"down"`) {
		t.Errorf("a site was blamed:\n%s", m.Log())
	}
}

// limitFiles sets how many files a process may open from now on.
func limitFiles(t *testing.T, pid int, n uint64) {
	t.Helper()
	limit := syscall.Rlimit{Cur: n, Max: 1024}
	_, _, errno := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(pid), syscall.RLIMIT_NOFILE,
		uintptr(unsafe.Pointer(&limit)), 0, 0, 0)
	if errno != 0 {
		t.Fatalf("prlimit: %v", errno)
	}
}
