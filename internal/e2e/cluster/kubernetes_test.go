package cluster

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// prometheusOperator has the CRD of a ServiceMonitor.
const prometheusOperator = "github.com/prometheus-operator/prometheus-operator@v0.85.0"

// TestKubernetesFolder applies deploy/kubernetes, and then with each of its components, validated
// strictly by the API server, whose admission must let the pods in as well.
func TestKubernetesFolder(t *testing.T) {
	must(t, control.try("apply", "--server-side", "-f", serviceMonitorCRD(t)))
	must(t, control.try("wait", "--for=condition=Established", "--timeout=60s",
		"crd/servicemonitors.monitoring.coreos.com"))
	folder := filepath.Join(root, "deploy/kubernetes")
	components, err := filepath.Glob(filepath.Join(folder, "*", "kustomization.yaml"))
	must(t, err)
	kustomizations := []string{folder}
	for _, component := range components {
		kustomizations = append(kustomizations, combined(t, folder, filepath.Dir(component)))
	}
	for _, kustomization := range kustomizations {
		manifest, err := control.kubectl("kustomize", kustomization).Output()
		must(t, err)
		must(t, control.tryApply(string(manifest)))
		eventually(t, time.Minute, "2 pods", func() bool {
			return control.field("deployment/failover-monitor", "{.status.replicas}",
				"--namespace=failover-monitor") == "2"
		})
		must(t, control.try("delete", "namespace", "failover-monitor", "--timeout=2m"))
	}
}

// combined makes a kustomization of a folder with a component.
func combined(t *testing.T, folder, component string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	relative := func(path string) string {
		absolute, err := filepath.Abs(path)
		must(t, err)
		path, err = filepath.Rel(dir, absolute)
		must(t, err)
		return path
	}
	text := fmt.Sprintf("resources: [%s]\ncomponents: [%s]\n", relative(folder), relative(component))
	must(t, os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(text), 0o600))
	return dir
}

func serviceMonitorCRD(t *testing.T) (path string) {
	t.Helper()
	out, err := exec.Command("go", "mod", "download", "-json", prometheusOperator).Output()
	must(t, err)
	var module struct{ Dir string }
	must(t, json.Unmarshal(out, &module))
	return filepath.Join(module.Dir,
		"example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml")
}
