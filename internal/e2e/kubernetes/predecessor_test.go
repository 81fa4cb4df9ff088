package kubernetes

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"

	route "github.com/openshift/api/route/v1"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"failover-monitor/internal/e2e/rig"
)

// TestPredecessorsManifest goes on working with the image alone changed: OpenShift admits it, the
// monitor starts on its ConfigMap, and its probes and Service reach what the monitor listens on.
func TestPredecessorsManifest(t *testing.T) {
	var settings core.ConfigMap
	var deployment apps.Deployment
	var service core.Service
	var way route.Route
	kinds := map[string]any{
		"ConfigMap": &settings, "Deployment": &deployment, "Service": &service, "Route": &way,
	}
	for _, o := range readObjects(t, "testdata/predecessor/failover-app.yaml") {
		text, err := yaml.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.UnmarshalStrict(text, kinds[o["kind"].(string)]); err != nil {
			t.Errorf("%s: %v", o["kind"], err)
		}
		if o["kind"] == "Route" {
			wantSchema(t, o)
		}
	}
	pod := deployment.Spec.Template
	if broken := breaches(pod.Spec); len(broken) > 0 {
		t.Errorf("it breaks %q", broken)
	}
	container := pod.Spec.Containers[0]
	if got := container.EnvFrom[0].ConfigMapRef.Name; got != settings.Name {
		t.Fatalf("the settings are from %s", got)
	}

	site := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(site.Close)
	settings.Data["SITE_A_HEALTH_URL"], settings.Data["SITE_B_HEALTH_URL"] = site.URL, site.URL
	address := rig.FreeAddress(t)
	cmd := exec.Command(binary)
	for name, value := range settings.Data {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	shown := exec.Command(binary, "config")
	shown.Env = cmd.Env
	out, err := shown.CombinedOutput()
	want := fmt.Sprintf("\nLISTEN_ADDR=0.0.0.0:%d\n", container.Ports[0].ContainerPort)
	if err != nil || !strings.Contains(string(out), want) {
		t.Errorf("%v: the pod does not listen on its port: %s", err, out)
	}
	cmd.Env = append(cmd.Env, "LISTEN_ADDR="+address)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	wantAnswer(t, address, container.ReadinessProbe.HTTPGet.Path, http.StatusOK, "ok")
	wantAnswer(t, address, container.LivenessProbe.HTTPGet.Path, http.StatusOK, "ok")
	wantAnswer(t, address, "/metric/site-a", http.StatusOK, `{"value":0}`)
	for what, port := range map[string]int32{
		"readiness": container.ReadinessProbe.HTTPGet.Port.IntVal,
		"liveness":  container.LivenessProbe.HTTPGet.Port.IntVal,
		"Service":   service.Spec.Ports[0].TargetPort.IntVal,
	} {
		if port != container.Ports[0].ContainerPort {
			t.Errorf("%s asks port %d", what, port)
		}
	}
}
