package blackbox

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"failover-monitor/internal/e2e/rig"
	"failover-monitor/internal/fakesite"
)

// The monitor as systemd starts it. internal/e2e/systemd has the real one.

// manager is systemd's end of a notify socket.
type manager struct{ conn *net.UnixConn }

// newManager also gives the monitor's variable for it.
func newManager(t *testing.T) (m manager, variable string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return manager{conn}, "NOTIFY_SOCKET=" + path
}

// notifyLimit is the longest message that systemd reads (NOTIFY_BUFFER_MAX): it ignores longer
// ones.
const notifyLimit = 4096

// next is the next message, line by line. It is nil when none comes within that time.
func (m manager) next(t *testing.T, within time.Duration) []string {
	t.Helper()
	m.conn.SetReadDeadline(time.Now().Add(within))
	message := make([]byte, notifyLimit+1)
	n, err := m.conn.Read(message)
	if err, ok := err.(net.Error); ok && err.Timeout() {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	if n > notifyLimit {
		t.Errorf("systemd ignores a message of more than %d bytes: %.100s…", notifyLimit, message)
	}
	return strings.Split(string(message[:n]), "\n")
}

// hear waits for a line that matches, and gives all lines of its message.
func (m manager) hear(t *testing.T, line string) []string {
	t.Helper()
	like := regexp.MustCompile("^(" + line + ")$")
	var heard []string
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		message := m.next(t, time.Until(deadline))
		if slices.ContainsFunc(message, like.MatchString) {
			return message
		}
		heard = append(heard, message...)
	}
	t.Fatalf("no %q in %q", line, heard)
	return nil
}

// TestReady: the first message comes when the monitor can be polled, not earlier, also with many
// sites.
func TestReady(t *testing.T) {
	t.Parallel()
	for _, more := range []int{0, 300} {
		systemd, variable := newManager(t)
		listen := rig.FreeAddress(t)
		environ := sites(healthy(t), healthy(t), variable, "LISTEN_ADDR="+listen)
		for i := range more {
			environ = append(environ,
				fmt.Sprintf("SITE_EU_WEST_SHOP%d_HEALTH_URL=http://%s/%d", i, healthy(t), i))
		}
		rig.Launch(t, exec.Command(binary), environ...)
		message := systemd.next(t, 20*time.Second)
		conn, err := net.Dial("tcp", listen)
		if err != nil {
			t.Fatalf("%q, but %v", message, err)
		}
		conn.Close()
		if !slices.Equal(message, []string{"READY=1"}) {
			t.Errorf("the first message is %q", message)
		}
		systemd.hear(t, "STATUS=site-a .*")
	}
}

// TestStatusLine follows the verdicts: up, down, up again, and unknown for lack of a witness.
func TestStatusLine(t *testing.T) {
	t.Parallel()
	systemd, variable := newManager(t)
	b := rig.Site(t, fakesite.Answer(http.StatusOK))
	witness := rig.Site(t, fakesite.Answer(http.StatusOK))
	m := start(t, sites(healthy(t), b.Address(), variable, "CACHE_TTL_SEC=0.1", "PROBE_TIMEOUT_SEC=2",
		"WITNESS_URLS=tcp://"+witness.Address(), "SITE_C_HEALTH_URL=http://"+healthy(t),
		"SITE_C_OVERRIDE=down")...)
	systemd.hear(t, `STATUS=site-a up, site-b up, site-c down \(pinned\)`)
	b.Refuse()
	systemd.hear(t, `STATUS=site-a up, site-b down since \d\d:\d\d:\d\d UTC, site-c down \(pinned\)`)
	if err := b.Become(fakesite.Answer(http.StatusOK)); err != nil {
		t.Fatal(err)
	}
	systemd.hear(t, `STATUS=site-a up, site-b up, site-c down \(pinned\)`)
	witness.Refuse()
	b.Refuse()
	systemd.hear(t, `STATUS=offline since \d\d:\d\d:\d\d UTC, site-a up, `+
		`site-b unknown since \d\d:\d\d:\d\d UTC, site-c down \(pinned\)`)
	m.Stop(t, syscall.SIGTERM)
	if message := systemd.hear(t, "STOPPING=1"); !slices.Contains(message, "STATUS=stopping") {
		t.Errorf("the last message is %q", message)
	}
	if message := systemd.next(t, 100*time.Millisecond); message != nil {
		t.Errorf("%q after STOPPING=1", message)
	}
}

// TestWatchdog: pings come at least twice as often as systemd wants them, also with a fault that no
// restart cures. cmd's tests show that there are none while a loop is stalled.
func TestWatchdog(t *testing.T) {
	t.Parallel()
	systemd, variable := newManager(t)
	start(t, sites(healthy(t), healthy(t), variable, "WATCHDOG_USEC=200000",
		"SITE_B_EXTRA_HEADER_KEY=X-Token", "SITE_B_EXTRA_HEADER_VAL_FILE=/nowhere/token")...)
	systemd.hear(t, "READY=1")
	began := time.Now()
	for range 20 {
		systemd.hear(t, "WATCHDOG=1")
	}
	if every := time.Since(began) / 20; every > 150*time.Millisecond {
		t.Errorf("a ping each %v; want one each 100 ms", every)
	}
}

// TestPassedSocket passes sockets as systemd does: from file descriptor 3, for the process that
// LISTEN_PID names.
func TestPassedSocket(t *testing.T) {
	t.Parallel()
	one := socketFile(t)
	datagram, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer datagram.Close()
	udp, err := datagram.(*net.UDPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()

	t.Run("one", func(t *testing.T) {
		m := rig.Launch(t, activated(`LISTEN_PID=$$`, one.file),
			sites(healthy(t), healthy(t), "LISTEN_FDS=1", "LISTEN_ADDR=127.0.0.1:0")...)
		m.Address = one.address
		m.Verdict(t, "site-b", "up")
		m.WantValue(t, "site-a", "0")
		want := `"msg":"using the socket that systemd passes, instead of LISTEN_ADDR",` +
			`"socket":"` + one.address + `","listen_addr":"127.0.0.1:0"`
		if !strings.Contains(m.Log(), want) {
			t.Errorf("the log does not say which socket:\n%s", m.Log())
		}
	})
	t.Run("for another process", func(t *testing.T) {
		m := rig.Launch(t, activated(`LISTEN_PID=1`, one.file),
			sites(healthy(t), healthy(t), "LISTEN_FDS=1")...)
		m.AwaitListening(t)
		if m.Address == one.address {
			t.Errorf("it takes a socket that is not its own")
		}
	})
	t.Run("a datagram socket", func(t *testing.T) {
		cmd := activated(`LISTEN_PID=$$`, udp)
		cmd.Env = append(sites("a", "b", rig.NoExitSleep), "LISTEN_FDS=1")
		defer time.AfterFunc(20*time.Second, func() { cmd.Process.Kill() }).Stop()
		out, err := cmd.CombinedOutput()
		want := "failover-monitor: systemd passes a socket that does not listen for streams: " +
			"want ListenStream= in the .socket unit\n"
		if cmd.ProcessState.ExitCode() != 1 || !strings.HasSuffix(string(out), want) {
			t.Errorf("%v, %s", err, out)
		}
	})
}

// TestRestart restarts the monitor on a socket that systemd keeps open, with many polls all the
// while: each has an answer, from the one that stops or from the one that starts.
func TestRestart(t *testing.T) {
	t.Parallel()
	socket := socketFile(t)
	environ := sites(healthy(t), healthy(t), "LISTEN_FDS=1")
	m := rig.Launch(t, activated(`LISTEN_PID=$$`, socket.file), environ...)
	ctx, stopPolls := context.WithCancel(t.Context())
	var pollers sync.WaitGroup
	var polls atomic.Int64
	for range 8 {
		pollers.Go(func() {
			client := http.Client{Transport: &http.Transport{DisableKeepAlives: true},
				Timeout: 20 * time.Second}
			for ; ctx.Err() == nil; time.Sleep(time.Millisecond) {
				polls.Add(1)
				resp, err := client.Get("http://" + socket.address + "/healthz")
				if err != nil {
					t.Errorf("after %d polls: %v", polls.Load(), err)
					return
				}
				resp.Body.Close()
			}
		})
	}
	for range 10 {
		m.WaitFor(t, func(l rig.LogLine) bool { return l.Msg == "listening" })
		time.Sleep(100 * time.Millisecond)
		if code, _ := m.Stop(t, syscall.SIGTERM); code != 0 {
			t.Errorf("exit code %d", code)
		}
		m = rig.Launch(t, activated(`LISTEN_PID=$$`, socket.file), environ...)
	}
	m.WaitFor(t, func(l rig.LogLine) bool { return l.Msg == "listening" })
	stopPolls()
	pollers.Wait()
	t.Logf("%d polls", polls.Load())
}

// activated is the monitor with these files from descriptor 3, and a LISTEN_PID, which only a shell
// can set to the process's own before it becomes the monitor.
func activated(listenPID string, files ...*os.File) *exec.Cmd {
	cmd := exec.Command("sh", "-c", "export "+listenPID+`; exec "$0"`, binary)
	cmd.ExtraFiles = files
	return cmd
}

type passedSocket struct {
	file    *os.File
	address string
}

func socketFile(t *testing.T) passedSocket {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	file, err := listener.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return passedSocket{file, listener.Addr().String()}
}

// TestTemplateUnit holds the two units for systemd together: one is the other, but for what must
// differ.
func TestTemplateUnit(t *testing.T) {
	t.Parallel()
	lines := func(name string) []string {
		unit, err := os.ReadFile("../../../systemd/" + name)
		if err != nil {
			t.Fatal(err)
		}
		_, unit, _ = bytes.Cut(unit, []byte("\n[Unit]\n")) // without the instructions above
		return strings.Split(string(unit), "\n")
	}
	want := lines("failover-monitor.service")
	const environmentFile = "EnvironmentFile=/etc/failover-monitor/"
	for one, many := range map[string]string{
		"Description=Failover Monitor: tells each site's KEDA how many of the other sites are " +
			"down": "Description=Failover Monitor %i: tells each site's KEDA how many " +
			"of the other sites are down",
		environmentFile + "failover-monitor.env": environmentFile + "%i.env",
		"# Read by root before privileges are dropped: it may stay readable by root alone.": "" +
			"# No port, and none of another monitor's by omission: PORT in the file counts instead.\n" +
			"Environment=PORT=none-in-%i.env\n" +
			"# Read by root before privileges are dropped: it may stay readable by root alone.",
		"StateDirectory=failover-monitor": "StateDirectory=failover-monitor-%i",
	} {
		i := slices.Index(want, one)
		if i < 0 {
			t.Fatalf("failover-monitor.service has no %q", one)
		}
		want[i] = many
	}
	want = strings.Split(strings.Join(want, "\n"), "\n")
	if got := lines("failover-monitor@.service"); !slices.Equal(got, want) {
		t.Errorf("failover-monitor@.service is\n%s\nwant failover-monitor.service:\n%s",
			strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
