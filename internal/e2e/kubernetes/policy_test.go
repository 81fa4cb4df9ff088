package kubernetes

import (
	"bytes"
	"maps"
	"os"
	"reflect"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// object is one of a YAML file's, of any kind.
type object = map[string]any

func readObjects(t *testing.T, file string) (objects []object) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, document := range bytes.Split(text, []byte("\n---\n")) {
		var o object
		if err := yaml.UnmarshalStrict(document, &o); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		objects = append(objects, o)
	}
	return objects
}

// at follows keys into an object, and takes the first entry of each list on the way.
func at(t *testing.T, value any, keys ...string) any {
	t.Helper()
	for _, key := range keys {
		if list, ok := value.([]any); ok && len(list) == 1 {
			value = list[0]
		}
		parent, ok := value.(object)
		if !ok || parent[key] == nil {
			t.Fatalf("there is no %s in %v", key, value)
		}
		value = parent[key]
	}
	return value
}

// TestPolicy checks each object by its CRD, the names by which they find each other, and that they
// distribute the very ScaledObjects of deploy/keda, at the Route's URL.
func TestPolicy(t *testing.T) {
	policies := 0
	bound := map[string]string{} // policy by placement
	placed := map[string]bool{}
	for _, o := range readObjects(t, openshift+"/policy.yaml") {
		name := at(t, o, "metadata", "name").(string)
		switch o["kind"] {
		case "Policy":
			policies++
			configuration := at(t, o, "spec", "policy-templates", "objectDefinition").(object)
			template := at(t, configuration, "spec", "object-templates").([]any)[0].(object)
			if template["complianceType"] != "mustonlyhave" ||
				template["metadataComplianceType"] != "musthave" {
				t.Errorf("%s: %v", name, template)
			}
			site := strings.TrimPrefix(name, "failover-")
			want := readObjects(t, "../../../deploy/keda/"+site+".yaml")[0]
			trigger := at(t, want, "spec", "triggers", "metadata").(object)
			trigger["url"] = "https://failover-monitor.apps.example.com/metric/" + site
			if got := template["objectDefinition"]; !reflect.DeepEqual(got, any(want)) {
				t.Errorf("%s distributes\n%v, want\n%v", name, got, want)
			}
			wantSchema(t, configuration)
		case "Placement":
			placed[name] = true
		case "PlacementBinding":
			bound[at(t, o, "placementRef", "name").(string)] = at(t, o, "subjects", "name").(string)
		}
		wantSchema(t, o)
	}
	const a, b = "failover-site-a", "failover-site-b"
	if policies != 2 || !maps.Equal(bound, map[string]string{a: a, b: b}) || !placed[a] || !placed[b] {
		t.Errorf("%d policies, placements %v, bound by %v", policies, placed, bound)
	}
}

func wantSchema(t *testing.T, o object) {
	t.Helper()
	for _, mistake := range schemaMistakes(t, o) {
		t.Errorf("%s: %s", o["kind"], mistake)
	}
}
