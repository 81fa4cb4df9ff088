package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"failover-monitor/internal/e2e/rig"
	"failover-monitor/internal/fakesite"
)

// site starts a site that goes on to behave like that, and gives its URL.
func site(t *testing.T, behave fakesite.Behaviour) string {
	t.Helper()
	s, err := fakesite.Start("127.0.0.1:0", behave)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return "http://" + s.Address()
}

// pair is the least of an environment, with two healthy sites.
func pair(t *testing.T, more ...string) []string {
	t.Helper()
	return append([]string{"SITE_A_HEALTH_URL=" + site(t, fakesite.Answer(200)),
		"SITE_B_HEALTH_URL=" + site(t, fakesite.Answer(200)), "LISTEN_ADDR=127.0.0.1:0"}, more...)
}

// buffer is written by the program while the test reads it.
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

// await waits for a text of the program's, and gives what the expression's first group matches.
func (b *buffer) await(t *testing.T, expression string) string {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for ; time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if match := regexp.MustCompile(expression).FindStringSubmatch(b.String()); match != nil {
			return match[len(match)-1]
		}
	}
	t.Fatalf("nothing like %s in\n%s", expression, b)
	return ""
}

// running is a command that goes on until it is told to stop.
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

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args           []string
		code           int
		stdout, stderr string // how they begin
	}{
		{[]string{"help"}, 0, "Usage: failover-monitor [command]\n", ""},
		{[]string{"-h"}, 0, "Usage: failover-monitor [command]\n", ""},
		{[]string{"version"}, 0, "failover-monitor dev go1.", ""},
		{[]string{"-v"}, 0, "failover-monitor dev go1.", ""},
		{[]string{"sreve"}, 2, "", "failover-monitor: \"sreve\": no such command\n\nUsage:"},
		{[]string{"serve", "--port", "1"}, 2, "",
			"failover-monitor: \"serve --port 1\": want one command and nothing behind it\n\nUsage:"},
		{nil, 2, "",
			"failover-monitor: SITE_A_HEALTH_URL and SITE_B_HEALTH_URL are not set: " +
				"want at least two sites\n"},
		{[]string{"healthcheck"}, 2, "", "failover-monitor: PORT=\"x\": want a port number"},
		{[]string{"demo"}, 2, "", "failover-monitor: PORT=\"x\": want a port number"},
	} {
		environ := []string{}
		if len(c.args) == 1 && (c.args[0] == "healthcheck" || c.args[0] == "demo") {
			environ = []string{"PORT=x"}
		}
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), c.args, environ, &stdout, &stderr)
		if code != c.code || !strings.HasPrefix(stdout.String(), c.stdout) ||
			!strings.HasPrefix(stderr.String(), c.stderr) || (stderr.Len() == 0) != (c.stderr == "") {
			t.Errorf("%q: exit code %d, %q, %q; want %d, %q…, %q…", c.args, code, &stdout, &stderr, c.code,
				c.stdout, c.stderr)
		}
	}
}

// TestFullDevice cannot print what it was asked for.
func TestFullDevice(t *testing.T) {
	t.Parallel()
	for _, args := range []string{"help", "version", "config", "check"} {
		var stderr bytes.Buffer
		if code := run(t.Context(), []string{args}, pair(t), &disk{full: 1 << 30}, &stderr); code != 1 ||
			!strings.Contains(stderr.String(), "standard output: no space left on device") {
			t.Errorf("%s: exit code %d, %q", args, code, &stderr)
		}
	}
}

func TestConfigCommand(t *testing.T) {
	t.Parallel()
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), []string{"config"},
		pair(t, "HTTP_PROXY=http://u:geheim@proxy:3128", "VERIFY_TLS=no",
			"WITNESS_URLS=tcp://10.0.0.53:53"), &stdout, &stderr)
	if code != 0 || stderr.Len() > 0 || strings.Contains(stdout.String(), "geheim") {
		t.Errorf("exit code %d, %q\n%s", code, &stderr, &stdout)
	}
	for _, line := range []string{"HTTP_PROXY=http://***@proxy:3128",
		"WITNESS_URLS=tcp://10.0.0.53:53",
		"# warning: VERIFY_TLS is off for site-a, site-b: whoever stands in " +
			"between can play a healthy site"} {
		if !strings.Contains(stdout.String(), line+"\n") {
			t.Errorf("%q is not in\n%s", line, &stdout)
		}
	}
}

// TestOnDemandWarning tells of polls that may take longer than KEDA waits.
func TestOnDemandWarning(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		environ []string
		want    string
	}{
		{[]string{"SITE_B_CACHE_TTL_SEC=0"},
			"CACHE_TTL_SEC=0 lets every poll wait for a probe of site-b, up to 3s; KEDA gives up after 3s"},
		{[]string{"CACHE_TTL_SEC=0", "PROBE_TIMEOUT_SEC=2"}, ""},
		{[]string{"SITE_A_CACHE_TTL_SEC=0", "PROBE_TIMEOUT_SEC=2", "WITNESS_URLS=tcp://w:53"},
			"CACHE_TTL_SEC=0 lets every poll wait for a probe of site-a, up to 4s; KEDA gives up after 3s"},
	} {
		s, err := loadSetup(pair(t, c.environ...))
		if got := strings.Join(s.Warnings, "|"); err != nil || got != c.want {
			t.Errorf("%q: %v, warnings %q, want %q", c.environ, err, got, c.want)
		}
	}
}

// TestCheckCommand has sites that are up, down, up by way of a redirect, or cannot be probed; and
// witnesses.
func TestCheckCommand(t *testing.T) {
	t.Parallel()
	up, elsewhere := site(t, fakesite.Answer(200)), site(t, fakesite.Answer(200))
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), []string{"check"}, []string{
		"SITE_A_HEALTH_URL=" + up, "SITE_B_HEALTH_URL=" + site(t, fakesite.Answer(503)),
		"SITE_C_HEALTH_URL=" +
			site(t, fakesite.Respond("HTTP/1.1 302 Found\r\nLocation: "+elsewhere+"\r\n\r\n")),
		"SITE_D_HEALTH_URL=" + up, "SITE_D_EXTRA_HEADER_KEY=X",
		"SITE_D_EXTRA_HEADER_VAL_FILE=/nowhere/token",
		"WITNESS_URLS=tcp://" + strings.TrimPrefix(up, "http://") + "," + elsewhere,
	}, &stdout, &stderr)
	for _, line := range []string{`^site-a +up +-`, `^site-b +down +status +503`, `^site-c +up +`,
		`^site-d +unknown`, `^witness tcp://.* +up `, `^witness http://.* +up `,
		`^site-b is down: status 503$`, `^site-c was answered after a redirect, from ` +
			regexp.QuoteMeta(elsewhere) + ` \(127\.0\.0\.1:\d+\)$`,
		`^site-d is unknown: probe could not be made: EXTRA_HEADER_VAL_FILE: `,
		`^warning: SITE_D_EXTRA_HEADER_VAL_FILE: `} {
		if !regexp.MustCompile("(?m)" + line).MatchString(stdout.String()) {
			t.Errorf("%s is not in\n%s", line, &stdout)
		}
	}
	if code != 1 || stderr.Len() > 0 {
		t.Errorf("exit code %d, %q", code, &stderr)
	}
	if code := run(t.Context(), []string{"check"}, pair(t), io.Discard, io.Discard); code != 0 {
		t.Errorf("all are up: exit code %d", code)
	}
}

func TestServeAndHealthcheck(t *testing.T) {
	t.Parallel()
	web := filepath.Join(t.TempDir(), "web.yml")
	const passwords = "basic_auth_users:\n  keda: " +
		"$2a$04$jTQuHwypU6MdhEeWkuNg0.KORPdN8G3.k.4YAjbask/mKGPWBztyK\n"
	if err := os.WriteFile(web, []byte(passwords), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, more := range map[string][]string{
		"plain":    {"LOG_FORMAT=text"},
		"as JSON":  {"LOG_FORMAT=json"},
		"password": {"WEB_CONFIG_FILE=" + web},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := rig.FreeAddress(t)
			environ := append(pair(t, "LISTEN_ADDR="+address), more...)
			m := begin(t, environ)
			m.stderr.await(t, "listening")
			m.stderr.await(t, "site is up.*site-b")
			var stdout, stderr bytes.Buffer
			if code := run(t.Context(), []string{"healthcheck"}, environ, &stdout, &stderr); code != 0 ||
				stdout.String() != "ok\n" {
				t.Errorf("healthcheck: exit code %d, %q %q", code, &stdout, &stderr)
			}
			want := "200 {\"value\":0}\n"
			if name == "password" {
				want = "401 Unauthorized\n"
			}
			if got := get(t, "http://"+address+"/metric/site-a"); got != want {
				t.Errorf("/metric/site-a: %q, want %q", got, want)
			}
			if code := m.stop(t); code != 0 || !strings.Contains(m.stderr.String(), "the test is over") {
				t.Errorf("exit code %d, and the log says\n%s", code, &m.stderr)
			}
			stderr.Reset()
			if code := run(t.Context(), []string{"healthcheck"}, environ, io.Discard, &stderr); code != 1 ||
				!strings.Contains(stderr.String(), "ask the monitor at") {
				t.Errorf("healthcheck of nobody: exit code %d, %q", code, &stderr)
			}
		})
	}
}

// TestHealthcheckIsSick asks a monitor that cannot probe.
func TestHealthcheckIsSick(t *testing.T) {
	t.Parallel()
	environ := pair(t, "LISTEN_ADDR="+rig.FreeAddress(t), "EXTRA_HEADER_KEY=X",
		"EXTRA_HEADER_VAL_FILE=/nowhere/token")
	m := begin(t, environ, "serve")
	m.stderr.await(t, "probe does not count.*site-a")
	var stderr bytes.Buffer
	if code := run(t.Context(), []string{"healthcheck"}, environ, io.Discard, &stderr); code != 1 ||
		!strings.Contains(stderr.String(),
			"says 503 Service Unavailable: site-a: probe could not be made") {
		t.Errorf("exit code %d, %q", code, &stderr)
	}
}

func TestBusyPort(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	var stderr bytes.Buffer
	code := run(t.Context(), nil, pair(t, "LISTEN_ADDR="+taken.Addr().String()), io.Discard, &stderr)
	if code != 1 ||
		!strings.Contains(stderr.String(),
			"address already in use (is another monitor running?); PORT or "+
				"LISTEN_ADDR sets another address") {
		t.Errorf("exit code %d, %q", code, &stderr)
	}
}

// TestPassedSockets has systemd pass what is no socket to listen on.
func TestPassedSockets(t *testing.T) {
	t.Parallel()
	pid := fmt.Sprintf("LISTEN_PID=%d", os.Getpid())
	for _, fds := range []string{"2", "-1", "many", "99999999"} {
		var stderr bytes.Buffer
		if code := run(t.Context(), nil, pair(t, pid, "LISTEN_FDS="+fds), io.Discard, &stderr); code != 1 || !strings.Contains(stderr.String(), "systemd passes "+fds+" sockets: want one") {
			t.Errorf("%s: exit code %d, %q", fds, code, &stderr)
		}
	}
}

// TestNotifiesSystemd is a whole life as systemd hears of it, at the socket of the environment
// alone.
func TestNotifiesSystemd(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "notify")
	systemd, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer systemd.Close()
	m := begin(t, pair(t, "NOTIFY_SOCKET="+path, "WATCHDOG_USEC=200000"))
	heard := ""
	hears := func(want string) {
		t.Helper()
		systemd.SetReadDeadline(time.Now().Add(20 * time.Second))
		for message := make([]byte, 5000); !strings.Contains(heard, want); {
			n, err := systemd.Read(message)
			if err != nil {
				t.Fatalf("%q was not heard: %q", want, heard)
			}
			heard += string(message[:n]) + "\n"
		}
	}
	hears("READY=1\n")
	hears("STATUS=site-a up, site-b up\nWATCHDOG=1\n")
	m.stop(t)
	hears("STOPPING=1\nSTATUS=stopping\n")
}

func TestDemoCommand(t *testing.T) {
	t.Parallel()
	port := freePorts(t, demoPorts)
	environ := []string{fmt.Sprint("PORT=", port)}
	demo := begin(t, environ, "demo")
	demo.stderr.await(t, "site is up.*site-b")
	control := fmt.Sprintf("http://127.0.0.1:%d", port+demoPorts-1)
	if got := get(t, control+"/site-b/refuse"); got != "200 site-b: refuse\n" {
		t.Errorf("the control says %q", got)
	}
	demo.stderr.await(t, "site is down.*site-b")
	if got := get(t, fmt.Sprintf("http://127.0.0.1:%d/metric/site-a",
		port)); got != "200 {\"value\":1}\n" {
		t.Errorf("site-a is told %q", got)
	}
	if got := get(t, control+"/site-c/hang"); !strings.HasPrefix(got,
		"404 want /site-a/ or /site-b/") {
		t.Errorf("the control says %q", got)
	}
	var stderr bytes.Buffer
	if code := run(t.Context(), []string{"demo"}, environ, io.Discard, &stderr); code != 1 ||
		!strings.Contains(stderr.String(), "the demo wants 4 free ports in a row") {
		t.Errorf("a second one: exit code %d, %q", code, &stderr)
	}
	if code := demo.stop(t); code != 0 ||
		!strings.Contains(demo.stdout.String(), "curl -s 127.0.0.1:") {
		t.Errorf("exit code %d, %q", code, &demo.stdout)
	}
	stderr.Reset()
	if code := run(t.Context(), []string{"demo"}, []string{"PORT=65535"}, io.Discard, &stderr); code != 2 || !strings.Contains(stderr.String(), "the demo takes 4 ports") {
		t.Errorf("no port left: exit code %d, %q", code, &stderr)
	}
}

// TestHangup sends the process the signal by which other services read their settings anew.
func TestHangup(t *testing.T) {
	m := begin(t, pair(t))
	m.stderr.await(t, "listening")
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	m.stderr.await(t, "SIGHUP is ignored: changed settings need a restart")
}

// freePorts finds so many ports of 127.0.0.1 in a row, where no other test looks for one.
func freePorts(t *testing.T, n int) int {
	t.Helper()
next:
	for port := 5000; port < 8000; port += n {
		for i := range n {
			listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port+i))
			if err != nil {
				continue next
			}
			listener.Close()
		}
		return port
	}
	t.Fatal("no free ports")
	return 0
}
