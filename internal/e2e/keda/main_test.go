// Package keda runs every trigger of every file in deploy/keda, and of what the command keda
// prints, through KEDA's own code, which asks the real monitor over real sockets. Only the API
// server that KEDA reads its objects from is a stand-in; KEDA's CRDs show what it would have against
// a file. The script "run" does so with several versions of KEDA, one after another.
//
// It imports nothing of the monitor's module, whose dependencies would change those of KEDA.
package keda

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/go-logr/logr"
	kedautil "github.com/kedacore/keda/v2/pkg/util"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

const (
	root     = "../../.."
	document = "README.md" // in deploy/keda, has the table
)

var (
	binary string     // the program under test
	public *authority // one that KEDA trusts through its --ca-dir, as if everybody knew it
)

func TestMain(m *testing.M) {
	log.SetLogger(logr.Discard())
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "e2e-keda")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "failover-monitor")
	build := exec.Command("go", "build", "-C", root, "-o", binary, "./cmd/failover-monitor")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return 0, err
	}
	if public, err = newAuthority(); err != nil {
		return 0, err
	}
	caDir := filepath.Join(dir, "ca")
	if err := os.Mkdir(caDir, 0o755); err != nil {
		return 0, err
	}
	if err := os.WriteFile(filepath.Join(caDir, "ca.crt"), []byte(public.pem), 0o644); err != nil {
		return 0, err
	}
	kedautil.SetCACertDirs([]string{caDir})
	if crds, err = newSchemas(source); err != nil {
		return 0, err
	}
	return m.Run(), nil
}
