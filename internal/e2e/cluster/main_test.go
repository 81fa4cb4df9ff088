// Package cluster applies deploy/ to a real control plane with a real KEDA, all on loopback, and
// measures how long a failover takes. There are no nodes: pods stay pending, which the HPA does not
// mind, since an external metric's AverageValue is divided by status.replicas alone.
package cluster

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

const root = "../../.."

var (
	binaries string // folder of what build made, and of failover-monitor
	control  *controlPlane
	timings  table
)

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return 0, err
	}
	binaries = filepath.Join(cache, "failover-monitor-e2e")
	for _, build := range []*exec.Cmd{
		exec.Command("./build", binaries),
		exec.Command("go", "build", "-C", root, "-buildvcs=false", "-o",
			filepath.Join(binaries, "failover-monitor"), "./cmd/failover-monitor"),
	} {
		build.Stdout, build.Stderr = os.Stdout, os.Stderr
		if err := build.Run(); err != nil {
			return 0, fmt.Errorf("%v: %w", build.Args, err)
		}
	}
	dir, err := os.MkdirTemp("", "e2e-cluster")
	if err != nil {
		return 0, err
	}
	control = newControlPlane(dir)
	defer control.stop()
	if err := control.start(); err != nil {
		return 0, fmt.Errorf("%w; its logs are in %s", err, dir)
	}
	if code = m.Run(); code != 0 {
		fmt.Println("logs are in", dir)
	} else {
		os.RemoveAll(dir)
	}
	timings.print()
	return code, nil
}
