package blackbox

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"failover-monitor/internal/e2e/rig"
	"failover-monitor/internal/fakesite"
)

// TestStop stops the monitor while a probe hangs, with a caller waiting for it and a connection
// that says nothing.
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
				t.Errorf("who waited got %q, want a 503", got)
			}
			if log := m.Log(); strings.Contains(log, `"to":"down"`) ||
				!strings.Contains(log, signal.String()+" signal received") {
				t.Errorf("want no outage, and the cause, in the log:\n%s", log)
			}
		})
	}
}

// TestStopAnswers stops a monitor while a poll waits for the probe that it has asked for: it is
// told what that finds, and not what an earlier one did.
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

// TestExitCodeWithoutAReader has a bad setting while nobody reads the log: the exit code says so
// all the same.
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

// TestUnknown has a peer of which nothing is known: 503, never a number.
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

// TestOnDemand is CACHE_TTL_SEC=0: each poll has the peer probed.
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

// TestOutOfFiles leaves the monitor no file descriptor to probe with: no site is to blame.
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

// TestNobodyReadsTheLog blocks the monitor's standard error: answers stay right and prompt, and so
// does stopping. A reader who comes back is told what he has missed.
func TestNobodyReadsTheLog(t *testing.T) {
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
	told := make(chan bool, 1)
	go func() {
		lines := bufio.NewScanner(unread)
		for lines.Scan() {
			if strings.Contains(lines.Text(), "lines of the log are lost") {
				told <- true
				return
			}
		}
		told <- false
	}()
	select {
	case ok := <-told:
		if !ok {
			t.Fatal("the log ended without a word of what is lost")
		}
	case <-time.After(20 * time.Second):
		t.Fatal("not a word of what is lost: was the log ever blocked?")
	}
	askAll() // nobody reads again
	sent := time.Now()
	cmd.Process.Signal(syscall.SIGTERM)
	defer time.AfterFunc(10*time.Second, func() { cmd.Process.Kill() }).Stop()
	if err := cmd.Wait(); err != nil || time.Since(sent) > 2500*time.Millisecond {
		t.Errorf("stopped with %v after %v, want exit code 0 within 2 s", err, time.Since(sent))
	}
}

// TestPeerThatSpeaksFirst sends its banner before it is asked: Go's HTTP client prints that on its
// own, past our log, if it is let. [start] finds every line that is not the log's.
func TestPeerThatSpeaksFirst(t *testing.T) {
	t.Parallel()
	banner := site(t, func(conn net.Conn) {
		fmt.Fprint(conn, "SSH-2.0-OpenSSH_9.2p1\r\n")
		fakesite.Hang(conn)
	})
	m := start(t, sites(banner, healthy(t), "CACHE_TTL_SEC=0.005")...)
	m.Verdict(t, "site-a", "down")
	time.Sleep(time.Second) // for many more
}

// TestRequestsInTheLog has them at debug alone.
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

// TestNothingSecret looks for secrets in all that the monitor says, with sites that send them back.
func TestNothingSecret(t *testing.T) {
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

// fourFreePorts finds ports for the demo.
func fourFreePorts(t *testing.T) int {
	t.Helper()
next:
	for port := 20000; port < 30000; port += 4 {
		for i := range 4 {
			l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port+i))
			if err != nil {
				continue next
			}
			l.Close()
		}
		return port
	}
	t.Fatal("no four free ports")
	return 0
}

// startDemo runs the demo until the function that it returns is called.
func startDemo(t *testing.T, port int) (stop func() (code int)) {
	t.Helper()
	var out bytes.Buffer
	cmd := exec.Command(binary, "demo")
	cmd.Env, cmd.Stdout = []string{rig.NoExitSleep, "PORT=" + strconv.Itoa(port)}, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port+3))
		if err == nil {
			conn.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the demo does not start")
		}
	}
	return func() int {
		cmd.Process.Signal(syscall.SIGINT)
		cmd.Wait()
		for _, line := range []string{fmt.Sprintf("curl -s 127.0.0.1:%d/metric/site-a ", port),
			fmt.Sprintf("curl -s 127.0.0.1:%d/site-b/hang ", port+3)} {
			if !strings.Contains(out.String(), line) {
				t.Errorf("%q is not in\n%s", line, out.String())
			}
		}
		return cmd.ProcessState.ExitCode()
	}
}
