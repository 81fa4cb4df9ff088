package kubernetes

import (
	"bytes"
	"os"
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/json"
)

// outside is deploy/prometheus/service-monitor.yaml: a monitor outside the cluster.
type outside struct {
	service   core.Service
	endpoints core.Endpoints
	monitor   monitoring.ServiceMonitor
}

// TestServiceMonitorOfAMonitorOutside checks what a Prometheus operator does with the file: the
// selector finds the Service, the Endpoints are the Service's, the ports have one name, and the
// series get the label that deploy/keda/openshift-three-monitors.yaml counts by.
func TestServiceMonitorOfAMonitorOutside(t *testing.T) {
	var o outside
	decode(t, "../../../deploy/prometheus/service-monitor.yaml", &o.service, &o.endpoints, &o.monitor)
	service, endpoints, spec := o.service, o.endpoints, o.monitor.Spec
	selector, err := meta.LabelSelectorAsSelector(&spec.Selector)
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range []labels.Set{service.Labels, endpoints.Labels} {
		if !selector.Matches(found) {
			t.Errorf("the selector %s does not find %s", selector, found)
		}
	}
	if service.Name != endpoints.Name || service.Spec.Selector != nil {
		t.Errorf("the Endpoints %s are not those of the Service %s", endpoints.Name, service.Name)
	}
	if service.Namespace != endpoints.Namespace || service.Namespace != o.monitor.Namespace {
		t.Error("they are in different namespaces")
	}
	port, subset := service.Spec.Ports[0], endpoints.Subsets[0]
	if port.Name != spec.Endpoints[0].Port || port.Name != subset.Ports[0].Name {
		t.Errorf("the ports are %s, %s and %s", spec.Endpoints[0].Port, port.Name, subset.Ports[0].Name)
	}
	if spec.Endpoints[0].Path != "/metrics" || subset.Ports[0].Port != 8000 {
		t.Errorf("scrapes %s of port %d", spec.Endpoints[0].Path, subset.Ports[0].Port)
	}
	query, err := os.ReadFile("../../../deploy/keda/openshift-three-monitors.yaml")
	if err != nil {
		t.Fatal(err)
	}
	label := spec.TargetLabels[0]
	if service.Labels[label] == "" || !strings.Contains(string(query), "by ("+label+")") {
		t.Errorf("the label %s is not on the Service, or is not what KEDA counts by", label)
	}
}

// decode decodes the documents of a file, strictly.
func decode(t *testing.T, path string, into ...any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	documents := bytes.Split(text, []byte("\n---\n"))
	if len(documents) != len(into) {
		t.Fatalf("%s has %d documents, want %d", path, len(documents), len(into))
	}
	for i, document := range documents {
		object, err := yaml.ToJSON(document)
		if err != nil {
			t.Fatal(err)
		}
		if mistakes, err := json.UnmarshalStrict(object, into[i]); len(mistakes) > 0 || err != nil {
			t.Errorf("%s: %v %v", path, mistakes, err)
		}
	}
}
