// Package blackbox tests the built binary as its users run it: with an environment, real sockets,
// real TLS and signals. It needs Go and nothing else.
package blackbox

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"testing"
	"time"

	"failover-monitor/internal/e2e/rig"
)

// binary is the program under test; TestMain builds it.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "failover-monitor")
	if err != nil {
		panic(err)
	}
	var args []string
	if raceEnabled {
		args = append(args, "-race")
	}
	if binary, err = rig.Build(dir, "failover-monitor", args...); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// command runs the binary to its end, with this environment and nothing else.
func command(t *testing.T, environ []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = append([]string{rig.NoExitSleep}, environ...), &out, &errs
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatalf("%v: %v", args, err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// start runs the monitor with this environment on a free port, until the test ends.
func start(t *testing.T, environ ...string) *rig.Monitor {
	t.Helper()
	return rig.Start(t, exec.Command(binary), environ...)
}
