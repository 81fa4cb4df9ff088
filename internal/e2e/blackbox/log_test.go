package blackbox

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"failover-monitor/internal/e2e/rig"
	"failover-monitor/internal/fakesite"
)

// TestBlockedLog blocks standard error: answers stay right and prompt, and so does stopping. When
// the log is read again, it says how many lines are lost.
func TestBlockedLog(t *testing.T) {
	t.Parallel()
	address := bound(t)
	listen := rig.FreeAddress(t)
	cmd := exec.Command(binary)
	cmd.Env = append(sites(address, address, "CACHE_TTL_SEC=0.1", "LOG_LEVEL=debug",
		"LISTEN_ADDR="+listen), rig.NoExitSleep)
	unread, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	client := http.Client{Timeout: 3 * time.Second}
	// Each poll is a line of over 100 bytes: these fill the pipe, of 64 KiB, and the monitor's own
	// queue.
	askAll := func() {
		for range 2500 {
			resp, err := client.Get("http://" + listen + "/metric/site-a")
			if err != nil {
				t.Fatalf("a poll waits for the log: %v", err)
			}
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				t.Fatalf("with a blocked log: %s", resp.Status)
			}
		}
	}
	until(t, "it listens", func() bool {
		conn, err := net.Dial("tcp", listen)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	askAll()
	reported := make(chan bool, 1)
	go func() {
		lines := bufio.NewScanner(unread)
		for lines.Scan() {
			if strings.Contains(lines.Text(), "lines of the log are lost") {
				reported <- true
				return
			}
		}
		reported <- false
	}()
	select {
	case ok := <-reported:
		if !ok {
			t.Fatal("the log ended without a word of what is lost")
		}
	case <-time.After(20 * time.Second):
		t.Fatal("not a word of what is lost: was the log ever blocked?")
	}
	askAll() // nothing reads again
	sent := time.Now()
	cmd.Process.Signal(syscall.SIGTERM)
	defer time.AfterFunc(10*time.Second, func() { cmd.Process.Kill() }).Stop()
	if err := cmd.Wait(); err != nil || time.Since(sent) > 2500*time.Millisecond {
		t.Errorf("stopped with %v after %v, want exit code 0 within 2 s", err, time.Since(sent))
	}
}

// TestBannerStaysOutOfTheLog has a site send a banner before the request. Go's HTTP client would
// print it to standard error; [rig.Launch] fails on every line that is not the log's.
func TestBannerStaysOutOfTheLog(t *testing.T) {
	t.Parallel()
	banner := site(t, func(conn net.Conn) {
		fmt.Fprint(conn, "SSH-2.0-OpenSSH_9.2p1\r\n")
		fakesite.Hang(conn)
	})
	m := start(t, sites(banner, healthy(t), "CACHE_TTL_SEC=0.005")...)
	m.Verdict(t, "site-a", "down")
	time.Sleep(time.Second) // for many more
}

// TestRequestsInTheLog: requests are logged at debug alone.
func TestRequestsInTheLog(t *testing.T) {
	t.Parallel()
	for level, want := range map[string]int{"info": 0, "debug": 2} {
		m := start(t, sites(healthy(t), healthy(t), "LOG_LEVEL="+level)...)
		m.Verdict(t, "site-b", "up")
		m.WantValue(t, "site-a", "0")
		m.Get(t, "/nothing")
		m.Stop(t, syscall.SIGTERM)
		if got := strings.Count(m.Log(), `"msg":"request"`); got != want {
			t.Errorf("%s: %d requests in the log, want %d\n%s", level, got, want, m.Log())
		}
	}
}

// TestNoSecretLeaks searches all that the monitor prints, with sites that send secrets back.
func TestNoSecretLeaks(t *testing.T) {
	t.Parallel()
	echo := site(t, func(conn net.Conn) {
		request := make([]byte, 4096)
		n, _ := conn.Read(request)
		conn.Write(request[:n])
	})
	const secrets = "http://geheim:geheim@%s/?geheim"
	environ := []string{fmt.Sprintf("SITE_A_HEALTH_URL="+secrets, echo),
		fmt.Sprintf("SITE_B_HEALTH_URL="+secrets, healthy(t)),
		fmt.Sprintf("SITE_C_HEALTH_URL="+secrets, "no..such.host"),
		fmt.Sprintf("SITE_D_HEALTH_URL="+strings.Replace(secrets, "http", "https", 1), echo),
		fmt.Sprintf("SITE_E_HEALTH_URL="+secrets, echo), "SITE_E_EXTRA_HEADER_KEY=X-Token",
		"SITE_E_EXTRA_HEADER_VAL_FILE=" + file(t, "token", []byte("geheim\n")),
		fmt.Sprintf("SITE_F_HEALTH_URL="+secrets, redirect(t, fmt.Sprintf(secrets, echo))),
		"EXTRA_HEADER_KEY=X-Token", "EXTRA_HEADER_VAL=geheim", "LOG_LEVEL=debug",
		fmt.Sprintf("WITNESS_URLS="+secrets, healthy(t)),
		"LISTEN_ADDR=" + rig.FreeAddress(t), "WEB_CONFIG_FILE=" + file(t, "web.yml", []byte(passwords))}
	m := start(t, environ...)
	for _, s := range []string{"site-a", "site-c", "site-d", "site-e", "site-f"} {
		m.Verdict(t, s, "down")
	}
	m.Verdict(t, "site-b", "up")
	said := ""
	for _, path := range []string{"/metric/site-a", "/metric/site-b", "/healthz", "/status",
		"/metrics", "/", "/nothing"} {
		for _, password := range []string{"geheim", "geheimer"} {
			code, body, _, err := guarded{Monitor: m, ca: rig.NewCA("none")}.ask(t, path,
				visitor{password: password})
			if err != nil || (code == http.StatusUnauthorized) != (password != "geheim") {
				t.Errorf("%s: %d %v", path, code, err)
			}
			said += body
		}
	}
	for _, args := range []string{"check", "config", "healthcheck"} {
		_, stdout, stderr := command(t, environ, args)
		_, _, wrong := command(t, append(environ, "PORT=x", "SITE_B_VERIFY_TLS=x"), args)
		said += stdout + stderr + wrong
	}
	m.Stop(t, syscall.SIGTERM)
	said += m.Log()
	// the second is basic auth, the third the hash
	for _, secret := range []string{"geheim", "Z2VoZWltOmdlaGVpbQ", "$2a$04$"} {
		if i := strings.Index(said, secret); i >= 0 {
			t.Errorf("%q: …%s…", secret, said[max(0, i-200):min(len(said), i+200)])
		}
	}
	if !strings.Contains(said, "failover_probes_total") || !strings.Contains(said, "<h1>") ||
		!strings.Contains(said, `"worst_case_detection"`) {
		t.Error("an endpoint has not been looked at")
	}
}
