//go:build e2e

// Package kubelet applies deploy/kubernetes to a real kubelet, and looks at its pods. "make
// e2e-kubelet" starts all that this takes.
package kubelet

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// gateway is where pods reach this machine, and the sites that the tests play.
const gateway = "10.244.77.1"

func TestMain(m *testing.M) {
	if os.Getenv("WORK") == "" {
		fmt.Fprintln(os.Stderr, "WORK is not set: run make e2e-kubelet")
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// kubectl runs in the monitor's namespace, and has to succeed.
func kubectl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := tryKubectl(args...)
	if err != nil {
		t.Fatalf("kubectl %q: %v: %s", args, err, out)
	}
	return out
}

func tryKubectl(args ...string) (string, error) {
	args = append([]string{"--namespace=failover-monitor"}, args...)
	out, err := exec.Command(filepath.Join(os.Getenv("BIN"), "kubectl"), args...).CombinedOutput()
	return string(bytes.TrimSpace(out)), err
}

// site is up, and remembers the token that it was sent last.
type site struct {
	url   string
	token atomic.Value
}

func newSite(t *testing.T) *site {
	t.Helper()
	listener, err := net.Listen("tcp", gateway+":0")
	if err != nil {
		t.Fatal(err)
	}
	s := &site{url: "http://" + listener.Addr().String()}
	s.token.Store("")
	handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		s.token.Store(r.Header.Get("Authorization"))
	})
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: handler}}
	server.Start()
	t.Cleanup(server.Close)
	return s
}

// overlay is the kustomization of a user who has set what there is to set. The patches name the
// node, since there is no scheduler, and shorten what a test cannot wait for: the 12 minutes of
// liveness.
const overlay = `
resources: [%s]
namespace: failover-monitor
images:
  - {name: registry.example.com/failover-monitor, newName: localhost/failover-monitor, newTag: e2e}
configMapGenerator:
  - {name: failover-monitor, behavior: merge, literals: [%s]}
patches:
  - target: {kind: Deployment}
    patch: |-
      - {op: add, path: /spec/template/spec/nodeName, value: e2e}
      - op: replace
        path: /spec/template/spec/containers/0/livenessProbe
        value: {httpGet: {path: /livez, port: http}, periodSeconds: 2, failureThreshold: 3}
`

// apply is kubectl apply -k, with these settings.
func apply(t *testing.T, settings ...string) {
	t.Helper()
	folder := t.TempDir()
	base, err := filepath.Abs("../../../deploy/kubernetes")
	if err != nil {
		t.Fatal(err)
	}
	if base, err = filepath.Rel(folder, base); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf(overlay, base, strings.Join(settings, ", "))
	file := filepath.Join(folder, "kustomization.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	kubectl(t, "apply", "-k", folder)
}

// readyPods gives name and address of each pod that is ready.
func readyPods(t *testing.T) map[string]string {
	t.Helper()
	pods := map[string]string{}
	out := kubectl(t, "get", "pods", "-o", `jsonpath={range .items[*]}{.metadata.name} `+
		`{.status.podIP} {.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}`)
	for line := range strings.Lines(out) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[2] == "True" {
			pods[fields[0]] = fields[1]
		}
	}
	return pods
}

func ask(address, path string) (answer string, err error) {
	client := http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + address + ":8000" + path)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.Status + " " + string(body), err
}

// eventually waits until it is so, and gives how long that took.
func eventually(t *testing.T, limit time.Duration, what string, is func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	for !is() {
		if time.Since(began) > limit {
			pods, _ := tryKubectl("get", "pods", "-o", "wide")
			t.Fatalf("after %v: not %s\n%s", limit, what, pods)
		}
		time.Sleep(100 * time.Millisecond)
	}
	return time.Since(began)
}

func wantAnswers(t *testing.T, pods map[string]string) {
	t.Helper()
	for name, address := range pods {
		answer, err := ask(address, "/metric/site-a")
		if err != nil || answer != "200 OK {\"value\":0}\n" {
			t.Errorf("%s: %q %v", name, answer, err)
		}
	}
}

// TestPods is one story, since a rollout takes its time.
func TestPods(t *testing.T) {
	a, b := newSite(t), newSite(t)
	settings := []string{"SITE_A_HEALTH_URL=" + a.url, "SITE_B_HEALTH_URL=" + b.url,
		"EXTRA_HEADER_KEY=Authorization", "EXTRA_HEADER_VAL_FILE=/etc/failover-monitor/token"}
	kubectl(t, "create", "namespace", "failover-monitor")
	kubectl(t, "create", "secret", "generic", "failover-monitor", "--from-literal=token=Bearer first")
	apply(t, settings...)
	kubectl(t, "rollout", "status", "deployment/failover-monitor", "--timeout=2m")
	good := readyPods(t)
	if len(good) != 2 {
		t.Fatalf("ready: %v", good)
	}
	wantAnswers(t, good)
	if token := a.token.Load(); token != "Bearer first" {
		t.Errorf("the site is sent %q", token)
	}

	t.Run("a bad setting keeps the old pods", func(t *testing.T) {
		apply(t, append(slices.Clone(settings), "FAILURE_THRESHOLD=none")...)
		out, err := tryKubectl("rollout", "status", "deployment/failover-monitor", "--timeout=30s")
		if err == nil {
			t.Errorf("the rollout went through: %s", out)
		}
		wantAnswers(t, good)
		if ready := readyPods(t); len(ready) != 2 {
			t.Errorf("ready: %v", ready)
		}
		kubectl(t, "rollout", "undo", "deployment/failover-monitor")
		kubectl(t, "rollout", "status", "deployment/failover-monitor", "--timeout=1m")
	})

	t.Run("a token that changes in its Secret", func(t *testing.T) {
		kubectl(t, "patch", "secret", "failover-monitor",
			"--patch", `{"stringData": {"token": "Bearer second"}}`)
		after := eventually(t, 2*time.Minute, "the new token",
			func() bool { return a.token.Load() == "Bearer second" })
		t.Logf("the site was sent the new token after %v", after.Round(time.Second))
		for name := range good { // a container that restarts has it anyway
			if count := restarts(t, name); count != "0" {
				t.Errorf("%s restarted %s times", name, count)
			}
		}
	})

	t.Run("liveness", func(t *testing.T) {
		name := slices.Sorted(maps.Keys(good))[0]
		pid := processOf(t, name)
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		after := eventually(t, time.Minute, "restarted",
			func() bool { return restarts(t, name) == "1" })
		t.Logf("a process that stands still was restarted after %v", after.Round(time.Second))
		eventually(t, time.Minute, "ready again", func() bool { return readyPods(t)[name] != "" })
	})

	t.Run("preStop", func(t *testing.T) {
		name := slices.Sorted(maps.Keys(good))[1]
		began, last := time.Now(), time.Duration(0)
		kubectl(t, "delete", "pod", name, "--wait=false")
		for time.Since(began) < 15*time.Second {
			if _, err := ask(good[name], "/metric/site-a"); err == nil {
				last = time.Since(began)
			}
			time.Sleep(50 * time.Millisecond)
		}
		if last < 4*time.Second || last > 8*time.Second {
			t.Errorf("it answered for %v, want the 5 s of preStop", last)
		}
		t.Logf("a pod that is deleted answered for %v more", last.Round(100*time.Millisecond))
	})

	t.Run("one app's token is missing", func(t *testing.T) {
		apply(t, `"APPS=shop,pay"`, `"SITE_A_HEALTH_URL=`+a.url+`/{app}"`,
			`"SITE_B_HEALTH_URL=`+b.url+`/{app}"`, "EXTRA_HEADER_KEY=Authorization",
			"EXTRA_HEADER_VAL_FILE=/etc/failover-monitor/token",
			"APP_PAY_EXTRA_HEADER_VAL_FILE=/etc/failover-monitor/gone")
		kubectl(t, "rollout", "status", "deployment/failover-monitor", "--timeout=2m")
		time.Sleep(10 * time.Second) // liveness would have restarted them after 6 s
		pods := readyPods(t)
		if len(pods) != 2 {
			t.Errorf("ready: %v", pods)
		}
		for name, address := range pods {
			for path, want := range map[string]string{"/metric/shop/site-a": "200 OK",
				"/metric/pay/site-a": "503 ", "/healthz": "503 ", "/livez": "200 OK",
				"/readyz": "200 OK"} {
				if got, err := ask(address, path); !strings.HasPrefix(got, want) {
					t.Errorf("%s of %s: %s %v, want %s", path, name, got, err, want)
				}
			}
			if count := restarts(t, name); count != "0" {
				t.Errorf("%s restarted %s times", name, count)
			}
		}
	})
}

func restarts(t *testing.T, pod string) string {
	t.Helper()
	return kubectl(t, "get", "pod", pod,
		"-o", "jsonpath={.status.containerStatuses[0].restartCount}")
}

// processOf gives the process of a pod's container, which has the pod's name as its host's.
func processOf(t *testing.T, pod string) (pid int) {
	t.Helper()
	environs, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range environs {
		folder := filepath.Dir(file)
		environ, _ := os.ReadFile(file)
		command, _ := os.ReadFile(filepath.Join(folder, "cmdline"))
		if strings.HasPrefix(string(command), "/failover-monitor\x00") &&
			strings.Contains(string(environ), "HOSTNAME="+pod+"\x00") {
			if pid, err = strconv.Atoi(filepath.Base(folder)); err != nil {
				t.Fatal(err)
			}
			return pid
		}
	}
	t.Fatalf("there is no process of %s", pod)
	return 0
}
