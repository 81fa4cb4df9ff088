//go:build e2e

package podman

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"failover-monitor/internal/e2e/pty"
)

// TestDemoInAContainer has a line for each change without a terminal.
func TestDemoInAContainer(t *testing.T) {
	name := must(t, "podman run --detach --network none "+image+" demo")
	t.Cleanup(func() { exec.Command("podman", "rm", "--force", "--time", "0", name).Run() })
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		if strings.Contains(logs(t, name), " UTC  site-a: its KEDA is told 0\n") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the demo says\n%s", logs(t, name))
		}
	}
	if text := logs(t, name); strings.Contains(text, "\x1b") || strings.Contains(text, "Keys") {
		t.Errorf("without a terminal it says\n%q", text)
	}
}

// TestDemoInAContainerWithKeys breaks site B by a key, with -it.
func TestDemoInAContainerWithKeys(t *testing.T) {
	person := pty.New(t)
	cmd := exec.Command("podman", "run", "--rm", "-it", "--network", "none", image, "demo")
	person.Attach(cmd)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	person.Await(t, "site-a   up ")
	person.Press(t, "b")
	person.Await(t, "1: scale up       4 ####")
	person.Press(t, "q")
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v:\n%s", err, person.Output())
	}
	if after := person.Mode(t); after != person.Before {
		t.Errorf("the terminal is %+v, before %+v", after, person.Before)
	}
}
