// Package kubernetes builds deploy/kubernetes as kubectl apply -k does, and checks what comes out:
// every field against the types of Kubernetes, the pods against its restricted Pod Security
// Standard, names that have to agree, and the settings and probes against the monitor itself.
package kubernetes

import (
	"maps"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/pod-security-admission/api"
	security "k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/json"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// manifests is all that is applied.
type manifests struct {
	Namespace           core.Namespace
	ConfigMap           core.ConfigMap
	Service             core.Service
	Deployment          apps.Deployment
	PodDisruptionBudget policy.PodDisruptionBudget
	NetworkPolicy       networking.NetworkPolicy
	ServiceMonitor      monitoring.ServiceMonitor
}

func build(t *testing.T) manifests {
	t.Helper()
	return buildFrom(t, "testdata/with-service-monitor", nil)
}

// buildFrom gives the objects, decoded strictly: a misspelt field is an error. Those of further
// kinds go where also says.
func buildFrom(t *testing.T, folder string, also map[string]any) manifests {
	t.Helper()
	kustomizer := krusty.MakeKustomizer(krusty.MakeDefaultOptions())
	built, err := kustomizer.Run(filesys.MakeFsOnDisk(), folder)
	if err != nil {
		t.Fatal(err)
	}
	var m manifests
	kinds := map[string]any{
		"Namespace": &m.Namespace, "ConfigMap": &m.ConfigMap, "Service": &m.Service,
		"Deployment":          &m.Deployment,
		"PodDisruptionBudget": &m.PodDisruptionBudget, "NetworkPolicy": &m.NetworkPolicy,
		"ServiceMonitor": &m.ServiceMonitor,
	}
	maps.Copy(kinds, also)
	for _, resource := range built.Resources() {
		if into := kinds[resource.GetKind()]; into == nil {
			t.Errorf("there is another %s", resource.GetKind())
		} else if mistakes, err := json.UnmarshalStrict(jsonOf(t, resource), into); len(mistakes) > 0 ||
			err != nil {
			t.Errorf("%s: %v %v", resource.GetKind(), mistakes, err)
		}
		delete(kinds, resource.GetKind())
	}
	if len(kinds) > 0 {
		t.Errorf("missing: %v", kinds)
	}
	return m
}

func jsonOf(t *testing.T, resource *resource.Resource) []byte {
	t.Helper()
	text, err := resource.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestManifestsDecode(t *testing.T) {
	build(t)
}

func TestPodsAreRestricted(t *testing.T) {
	wantRestricted(t, build(t).Deployment.Spec.Template)
}

func wantRestricted(t *testing.T, pod core.PodTemplateSpec) {
	t.Helper()
	evaluator, err := security.NewEvaluator(security.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	level := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	for _, result := range evaluator.EvaluatePod(level, &pod.ObjectMeta, &pod.Spec) {
		if !result.Allowed {
			t.Errorf("%s: %s", result.ForbiddenReason, result.ForbiddenDetail)
		}
	}
	container := pod.Spec.Containers[0]
	if !*container.SecurityContext.ReadOnlyRootFilesystem || *pod.Spec.AutomountServiceAccountToken {
		t.Error("the root file system can be written, or there is a token of the API server")
	}
}

// TestNamesAgree since a selector that matches nothing is no error to Kubernetes.
func TestNamesAgree(t *testing.T) {
	wantNamesAgree(t, build(t))
}

func wantNamesAgree(t *testing.T, m manifests) {
	t.Helper()
	pod := m.Deployment.Spec.Template
	for what, selector := range map[string]*meta.LabelSelector{
		"Deployment":          m.Deployment.Spec.Selector,
		"Service":             {MatchLabels: m.Service.Spec.Selector},
		"PodDisruptionBudget": m.PodDisruptionBudget.Spec.Selector,
		"NetworkPolicy":       &m.NetworkPolicy.Spec.PodSelector,
		"spread over nodes":   pod.Spec.TopologySpreadConstraints[0].LabelSelector,
		"spread over zones":   pod.Spec.TopologySpreadConstraints[1].LabelSelector,
	} {
		wantMatch(t, what, selector, pod.Labels)
	}
	wantMatch(t, "ServiceMonitor", &m.ServiceMonitor.Spec.Selector, m.Service.Labels)

	container, http := pod.Spec.Containers[0], intstr.FromString("http")
	if port := container.Ports[0]; port.Name != "http" || port.ContainerPort != 8000 {
		t.Errorf("the container's port is %v", port)
	}
	for what, port := range map[string]intstr.IntOrString{
		"Service":       m.Service.Spec.Ports[0].TargetPort,
		"NetworkPolicy": *m.NetworkPolicy.Spec.Ingress[0].Ports[0].Port,
		"startup":       container.StartupProbe.HTTPGet.Port,
		"readiness":     container.ReadinessProbe.HTTPGet.Port,
		"liveness":      container.LivenessProbe.HTTPGet.Port,
	} {
		if port != http {
			t.Errorf("%s asks port %v", what, port)
		}
	}
	if endpoint := m.ServiceMonitor.Spec.Endpoints[0]; endpoint.Port != m.Service.Spec.Ports[0].Name {
		t.Errorf("the ServiceMonitor asks port %s", endpoint.Port)
	}
	if settings := container.EnvFrom[0].ConfigMapRef.Name; settings != m.ConfigMap.Name {
		t.Errorf("the settings are from %s, and not %s", settings, m.ConfigMap.Name)
	}
	for what, namespace := range map[string]string{"Deployment": m.Deployment.Namespace,
		"ServiceMonitor": m.ServiceMonitor.Namespace} {
		if namespace != m.Namespace.Name {
			t.Errorf("%s is in %s", what, namespace)
		}
	}
}

func wantMatch(t *testing.T, what string, selector *meta.LabelSelector, of labels.Set) {
	t.Helper()
	parsed, err := meta.LabelSelectorAsSelector(selector)
	if err != nil || parsed.Empty() || !parsed.Matches(of) {
		t.Errorf("%s: %v does not select %v", what, selector, of)
	}
}
