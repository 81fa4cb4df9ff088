//go:build e2e

package faults

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"failover-monitor/internal/e2e/rig"
)

// asOnSELinux runs a command as a user without rights, on a machine that looks like one with
// SELinux: this kernel may have none.
const asOnSELinux = `
mount -t tmpfs tmpfs /sys/fs && mkdir /sys/fs/selinux && echo 1 >/sys/fs/selinux/enforce || exit 99
exec setpriv --reuid 65532 --regid 65532 --clear-groups "$@"`

// TestSELinux gives files that only root may read: each message says what else may have denied it.
func TestSELinux(t *testing.T) {
	dir, err := os.MkdirTemp("", "failover-monitor") // t.TempDir is root's alone
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	binary, err := rig.Build(dir, "failover-monitor")
	if err != nil {
		t.Fatal(err)
	}
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, rig.NewCA("Test CA").PEM, 0o600); err != nil {
		t.Fatal(err)
	}
	const hint = "; SELinux is on, and may deny it whatever the file's mode is: "
	for _, c := range []struct {
		command string
		environ []string
		begins  []string // of the lines that say "permission denied"
	}{
		{"config", []string{"CA_BUNDLE=" + secret}, []string{"failover-monitor: CA_BUNDLE="}},
		{"config", []string{"WEB_CONFIG_FILE=" + secret}, []string{"failover-monitor: WEB_CONFIG_FILE="}},
		{"check", []string{"EXTRA_HEADER_KEY=X", "EXTRA_HEADER_VAL_FILE=" + secret},
			[]string{"site-a is unknown: ", "site-b is unknown: ",
				"warning: EXTRA_HEADER_VAL_FILE: ", "warning: EXTRA_HEADER_VAL_FILE: "}},
	} {
		cmd := exec.Command("unshare", "--mount", "sh", "-c", asOnSELinux, "sh", binary, c.command)
		cmd.Env = append(c.environ, "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
			"SITE_A_HEALTH_URL=http://127.0.0.1:1/a", "SITE_B_HEALTH_URL=http://127.0.0.1:1/b")
		out, err := cmd.CombinedOutput()
		if err == nil {
			t.Errorf("%q: the exit code is 0", c.environ)
		}
		var denied []string
		for line := range strings.Lines(string(out)) {
			if strings.Contains(line, "permission denied") {
				denied = append(denied, line)
			}
		}
		if len(denied) != len(c.begins) {
			t.Errorf("%q: want %d lines with permission denied:\n%s", c.environ, len(c.begins), out)
			continue
		}
		for i, line := range denied {
			if !strings.HasPrefix(line, c.begins[i]) || strings.Count(line, hint) != 1 {
				t.Errorf("%q: got %q, want %q and the hint", c.environ, line, c.begins[i])
			}
		}
	}
}
