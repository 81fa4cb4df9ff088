package blackbox

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"failover-monitor/internal/e2e/rig"
	"failover-monitor/internal/fakesite"
)

// A fault of the monitor's machine must not be taken for a site's: row D of the list of cases.

// TestPausedMonitorBlamesNoSite stops the process during probes, for a little less or more than
// their timeout. The site answers meanwhile.
func TestPausedMonitorBlamesNoSite(t *testing.T) {
	t.Parallel()
	for _, threshold := range []int{1, 3} {
		t.Run(fmt.Sprint("threshold ", threshold), func(t *testing.T) {
			t.Parallel()
			probed := make(chan bool, 100)
			answer := fakesite.Answer(http.StatusOK)
			b := site(t, func(conn net.Conn) {
				select {
				case probed <- true:
				default:
				}
				time.Sleep(300 * time.Millisecond)
				answer(conn)
			})
			m := start(t, sites(healthy(t), b, "CACHE_TTL_SEC=1", "PROBE_TIMEOUT_SEC=1",
				"RETRY_INTERVAL_SEC=0.2", fmt.Sprint("FAILURE_THRESHOLD=", threshold))...)
			m.Verdict(t, "site-b", "up")
			for i := range 8 {
				for len(probed) > 0 {
					<-probed
				}
				<-probed
				m.Signal(t, syscall.SIGSTOP)
				time.Sleep(900*time.Millisecond + time.Duration(i)*50*time.Millisecond)
				m.Signal(t, syscall.SIGCONT)
				time.Sleep(100 * time.Millisecond)
			}
			if log := m.Log(); strings.Contains(log, `"to":"down"`) {
				t.Errorf("a pause of the monitor's is taken for the site's death:\n%s", log)
			}
			m.WantValue(t, "site-a", "0")
		})
	}
}

// TestStarvedMonitorBlamesNoSite gives the monitor next to no CPU, with many TLS sites. It is not
// parallel: other tests would take even that CPU.
func TestStarvedMonitorBlamesNoSite(t *testing.T) {
	cert, _ := rig.SelfSigned(time.Now().AddDate(0, 0, 1), "127.0.0.1")
	environ := []string{"VERIFY_TLS=false", "CACHE_TTL_SEC=1", "PROBE_TIMEOUT_SEC=1",
		"FAILURE_THRESHOLD=1"}
	for i := range 50 {
		environ = append(environ, fmt.Sprintf("SITE_%d_HEALTH_URL=https://%s", i,
			site(t, rig.TLS(&tls.Config{Certificates: []tls.Certificate{cert}}, fakesite.Answer(200)))))
	}
	m := start(t, environ...)
	m.Verdict(t, "site-49", "up")
	runs := 200 * time.Microsecond // of every 300 ms, on each of its threads
	if raceEnabled {
		runs *= 10 // as much slower as the race detector makes it
	}
	var ended atomic.Bool
	done := make(chan bool)
	go func() {
		defer close(done)
		for !ended.Load() {
			syscall.Kill(m.PID(), syscall.SIGSTOP) // until it has ended
			time.Sleep(300 * time.Millisecond)
			syscall.Kill(m.PID(), syscall.SIGCONT)
			time.Sleep(runs)
		}
	}()
	time.Sleep(8 * time.Second)
	sent := time.Now()
	m.Signal(t, syscall.SIGTERM)
	code := m.Wait()
	took := time.Since(sent)
	ended.Store(true)
	<-done
	t.Logf("stopped after %v", took)
	if code != 0 || took > 5*time.Second { // 2 s, if it had its CPU
		t.Errorf("stopped with %d after %v, want 0 within 5 s", code, took)
	}
	log := m.Log()
	if down := strings.Count(log, `"to":"down"`); down > 0 ||
		!strings.Contains(log, "the monitor was stopped") {
		t.Errorf("%d sites are down, want none, and the reason in the log: %s", down,
			regexp.MustCompile(`(?m)^.*"to":"down".*$`).FindString(log))
	}
}

// TestCABundleReplaced replaces a running monitor's CA bundle, and then the site's certificate.
func TestCABundleReplaced(t *testing.T) {
	t.Parallel()
	old, renewed := rig.NewCA("Old CA"), rig.NewCA("New CA")
	tomorrow := time.Now().AddDate(0, 0, 1)
	var shown atomic.Pointer[tls.Certificate]
	show := func(ca *rig.CA) {
		cert := ca.Issue(tomorrow, "127.0.0.1")
		shown.Store(&cert)
	}
	show(old)
	var probes atomic.Int32
	config := &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		return shown.Load(), nil
	}}
	b := secured(t, config, func(conn net.Conn) {
		fakesite.Answer(http.StatusOK)(conn)
		probes.Add(1)
	})
	bundle := file(t, "ca.pem", old.PEM)
	m := start(t, "SITE_A_HEALTH_URL=http://"+healthy(t), "SITE_B_HEALTH_URL="+b, "CA_BUNDLE="+bundle,
		"CACHE_TTL_SEC=0.2", "PROBE_TIMEOUT_SEC=2")
	m.Verdict(t, "site-b", "up")
	replace := func(content []byte) {
		t.Helper()
		if err := os.WriteFile(bundle+".new", content, 0o600); err != nil {
			t.Fatal(err)
		}
		os.Rename(bundle+".new", bundle)
	}
	replace(renewed.PEM)
	show(renewed)
	before := probes.Load()
	until(t, "it is probed with the new bundle", func() bool { return probes.Load() > before+3 })
	replace([]byte("nothing"))
	m.WaitFor(t, func(l rig.LogLine) bool {
		return l.Msg == "probe does not count" &&
			l.Site == "site-b"
	})
	if status, body := m.Get(t, "/healthz"); status != http.StatusServiceUnavailable ||
		!strings.Contains(body, "CA_BUNDLE "+bundle+": holds no certificate") {
		t.Errorf("/healthz: %d %s", status, body)
	}
	replace(renewed.PEM)
	m.WaitFor(t, func(l rig.LogLine) bool {
		return l.Msg == "probes count again" &&
			l.Site == "site-b"
	})
	if log := m.Log(); strings.Contains(log, `"to":"down"`) {
		t.Errorf("a new CA is taken for the site's death:\n%s", log)
	}
}

// TestCADirectoryWithASecret has a directory with a CA and a file that the monitor may not read,
// such as a server's key: the CA is used.
func TestCADirectoryWithASecret(t *testing.T) {
	t.Parallel()
	ca := rig.NewCA("Test CA")
	dir, err := os.MkdirTemp("", "failover-monitor-ca")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	cmd := exec.Command(binary, "check")
	if os.Geteuid() == 0 { // root may read everything
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		cmd.Path = filepath.Join(dir, "failover-monitor")
		if err := os.Link(binary, cmd.Path); err != nil {
			t.Fatal(err)
		}
		os.Chmod(dir, 0o755)
	}
	bundle := filepath.Join(dir, "ca")
	os.Mkdir(bundle, 0o755)
	for name, mode := range map[string]os.FileMode{"ca.pem": 0o644, "server.key": 0} {
		if err := os.WriteFile(filepath.Join(bundle, name), ca.PEM, mode); err != nil {
			t.Fatal(err)
		}
	}
	cert := ca.Issue(time.Now().AddDate(0, 0, 1), "127.0.0.1")
	secure := secured(t, &tls.Config{Certificates: []tls.Certificate{cert}},
		fakesite.Answer(http.StatusOK))
	cmd.Env = []string{rig.NoExitSleep, "SITE_A_HEALTH_URL=" + secure,
		"SITE_B_HEALTH_URL=" + secure + "/b", "CA_BUNDLE=" + bundle}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "certificates in it that cannot be read: 1") {
		t.Errorf("%v:\n%s", err, out)
	}
}

// TestSystemCAsAreReadAtStart: Go reads them once. With the first certificate, that could be while
// no file descriptor is free, or while the file is being replaced.
func TestSystemCAsAreReadAtStart(t *testing.T) {
	t.Parallel()
	ca := rig.NewCA("Test CA")
	path := file(t, "system.pem", ca.PEM)
	b := rig.Site(t, rig.Reset)
	m := start(t, "SITE_A_HEALTH_URL=http://"+healthy(t), "SITE_B_HEALTH_URL=https://"+b.Address(),
		"CACHE_TTL_SEC=0.2", "SSL_CERT_FILE="+path, "SSL_CERT_DIR=/none")
	m.Verdict(t, "site-b", "down")
	os.Remove(path)
	cert := ca.Issue(time.Now().AddDate(0, 0, 1), "127.0.0.1")
	b.Become(rig.TLS(&tls.Config{Certificates: []tls.Certificate{cert}},
		fakesite.Answer(http.StatusOK)))
	m.Verdict(t, "site-b", "up")
}

// TestHangup sends SIGHUP, on which other services reload their settings.
func TestHangup(t *testing.T) {
	t.Parallel()
	m := start(t, sites(healthy(t), healthy(t))...)
	m.Signal(t, syscall.SIGHUP)
	m.WaitFor(t,
		func(l rig.LogLine) bool { return l.Msg == "SIGHUP is ignored: changed settings need a restart" })
	m.WantValue(t, "site-a", "0")
}

// TestHiddenCharacters sends a user agent and a path that would change the text around them.
func TestHiddenCharacters(t *testing.T) {
	t.Parallel()
	m := start(t, sites(healthy(t), healthy(t), "LOG_LEVEL=debug")...)
	for _, path := range []string{"/metric/site-a", "/no\u202ething"} {
		req, _ := http.NewRequest("GET", m.URL(path), nil)
		req.Header.Set("User-Agent", "evil\u009b31m\u202e")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if strings.ContainsAny(string(body), "\u009b\u202e") {
			t.Errorf("%s: %q", path, body)
		}
	}
	m.WaitFor(t, func(l rig.LogLine) bool { return l.Msg == "request" })
	_, status := m.Get(t, "/status")
	_, page := m.Get(t, "/")
	for what, text := range map[string]string{"log": m.Log(), "/status": status, "page": page} {
		if strings.ContainsAny(text, "\u009b\u202e") || !strings.Contains(text, `\u202e`) {
			t.Errorf("the %s has them as they are, or not at all: %q", what, text)
		}
	}
	var decoded struct {
		Metrics []struct {
			PolledBy string `json:"polled_by"`
		}
	}
	if err := json.Unmarshal([]byte(status), &decoded); err != nil ||
		decoded.Metrics[0].PolledBy != `evil\u009b31m\u202e` {
		t.Errorf("/status: %+v, %v", decoded, err)
	}
}

// TestPageBelowAPrefix: the page works below /monitor/ of a reverse proxy, since its links are
// relative.
func TestPageBelowAPrefix(t *testing.T) {
	t.Parallel()
	m := start(t, sites(healthy(t), healthy(t))...)
	_, page := m.Get(t, "/")
	if strings.Contains(page, `href="/`) || strings.Contains(page, `fetch("/`) ||
		!strings.Contains(page, `href="status"`) || !strings.Contains(page, `href="metrics"`) {
		t.Errorf("a link leaves the prefix:\n%s", page)
	}
}
