package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"failover-monitor/internal/e2e/rig"
)

// process is a server under measurement.
type process struct {
	cmd     *exec.Cmd
	address string
	lines   chan string // what it writes
}

// start runs a server. With a core it has that one alone, and says so to the Go runtime in it.
func start(core string, environ []string, command ...string) (*process, error) {
	if core != "" {
		command = append([]string{"taskset", "-c", core}, command...)
	}
	p := &process{cmd: exec.Command(command[0], command[1:]...), lines: make(chan string, 1<<16)}
	p.cmd.Env = environ
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	p.cmd.Stdout = p.cmd.Stderr
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %v: %w", command, err)
	}
	go func() {
		defer close(p.lines)
		in := bufio.NewReader(stderr)
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			p.lines <- line
		}
	}()
	return p, nil
}

// startMonitor runs the monitor on a free port, and waits until it listens.
func startMonitor(core, binary string, environ ...string) (*process, error) {
	p, err := start(core, append([]string{"LISTEN_ADDR=127.0.0.1:0", "LOG_FORMAT=json"}, environ...),
		binary)
	if err != nil {
		return nil, err
	}
	last := ""
	for line := range p.lines {
		var l struct{ Msg, Address string }
		if json.Unmarshal([]byte(line), &l); l.Msg == "listening" {
			p.address = l.Address
			return p, nil
		}
		last = line
	}
	return nil, fmt.Errorf("the monitor has ended: %s", last)
}

// stop ends the server.
func (p *process) stop() {
	p.cmd.Process.Kill()
	for range p.lines {
	}
	p.cmd.Wait()
}

// cpu is the processor time that the process has used so far.
func (p *process) cpu() time.Duration {
	tasks, _ := os.ReadDir(p.proc("task"))
	var total time.Duration
	for _, task := range tasks { // nanoseconds, where /proc/pid/stat has hundredths of a second
		text, _ := os.ReadFile(p.proc("task/" + task.Name() + "/schedstat"))
		used, _, _ := strings.Cut(string(text), " ")
		ns, _ := strconv.ParseInt(used, 10, 64)
		total += time.Duration(ns)
	}
	return total
}

// rss is the resident memory in bytes.
func (p *process) rss() float64 { return p.kilobytes("VmRSS:") * 1024 }

func (p *process) kilobytes(field string) float64 {
	text, _ := os.ReadFile(p.proc("status"))
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == field {
			n, _ := strconv.ParseFloat(f[1], 64)
			return n
		}
	}
	return 0
}

func (p *process) proc(file string) string {
	return fmt.Sprintf("/proc/%d/%s", p.cmd.Process.Pid, file)
}

// freeAddress finds a free port of loopback, for servers that cannot choose one.
func freeAddress() (string, error) {
	port, err := rig.FreePorts("127.0.0.1", 1)
	return fmt.Sprint("127.0.0.1:", port), err
}

// waitFor waits until an address accepts connections.
func waitFor(address string) error {
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			return conn.Close()
		}
		if time.Now().After(deadline) {
			return err
		}
	}
}

// writeFile writes a file into dir and gives its path.
func writeFile(dir, name, content string) (string, error) {
	f, err := os.Create(dir + "/" + name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	_, err = io.WriteString(f, content)
	return f.Name(), err
}
