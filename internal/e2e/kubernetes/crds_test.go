package kubernetes

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	crd "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"
)

// crds are the files that OpenShift and Advanced Cluster Management install: module and path. The
// modules are not in go.mod, since no code of them is used.
var crds = map[string][2]string{
	"Route":                    {openshiftAPI, "route/v1/zz_generated.crd-manifests/routes.crd.yaml"},
	"Policy":                   {propagator, policies + "policies.yaml"},
	"PlacementBinding":         {propagator, policies + "placementbindings.yaml"},
	"ConfigurationPolicy":      {configPolicy, policies + "configurationpolicies.yaml"},
	"Placement":                {clusterAPI, placements},
	"ManagedClusterSetBinding": {clusterAPI, setBindings},
}

const (
	openshiftAPI = "github.com/openshift/api@v0.0.0-20251015095338-264e80a2b6e7"
	propagator   = "open-cluster-management.io/governance-policy-propagator@v0.16.0"
	configPolicy = "open-cluster-management.io/config-policy-controller@v0.16.0"
	clusterAPI   = "open-cluster-management.io/api@v1.0.0"

	policies    = "deploy/crds/policy.open-cluster-management.io_"
	clusters    = "clusters.open-cluster-management.io_"
	placements  = "cluster/v1beta1/0000_02_" + clusters + "placements.crd.yaml"
	setBindings = "cluster/v1beta2/0000_01_" + clusters + "managedclustersetbindings.crd.yaml"
)

// schemaMistakes gives what the API server finds in an object by its CRD: fields that it does not
// know, values that do not fit, rules that are broken. It fills in defaults.
func schemaMistakes(t *testing.T, object map[string]any) (mistakes []string) {
	t.Helper()
	kind, apiVersion := object["kind"].(string), object["apiVersion"].(string)
	source, ok := crds[kind]
	if !ok {
		t.Fatalf("there is no CRD for %s", kind)
	}
	properties := schemaOf(t, filepath.Join(moduleFolder(t, source[0]), source[1]), apiVersion)
	structural, err := schema.NewStructural(properties)
	if err != nil {
		t.Fatal(err)
	}
	options := schema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true}
	for _, unknown := range pruning.PruneWithOptions(object, structural, true, options) {
		mistakes = append(mistakes, "unknown field "+unknown)
	}
	defaulting.Default(object, structural)
	validator, _, err := validation.NewSchemaValidator(properties)
	if err != nil {
		t.Fatal(err)
	}
	wrong := validation.ValidateCustomResource(nil, object, validator)
	if rules := cel.NewValidator(structural, true, celconfig.PerCallLimit); rules != nil {
		broken, _ := rules.Validate(t.Context(), field.NewPath(kind), structural, object, nil,
			celconfig.RuntimeCELCostBudget)
		wrong = append(wrong, broken...)
	}
	for _, err := range wrong {
		mistakes = append(mistakes, err.Error())
	}
	return mistakes
}

// schemaOf reads one version's schema from a CRD's file.
func schemaOf(t *testing.T, file, apiVersion string) *apiextensions.JSONSchemaProps {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var definition crd.CustomResourceDefinition
	if err := yaml.Unmarshal(text, &definition); err != nil {
		t.Fatal(err)
	}
	for _, version := range definition.Spec.Versions {
		if definition.Spec.Group+"/"+version.Name == apiVersion {
			var properties apiextensions.JSONSchemaProps
			err := crd.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(
				version.Schema.OpenAPIV3Schema, &properties, nil)
			if err != nil {
				t.Fatal(err)
			}
			return &properties
		}
	}
	t.Fatalf("%s has no version %s", file, apiVersion)
	return nil
}

// moduleFolder has Go fetch a module, unless it is there.
func moduleFolder(t *testing.T, module string) string {
	t.Helper()
	out, err := exec.Command("go", "mod", "download", "-json", module).Output()
	var downloaded struct{ Dir, Error string }
	if decodeErr := json.Unmarshal(out, &downloaded); decodeErr != nil || downloaded.Dir == "" {
		t.Fatalf("go mod download %s: %v %s", module, err, downloaded.Error)
	}
	return downloaded.Dir
}
