package kubernetes

import (
	"encoding/json"
	"slices"
	"testing"

	route "github.com/openshift/api/route/v1"
	core "k8s.io/api/core/v1"
	core127 "k8s.io/api127/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	strict "sigs.k8s.io/json"
)

const (
	openshift          = "../../../deploy/openshift"
	beforeOpenShift417 = "testdata/before-4.17"
)

// buildOpenShift gives what oc apply -k sends.
func buildOpenShift(t *testing.T, folder string) (manifests, route.Route) {
	t.Helper()
	var r route.Route
	return buildFrom(t, folder, map[string]any{"Route": &r}), r
}

func TestRoute(t *testing.T) {
	m, r := buildOpenShift(t, openshift)
	wantSchema(t, readObjects(t, openshift+"/route.yaml")[0])
	to := r.Spec.To
	if to.Kind != "Service" || to.Name != m.Service.Name || r.Namespace != m.Namespace.Name {
		t.Errorf("the Route in %s leads to %s %s", r.Namespace, to.Kind, to.Name)
	}
	if r.Spec.Port.TargetPort.StrVal != m.Service.Spec.Ports[0].Name {
		t.Errorf("the Route asks port %v", r.Spec.Port.TargetPort)
	}
	if r.Spec.TLS.Termination != route.TLSTerminationEdge || r.Spec.Host != "" {
		t.Errorf("TLS %v, host %q; want edge, and the router's own host", r.Spec.TLS, r.Spec.Host)
	}
}

// TestServiceOfTheRoute since Kubernetes refuses an externalTrafficPolicy on a ClusterIP.
func TestServiceOfTheRoute(t *testing.T) {
	m, _ := buildOpenShift(t, openshift)
	spec := m.Service.Spec
	if spec.Type != core.ServiceTypeClusterIP || spec.ExternalTrafficPolicy != "" {
		t.Errorf("type %q, externalTrafficPolicy %q", spec.Type, spec.ExternalTrafficPolicy)
	}
	wantNamesAgree(t, m)
}

// TestNetworkPolicyOfOpenShift lets in the two that ask, under the labels that OpenShift gives
// their namespaces, and nobody else.
func TestNetworkPolicyOfOpenShift(t *testing.T) {
	m, _ := buildOpenShift(t, openshift)
	if len(m.NetworkPolicy.Spec.Ingress) != 1 {
		t.Fatalf("%d rules", len(m.NetworkPolicy.Spec.Ingress))
	}
	for name, c := range map[string]struct {
		labels labels.Set
		want   bool
	}{
		"router": {labels.Set{"kubernetes.io/metadata.name": "openshift-ingress",
			"policy-group.network.openshift.io/ingress": "",
			"network.openshift.io/policy-group":         "ingress"}, true},
		"router on the host network": {labels.Set{"kubernetes.io/metadata.name": "openshift-host-network",
			"policy-group.network.openshift.io/ingress":      "",
			"policy-group.network.openshift.io/host-network": ""}, true},
		"user workload monitoring": {labels.Set{
			"kubernetes.io/metadata.name":       "openshift-user-workload-monitoring",
			"network.openshift.io/policy-group": "monitoring",
			"openshift.io/cluster-monitoring":   "true"}, true},
		"another": {labels.Set{"kubernetes.io/metadata.name": "default"}, false},
	} {
		var got bool
		for _, peer := range m.NetworkPolicy.Spec.Ingress[0].From {
			if peer.IPBlock != nil || peer.PodSelector == nil || len(peer.PodSelector.MatchLabels) > 0 {
				t.Errorf("%v: want any pod of a namespace", peer)
				continue
			}
			selector, err := meta.LabelSelectorAsSelector(peer.NamespaceSelector)
			if err != nil {
				t.Fatal(err)
			}
			got = got || selector.Matches(c.labels)
		}
		if got != c.want {
			t.Errorf("%s: let in %t, want %t", name, got, c.want)
		}
	}
}

// TestOpenShift4_14 decodes the pods by the types of Kubernetes 1.27: a field that is newer would
// be dropped there, and a preStop hook without its sleep is refused.
func TestOpenShift4_14(t *testing.T) {
	m, _ := buildOpenShift(t, beforeOpenShift417)
	if unknown := unknownToKubernetes127(t, m.Deployment.Spec.Template.Spec); len(unknown) > 0 {
		t.Errorf("with before-4.17: Kubernetes 1.27 does not know %q", unknown)
	}
	m, _ = buildOpenShift(t, openshift)
	unknown := unknownToKubernetes127(t, m.Deployment.Spec.Template.Spec)
	want := []string{`unknown field "containers[0].lifecycle.preStop.sleep"`}
	if !slices.Equal(unknown, want) {
		t.Errorf("without it: Kubernetes 1.27 does not know %q, want %q", unknown, want)
	}
}

// unknownToKubernetes127 decodes a pod strictly by the types of that version.
func unknownToKubernetes127(t *testing.T, pod core.PodSpec) (unknown []string) {
	t.Helper()
	text, err := json.Marshal(pod)
	if err != nil {
		t.Fatal(err)
	}
	mistakes, err := strict.UnmarshalStrict(text, &core127.PodSpec{})
	if err != nil {
		t.Fatal(err)
	}
	for _, mistake := range mistakes {
		unknown = append(unknown, mistake.Error())
	}
	return unknown
}
