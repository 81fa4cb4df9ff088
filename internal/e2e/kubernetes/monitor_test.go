package kubernetes

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"failover-monitor/internal/e2e/rig"
)

// binary is what make build leaves.
const binary = "../../../failover-monitor"

// settings are the ConfigMap, as the kubelet makes an environment of it.
func settings(m manifests) (environ []string) {
	for name, value := range m.ConfigMap.Data {
		environ = append(environ, name+"="+value)
	}
	return environ
}

// TestSettingsAreGood once the two URLs are edited. Until then no pod starts.
func TestSettingsAreGood(t *testing.T) {
	asTheyStand := settings(build(t))
	cmd := exec.Command(binary)
	cmd.Env = asTheyStand
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 2 ||
		bytes.Count(out, []byte("is the host of an example: set your own\n")) != 2 {
		t.Errorf("as they stand: %v: %s", err, out)
	}
	cmd = exec.Command(binary, "config")
	cmd.Env = append(asTheyStand, "SITE_A_HEALTH_URL=https://a.test/",
		"SITE_B_HEALTH_URL=https://b.test/")
	out, err = cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("\nLISTEN_ADDR=0.0.0.0:8000\n")) ||
		bytes.Contains(out, []byte("warning")) {
		t.Errorf("%v: %s", err, out)
	}
}

// TestBrokenTokenOfOneSite is why no probe asks /healthz: a monitor that cannot probe site B any
// more stays in the Service, and tells site B's KEDA what it knows. A restart would not cure it.
func TestBrokenTokenOfOneSite(t *testing.T) {
	m := build(t)
	container := m.Deployment.Spec.Template.Spec.Containers[0]
	site := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(site.Close)
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("Bearer x"), 0o600); err != nil {
		t.Fatal(err)
	}
	address := rig.FreeAddress(t)
	cmd := exec.Command(binary)
	cmd.Env = append(settings(m), "SITE_A_HEALTH_URL="+site.URL, "SITE_B_HEALTH_URL="+site.URL,
		"LISTEN_ADDR="+address,
		"SITE_B_EXTRA_HEADER_KEY=Authorization", "SITE_B_EXTRA_HEADER_VAL_FILE="+token,
		"CACHE_TTL_SEC=0.5", "PROBE_TIMEOUT_SEC=0.5")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })

	startup, liveness := container.StartupProbe, container.LivenessProbe
	readiness := container.ReadinessProbe
	wantAnswer(t, address, startup.HTTPGet.Path, http.StatusOK, "ok")
	wantAnswer(t, address, "/metric/site-a", http.StatusOK, `{"value":0}`)
	if err := os.Remove(token); err != nil {
		t.Fatal(err)
	}
	wantAnswer(t, address, "/healthz", http.StatusServiceUnavailable, "site-b")
	wantAnswer(t, address, "/metric/site-a", http.StatusServiceUnavailable, "site-b")
	wantAnswer(t, address, "/metric/site-b", http.StatusOK, `{"value":0}`)
	wantAnswer(t, address, liveness.HTTPGet.Path, http.StatusOK, "ok")
	wantAnswer(t, address, readiness.HTTPGet.Path, http.StatusOK, "")

	// The kubelet forgets restarts after twice its longest pause between two, which is 5 minutes.
	period := time.Duration(liveness.PeriodSeconds*liveness.FailureThreshold) * time.Second
	if period <= 10*time.Minute {
		t.Errorf("liveness restarts after %v", period)
	}
}

// TestApps starts the monitor with a ConfigMap of two apps, of which one is down at site B.
func TestApps(t *testing.T) {
	m := buildFrom(t, "testdata/apps", nil)
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/up" {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	t.Cleanup(site.Close)
	address := rig.FreeAddress(t)
	cmd := exec.Command(binary)
	cmd.Env = []string{"LISTEN_ADDR=" + address}
	ours := strings.NewReplacer("SITE_A/", site.Listener.Addr().String()+"/",
		"SITE_B/", site.Listener.Addr().String()+"/")
	for name, value := range m.ConfigMap.Data {
		if name != "LISTEN_ADDR" {
			cmd.Env = append(cmd.Env, name+"="+ours.Replace(value))
		}
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	container := m.Deployment.Spec.Template.Spec.Containers[0]
	wantAnswer(t, address, container.StartupProbe.HTTPGet.Path, http.StatusOK, "ok")
	wantAnswer(t, address, container.ReadinessProbe.HTTPGet.Path, http.StatusOK, "")
	wantAnswer(t, address, "/metric/shop/site-a", http.StatusOK, `{"value":1}`)
	wantAnswer(t, address, "/metric/blog/site-a", http.StatusOK, `{"value":0}`)
	wantAnswer(t, address, "/metric/site-a", http.StatusNotFound, `"apps":["shop","blog"]`)
}

// wantAnswer polls a path until its answer is that.
func wantAnswer(t *testing.T, address, path string, status int, text string) {
	t.Helper()
	var got string
	deadline := time.Now().Add(10 * time.Second)
	for ; time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		resp, err := http.Get("http://" + address + path)
		if err != nil {
			got = err.Error()
			continue
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if got = resp.Status + " " + string(body); resp.StatusCode == status &&
			strings.Contains(got, text) {
			return
		}
	}
	t.Fatalf("%s: got %s, want %d %s", path, got, status, text)
}
