//go:build e2e

package faults

import (
	"net"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"failover-monitor/internal/fakesite"
)

// processFaults harm the monitor's own process.
func processFaults(t *testing.T) []fault {
	return []fault{
		{
			name:  "monitor is killed (SIGKILL) and started again",
			begin: func(s *scene) { s.monitor.Kill() },
			end:   func(s *scene) { s.monitor.Run(s.T) },
			sees:  "refused",
		},
		stopped("monitor is stopped (SIGSTOP) during a probe, and goes on", func(*scene) {}, "0", "1"),
		stopped("the same, and the site dies meanwhile", func(s *scene) { s.b.Refuse() }, "1", "0"),
		{
			name:  "monitor has no file descriptor left",
			begin: func(s *scene) { s.limitFiles("3") },
			end:   func(s *scene) { s.limitFiles("1024") },
			sees:  expires + "|(0 )?no_answer_in_3_s",
		},
	}
}

// stopped stops the process for longer than a verdict counts, while a probe is under way that the
// site answers after a moment.
func stopped(name string, meanwhile func(*scene), right, never string) fault {
	probed := make(chan struct{}, 100)
	answer := fakesite.Answer(200)
	return fault{
		name: name,
		begin: func(s *scene) {
			s.become(func(conn net.Conn) {
				probed <- struct{}{}
				time.Sleep(200 * time.Millisecond)
				answer(conn)
			})
			<-probed
			s.monitor.Signal(s.T, syscall.SIGSTOP)
			time.Sleep(300 * time.Millisecond) // it has answered
			meanwhile(s)
		},
		lasts: 2 * lifetime,
		end:   func(s *scene) { s.monitor.Signal(s.T, syscall.SIGCONT) },
		sees:  "(0 )?no_answer_in_3_s",
		right: right, never: never,
	}
}

// limitFiles sets how many files the monitor may open from now on.
func (s *scene) limitFiles(n string) {
	s.Helper()
	out, err := exec.Command("prlimit", "--pid", strconv.Itoa(s.monitor.PID()),
		"--nofile="+n+":").CombinedOutput()
	if err != nil {
		s.Fatalf("prlimit: %v: %s", err, out)
	}
}
