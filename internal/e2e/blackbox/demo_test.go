package blackbox

import (
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"failover-monitor/internal/e2e/pty"
	"failover-monitor/internal/e2e/rig"
)

// demonstration is the binary's demo on a terminal.
type demonstration struct {
	*pty.Terminal
	cmd  *exec.Cmd
	port int
}

func startDemo(t *testing.T, attach func(*pty.Terminal, *exec.Cmd)) *demonstration {
	t.Helper()
	port, err := rig.FreePorts("127.0.0.1", 4)
	if err != nil {
		t.Fatal(err)
	}
	d := &demonstration{pty.New(t), exec.Command(binary, "demo"), port}
	d.cmd.Env = []string{rig.NoExitSleep, fmt.Sprint("PORT=", port), "PATH=/usr/bin:/bin"}
	attach(d.Terminal, d.cmd)
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.cmd.Process.Kill(); d.cmd.Wait() })
	return d
}

// What a block begins with, and the control sequences that end or colour its lines.
const blockStart = "\x1b[J"

var sequences = regexp.MustCompile(`\x1b\[[?0-9]*[a-zA-Z]`)

// block is what the terminal shows below the opening, without colours; empty before the first one.
func (d *demonstration) block() string {
	blocks := strings.Split(d.Output(), blockStart)
	block := strings.Join(blocks[1:][max(0, len(blocks)-2):], "")
	return strings.ReplaceAll(sequences.ReplaceAllString(block, ""), "\r", "")
}

// shows waits until the block has a match, and returns the block.
func (d *demonstration) shows(t *testing.T, expression string) string {
	t.Helper()
	match := regexp.MustCompile("(?m)" + expression)
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		block := d.block()
		if match.MatchString(block) {
			return block
		}
		if time.Now().After(deadline) {
			t.Fatalf("no match for %s in\n%s", expression, block)
		}
	}
}

// ends waits until the demo has ended, and expects exit code 0 and the terminal as it was before.
func (d *demonstration) ends(t *testing.T) {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- d.cmd.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Fatalf("the demo does not end:\n%s", d.block())
	}
	if after := d.Mode(t); after != d.Before {
		t.Errorf("the terminal is %+v, before %+v", after, d.Before)
	}
	d.Await(t, "\x1b[0m\x1b[?7h\x1b[?25h") // lines wrap, and there is a cursor
}

// TestDemoOnATerminal breaks and heals site B by keys and by curl, and reads what the terminal
// shows.
func TestDemoOnATerminal(t *testing.T) {
	t.Parallel()
	d := startDemo(t, (*pty.Terminal).Attach)
	d.shows(t, `^site-a +up +0 +2 ##$`)
	if mode := d.Mode(t); mode.Lflag&(unix.ECHO|unix.ICANON) != 0 {
		t.Errorf("the terminal is %+v: a key is echoed, or waits for Enter", mode)
	}
	opening, _, _ := strings.Cut(d.Output(), "\x1b")
	if lines := strings.Count(opening, "\r\n"); lines != 3 || !strings.Contains(opening, fmt.Sprintf(
		"curl -s 127.0.0.1:%d/site-b/hang ", d.port+3)) || !strings.Contains(opening, "b breaks site B") {
		t.Errorf("the opening has %d lines:\n%s", lines, opening)
	}

	d.Press(t, "b")
	d.shows(t, `^site-b +down for \d+ s: .+ 0 +2 ##$`)
	d.shows(t, `^site-a +up +1: scale up +4 ####$`)
	d.shows(t, `^site-b +failed [\d:]{8}, down [\d:]{8}, site-a told [\d:]{8}$`)
	block := d.shows(t, `^time=[\d:]{8} level=\w+ msg="site is down" site=site-b`)
	rows := strings.Split(block, "\n")
	for _, line := range rows {
		if width := utf8.RuneCountInString(line); width > 80 {
			t.Errorf("%d columns: %q", width, line)
		}
	}
	if len(rows)+3 > 24 {
		t.Errorf("%d rows, and the opening:\n%s", len(rows), block)
	}
	d.Press(t, "h")
	d.shows(t, `^site-b +up +0 +2 ##$`)
	d.shows(t, `^site-a +up +0 +4 ####$`) // not down at once
	d.shows(t, `^site-a +up +0 +2 ##$`)

	get(t, fmt.Sprintf("http://127.0.0.1:%d/site-a/500", d.port+3))
	d.shows(t, `^site-a +down for \d+ s: .*500.* 0 +2 ##$`)
	d.Press(t, "xyz\x1b[A") // these do nothing
	d.shows(t, `^site-b +up +1: scale up +4 ####$`)
	d.Press(t, "q")
	d.ends(t)
}

// TestDemoOnASmallTerminal makes the terminal smaller, and expects lines that fit, and no more rows
// than there are.
func TestDemoOnASmallTerminal(t *testing.T) {
	t.Parallel()
	d := startDemo(t, (*pty.Terminal).Attach)
	d.shows(t, "^the monitor's log$")
	d.Resize(t, 40, 12)
	d.Press(t, "b")
	rows := strings.Split(d.shows(t, `^site-b +down`), "\n")
	for _, line := range rows {
		if width := utf8.RuneCountInString(line); width > 40 {
			t.Errorf("%d columns: %q", width, line)
		}
	}
	if len(rows) > 12-3 {
		t.Errorf("%d rows below the opening:\n%q", len(rows), rows)
	}
	d.Press(t, "\x03") // Ctrl-C
	d.ends(t)
}

// TestDemoIsTerminated expects the terminal as it was before, and exit code 0, after SIGTERM.
func TestDemoIsTerminated(t *testing.T) {
	t.Parallel()
	d := startDemo(t, (*pty.Terminal).Attach)
	d.shows(t, `^site-a +up`)
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	d.ends(t)
}

// TestDemoWithoutKeys has a terminal for the output alone, as "podman run -t" gives it: the
// terminal stays as it is, and no key is promised.
func TestDemoWithoutKeys(t *testing.T) {
	t.Parallel()
	d := startDemo(t, func(term *pty.Terminal, cmd *exec.Cmd) {
		cmd.Stdout, cmd.Stderr = term.Program, term.Program
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 1}
	})
	d.shows(t, `^site-a +up +0 +2 ##$`)
	if d.Mode(t) != d.Before || strings.Contains(d.Output(), "Keys") ||
		!strings.Contains(d.Output(), "/metric/site-a  (Ctrl-C ends)\r") {
		t.Errorf("without keys:\n%s", d.Output())
	}
	d.Press(t, "\x03") // of a terminal that is not raw: it sends SIGINT
	d.ends(t)
}

// TestDemoInTheBackground has a shell run the demo in the background of its terminal: the demo must
// neither stop nor change the terminal, and prints lines.
func TestDemoInTheBackground(t *testing.T) {
	t.Parallel()
	d := startDemo(t, func(term *pty.Terminal, cmd *exec.Cmd) {
		*cmd = exec.Cmd{Path: "/bin/sh", Env: cmd.Env, Args: []string{
			"sh", "-mc", `timeout 60 "$0" demo & read line; kill "$!"; wait "$!"`, binary}}
		term.Attach(cmd)
	})
	d.Await(t, "UTC  site-a: its KEDA is told 0\r\n")
	if output := d.Output(); d.Mode(t) != d.Before || strings.Contains(output, "\x1b") {
		t.Errorf("in the background:\n%q", output)
	}
	d.Press(t, "\n")
	if err := d.cmd.Wait(); err != nil {
		t.Errorf("%v:\n%s", err, d.Output())
	}
}
