package cluster

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func (c *controlPlane) kubectl(args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(binaries, "kubectl"), args...)
	cmd.Env = []string{"KUBECONFIG=" + c.pki.path("admin.kubeconfig"), "HOME=" + c.dir}
	return cmd
}

// try runs kubectl, and gives what it complains of.
func (c *controlPlane) try(args ...string) error {
	if out, err := c.kubectl(args...).CombinedOutput(); err != nil {
		return fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return nil
}

// typed runs a command line as a person types it into a shell.
func (c *controlPlane) typed(line string) error {
	cmd := exec.Command("sh", "-c", line)
	cmd.Env = []string{"KUBECONFIG=" + c.pki.path("admin.kubeconfig"), "HOME=" + c.dir,
		"PATH=" + binaries + ":" + os.Getenv("PATH")}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", line, err, bytes.TrimSpace(out))
	}
	return nil
}

func (c *controlPlane) tryApply(manifest string) error {
	cmd := c.kubectl("apply", "--validate=strict", "-f", "-")
	cmd.Stdin = strings.NewReader(manifest)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("kubectl apply: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// field is one of an object, and empty while there is none.
func (c *controlPlane) field(object, jsonpath string, flags ...string) string {
	out, err := c.kubectl(append(flags, "get", object, "-o", "jsonpath="+jsonpath)...).Output()
	if err != nil {
		return ""
	}
	return string(out)
}

// eventually waits for something that takes its time in a cluster.
func eventually(t *testing.T, limit time.Duration, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !is(); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after %s: not %s", limit, what)
		}
	}
}

// answers says whether a URL answers 200.
func answers(url string) error {
	client := http.Client{Timeout: 2 * time.Second}
	resp, err := client.Get(url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, resp.Status)
	}
	return nil
}
