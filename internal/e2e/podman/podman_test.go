//go:build e2e

// Package podman tests the container image in real containers, started as the README says. "make
// e2e-podman" builds the image and gives the tests a podman of their own.
package podman

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"failover-monitor/internal/fakesite"
)

const image = "localhost/failover-monitor:latest"

// gateway is where containers reach this machine, and the sites of the tests.
var gateway = os.Getenv("GATEWAY")

func TestMain(m *testing.M) {
	if gateway == "" {
		fmt.Fprintln(os.Stderr, "GATEWAY is not set: run make e2e-podman")
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// shell runs a command line to its end.
func shell(t *testing.T, line string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-c", line)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s: %v", line, err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// must is a command line that has to succeed; it gives what that prints.
func must(t *testing.T, line string) string {
	t.Helper()
	code, stdout, stderr := shell(t, line)
	if code != 0 {
		t.Fatalf("%s: exit code %d: %s", line, code, stderr)
	}
	return strings.TrimSpace(stdout)
}

// read gives the text of a file at the top of the project.
func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../..", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// write makes a file that others may read, as the container's user must.
func write(t *testing.T, name, text string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// site starts a site that containers can reach.
func site(t *testing.T, behave fakesite.Behaviour) *fakesite.Site {
	t.Helper()
	s, err := fakesite.Start(net.JoinHostPort(gateway, "0"), behave)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// urls are the two settings that every monitor needs.
func urls(a, b string) string {
	return "SITE_A_HEALTH_URL=" + a + "\nSITE_B_HEALTH_URL=" + b + "\n"
}

// run starts a monitor by the README's own command, with this env file and further flags, until the
// test ends. It gives the container's name.
func run(t *testing.T, envFile, flags string) (name string) {
	t.Helper()
	name = t.Name()
	line := regexp.MustCompile(`(?s)podman run -d --name failover-monitor .*?:latest`).FindString(
		read(t, "README.md"))
	for _, change := range []struct{ from, to string }{
		{"--name failover-monitor", "--name " + name + " --network monitors " + flags},
		{"failover-monitor.env", write(t, "failover-monitor.env", envFile)},
		{"-p 8000:8000", "-p 127.0.0.1::8000"},
	} {
		if !strings.Contains(line, change.from) {
			t.Fatalf("the README's podman run has no %q: %q", change.from, line)
		}
		line = strings.Replace(line, change.from, change.to, 1)
	}
	// A container that is started for ever never shows its exit code.
	line = regexp.MustCompile(`--restart=\S+`).ReplaceAllString(line, "")
	t.Cleanup(func() { exec.Command("podman", "rm", "--force", "--time", "0", name).Run() })
	must(t, line)
	return name
}

// flags are further ones for podman run that deploy/README.md has, from the first of them on.
func flags(t *testing.T, first string) string {
	t.Helper()
	_, rest, found := strings.Cut(read(t, "deploy/README.md"), "\n    "+first)
	if !found {
		t.Fatalf("deploy/README.md has no %s", first)
	}
	rest, _, _ = strings.Cut(rest, "\n\n")
	return strings.Join(strings.Fields(strings.ReplaceAll(first+rest, "\\\n", " ")), " ")
}

// ask polls a monitor as KEDA does, at the port that podman publishes.
func ask(t *testing.T, name, path string) (status int, body string) {
	t.Helper()
	client := http.Client{Timeout: 3 * time.Second}
	resp, err := client.Get("http://" + must(t, "podman port "+name+" 8000") + path)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// wait polls until the answer has this in it, and gives how long that took.
func wait(t *testing.T, name, path, want string) time.Duration {
	t.Helper()
	began := time.Now()
	for {
		_, body := ask(t, name, path)
		if strings.Contains(body, want) {
			return time.Since(began)
		}
		if time.Since(began) > 20*time.Second {
			t.Fatalf("%s: got %q for 20 s, want %q; the log:\n%s", path, body, want, logs(t, name))
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func logs(t *testing.T, name string) string {
	t.Helper()
	return must(t, "podman logs "+name+" 2>&1")
}

func inspect(t *testing.T, name, format string) string {
	t.Helper()
	return must(t, "podman inspect "+name+" --format '"+format+"'")
}
