//go:build e2e

package podman

import (
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.yaml.in/yaml/v2"

	"failover-monitor/internal/fakesite"
)

// The pods of deploy/kubernetes, as podman kube play makes them of what kustomize prints: the
// image, the ConfigMap, the Secret and the security context are real. Podman 4.3 leaves out all
// that is a cluster's: Namespace, Service, NetworkPolicy, PodDisruptionBudget, the spread over
// nodes, the rollout, preStop, and the startup and readiness probes, which the tests ask in its
// place. Of the liveness probe it makes a command with curl, which the image does not have: podman
// kube play is no way to run the monitor for good.

// pod is the container that podman makes.
const pod = "failover-monitor-pod-0-failover-monitor"

// overlay is the kustomization of a user who has set what there is to set. The patches are for
// podman: it publishes each containerPort at the host's port of the same number, makes all replicas
// on this one machine, and leaves out an optional volume whether its Secret is there or not.
const overlay = `
resources: [%s]
namespace: failover-monitor
replicas: [{name: failover-monitor, count: 1}]
images: [{name: registry.example.com/failover-monitor, newName: localhost/failover-monitor}]
configMapGenerator:
  - {name: failover-monitor, behavior: merge, literals: [%s]}
secretGenerator:
  - name: failover-monitor
    literals: ["token=Bearer geheim"]
    options: {disableNameSuffixHash: true}
patches:
  - target: {kind: Deployment}
    patch: |-
      - {op: add, path: /spec/template/spec/containers/0/ports/0/hostPort, value: %d}
      - {op: replace, path: /spec/template/spec/volumes/0/secret/optional, value: %t}
`

// probes are those of the manifest.
type probes struct{ startup, readiness string }

// play starts the pod with these settings until the test ends.
func play(t *testing.T, withSecret bool, settings ...string) probes {
	t.Helper()
	folder := t.TempDir()
	base, err := filepath.Abs("../../../deploy/kubernetes")
	if err != nil {
		t.Fatal(err)
	}
	if base, err = filepath.Rel(folder, base); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf(overlay, base, strings.Join(settings, ", "), freePort(t), !withSecret)
	file := filepath.Join(folder, "kustomization.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(folder, "manifests.yaml")
	manifests := must(t, "kustomize build "+folder)
	if err := os.WriteFile(file, []byte(manifests), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		exec.Command("podman", "kube", "down", file).Run()
		exec.Command("podman", "volume", "rm", "--force", "failover-monitor").Run()
		exec.Command("podman", "secret", "rm", "failover-monitor").Run()
	})
	must(t, "podman kube play --network monitors "+file)
	return probesOf(t, manifests)
}

func probesOf(t *testing.T, manifests string) probes {
	t.Helper()
	type probe struct {
		HTTPGet struct{ Path string } `yaml:"httpGet"`
	}
	for _, document := range strings.Split(manifests, "\n---\n") {
		var o struct {
			Kind string
			Spec struct {
				Template struct {
					Spec struct {
						Containers []struct {
							Startup   probe `yaml:"startupProbe"`
							Readiness probe `yaml:"readinessProbe"`
						}
					}
				}
			}
		}
		if err := yaml.Unmarshal([]byte(document), &o); err != nil {
			t.Fatal(err)
		}
		if o.Kind == "Deployment" {
			c := o.Spec.Template.Spec.Containers[0]
			return probes{c.Startup.HTTPGet.Path, c.Readiness.HTTPGet.Path}
		}
	}
	t.Fatal("there is no Deployment")
	return probes{}
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// wantReady asks what the kubelet would ask: startup first, then readiness.
func wantReady(t *testing.T, p probes) {
	t.Helper()
	for _, path := range []string{p.startup, p.readiness} {
		wantStatus(t, path, http.StatusOK)
	}
}

func wantStatus(t *testing.T, path string, want int) {
	t.Helper()
	var status int
	var body string
	deadline := time.Now().Add(20 * time.Second)
	for ; time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if status, body = ask(t, pod, path); status == want {
			return
		}
	}
	t.Fatalf("%s: %d %q, want %d; the log:\n%s", path, status, body, want, logs(t, pod))
}

func TestPodBecomesReady(t *testing.T) {
	a, b := site(t, fakesite.Answer(http.StatusOK)), site(t, fakesite.Answer(http.StatusOK))
	p := play(t, false, "SITE_A_HEALTH_URL=http://"+a.Address(),
		"SITE_B_HEALTH_URL=http://"+b.Address())
	wantReady(t, p)
	wait(t, pod, "/metric/site-a", `{"value":0}`)
	b.Refuse()
	wait(t, pod, "/metric/site-a", `{"value":1}`)
	wait(t, pod, "/metric/site-b", `{"value":0}`)

	process := "/proc/" + inspect(t, pod, "{{.State.Pid}}") + "/"
	status := must(t, "cat "+process+"status")
	for _, want := range []string{"Uid:\t65532\t65532\t65532\t65532", "NoNewPrivs:\t1",
		"Seccomp:\t2", "CapEff:\t0+", "CapBnd:\t0+"} {
		if !regexp.MustCompile("(?m)^" + want + "$").MatchString(status) {
			t.Errorf("want %q in\n%s", want, status)
		}
	}
	root := must(t, "grep ' / ' "+process+"mounts")
	if !regexp.MustCompile(`(?m)^\S+ / \S+ ro,`).MatchString(root) {
		t.Errorf("the root file system can be written: %s", root)
	}
	if memory := inspect(t, pod, "{{.HostConfig.Memory}}"); memory != "67108864" {
		t.Errorf("the limit of memory is %s bytes, want 64 MiB", memory)
	}
}

// TestPodOfApps has a ConfigMap of two apps.
func TestPodOfApps(t *testing.T) {
	up, b := site(t, fakesite.Answer(http.StatusOK)), site(t, fakesite.Answer(http.StatusOK))
	p := play(t, false, `"APPS=shop,blog"`, `"SITE_A_HEALTH_URL=http://`+up.Address()+`/{app}"`,
		`"SITE_B_HEALTH_URL=http://`+up.Address()+`/{app}"`,
		"APP_SHOP_SITE_B_HEALTH_URL=http://"+b.Address())
	wantReady(t, p)
	wait(t, pod, "/metric/shop/site-a", `{"value":0}`)
	b.Refuse()
	wait(t, pod, "/metric/shop/site-a", `{"value":1}`)
	wait(t, pod, "/metric/blog/site-a", `{"value":0}`)
}

// TestPodSendsItsToken from the Secret. Podman 4.3 forgets to decode the Secret's base64.
func TestPodSendsItsToken(t *testing.T) {
	var header atomic.Value
	listener, err := net.Listen("tcp", net.JoinHostPort(gateway, "0"))
	if err != nil {
		t.Fatal(err)
	}
	site := &httptest.Server{Listener: listener, Config: &http.Server{Handler: http.HandlerFunc(
		func(_ http.ResponseWriter, r *http.Request) { header.Store(r.Header.Get("Authorization")) })}}
	site.Start()
	t.Cleanup(site.Close)

	p := play(t, true, "SITE_A_HEALTH_URL="+site.URL, "SITE_B_HEALTH_URL="+site.URL,
		"EXTRA_HEADER_KEY=Authorization", "EXTRA_HEADER_VAL_FILE=/etc/failover-monitor/token")
	wantReady(t, p)
	const token = "Bearer geheim"
	if got := header.Load(); got != token && got != base64.StdEncoding.EncodeToString([]byte(token)) {
		t.Errorf("the site is sent %q", got)
	}
	if strings.Contains(logs(t, pod), "geheim") {
		t.Error("the token is in the log")
	}
}

// TestPodWithoutItsToken is alive and not ready: a rollout would stop here.
func TestPodWithoutItsToken(t *testing.T) {
	url := "http://" + gateway + ":1"
	p := play(t, false, "SITE_A_HEALTH_URL="+url, "SITE_B_HEALTH_URL="+url,
		"EXTRA_HEADER_KEY=Authorization", "EXTRA_HEADER_VAL_FILE=/etc/failover-monitor/token")
	wantStatus(t, p.startup, http.StatusServiceUnavailable)
}

// TestPodWithBadSettings never answers, however often it is started: here with the URLs that nobody
// has edited.
func TestPodWithBadSettings(t *testing.T) {
	p := play(t, false)
	deadline := time.Now().Add(5 * time.Second)
	for ; time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		if status, body := ask(t, pod, p.startup); status != 0 {
			t.Fatalf("%s: %d %q", p.startup, status, body)
		}
	}
	if log := logs(t, pod); !strings.Contains(log, "is the host of an example: set your own") {
		t.Errorf("the log:\n%s", log)
	}
}
