package keda

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	crd "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// schemas are those of KEDA's CRDs, by kind.
type schemas map[string]*crd.JSONSchemaProps

// newSchemas reads the CRDs that come with a KEDA's source.
func newSchemas(source string) (schemas, error) {
	paths, err := filepath.Glob(filepath.Join(source, "config/crd/bases/*.yaml"))
	if err != nil || len(paths) == 0 {
		return nil, fmt.Errorf("no CRDs in %s: %w", source, err)
	}
	s := make(schemas)
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		var definition crd.CustomResourceDefinition
		if err := yaml.Unmarshal(text, &definition); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		s[definition.Spec.Names.Kind] = definition.Spec.Versions[0].Schema.OpenAPIV3Schema
	}
	return s, nil
}

// validate gives what the API server has against an object when kubectl applies it: fields that
// the schema does not have, and values that it does not allow. It knows KEDA's kinds alone.
func (s schemas) validate(document string) error {
	var object map[string]any
	if err := yaml.Unmarshal([]byte(document), &object); err != nil {
		return err
	}
	kind, _ := object["kind"].(string)
	group, _ := object["apiVersion"].(string)
	if !strings.HasPrefix(group, "keda.sh/") {
		return nil
	}
	if s[kind] == nil {
		return fmt.Errorf("no matches for kind %q", kind)
	}
	props := new(apiextensions.JSONSchemaProps)
	convert := crd.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps
	if err := convert(s[kind], props, nil); err != nil {
		return err
	}
	tree, err := structural.NewStructural(props)
	if err != nil {
		return err
	}
	var faults []error
	track := structural.UnknownFieldPathOptions{TrackUnknownFieldPaths: true}
	for _, field := range pruning.PruneWithOptions(runtime.DeepCopyJSON(object), tree, true, track) {
		faults = append(faults, fmt.Errorf("unknown field %q", field))
	}
	validator, _, err := validation.NewSchemaValidator(props)
	if err != nil {
		return err
	}
	for _, fault := range validation.ValidateCustomResource(nil, object, validator) {
		faults = append(faults, fault)
	}
	return errors.Join(faults...)
}
