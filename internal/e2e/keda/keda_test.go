package keda

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	kedav1alpha1 "github.com/kedacore/keda/v2/apis/keda/v1alpha1"
	"github.com/kedacore/keda/v2/pkg/scaling"
	appsv1 "k8s.io/api/apps/v1"
	v2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
)

// asking is held by whoever asks a KEDA that must not be asked twice at once.
var asking sync.Mutex

// kedaTimeout is the default of KEDA's KEDA_HTTP_DEFAULT_TIMEOUT.
const kedaTimeout = 3 * time.Second

// atOnce is how soon a value must come that the monitor has: long before kedaTimeout.
const atOnce = time.Second

// replacements are what a user replaces in a file: hosts with their ports, and secrets by their
// keys.
type replacements struct{ hosts, secrets map[string]string }

// keda is KEDA with one file of deploy/keda applied.
type keda struct {
	handler scaling.ScaleHandler
	client  client.Client
	object  *kedav1alpha1.ScaledObject
	took    time.Duration // the last answer, without the wait for others that ask
}

// crds are those of the KEDA that is compiled in.
var crds schemas

var placeholder = regexp.MustCompile(`example\.com|\.svc\.cluster\.local`)

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folderOf(name), name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// folderOf is deploy/keda, or the folder of this test for what is in its testdata.
func folderOf(name string) string {
	if strings.HasPrefix(name, "testdata/") {
		return "."
	}
	return filepath.Join(root, "deploy/keda")
}

// apply gives a file to a KEDA of its own.
func apply(t *testing.T, name string, with replacements) *keda {
	t.Helper()
	k, err := tryApply(t, name, with)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return k
}

// tryApply gives what the API server has against the file.
func tryApply(t *testing.T, name string, with replacements) (*keda, error) {
	t.Helper()
	text := read(t, name)
	for host, address := range with.hosts {
		if !strings.Contains(text, "//"+host+"/") && !strings.Contains(text, "//"+host+`"`) {
			t.Fatalf("%s does not name %s", name, host)
		}
		text = strings.ReplaceAll(text, host, address)
	}
	kedas, err := applyText(t, text, with.secrets)
	if err != nil {
		return nil, err
	}
	for i, trigger := range kedas[0].object.Spec.Triggers {
		for key, value := range trigger.Metadata {
			if placeholder.MatchString(value) {
				t.Fatalf("trigger %d: %s is still %s", i, key, value)
			}
		}
	}
	return kedas[0], nil
}

// applyText gives a KEDA for each ScaledObject.
func applyText(t *testing.T, text string, secrets map[string]string) ([]*keda, error) {
	t.Helper()
	all := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{scheme.AddToScheme, kedav1alpha1.AddToScheme} {
		if err := add(all); err != nil {
			t.Fatal(err)
		}
	}
	var kedas []*keda
	var objects []client.Object
	decoder := serializer.NewCodecFactory(all, serializer.EnableStrict).UniversalDeserializer()
	for document := range strings.SplitSeq(text, "\n---\n") {
		if err := crds.validate(document); err != nil {
			return nil, err
		}
		decoded, _, err := decoder.Decode([]byte(document), nil, nil)
		if err != nil {
			return nil, err
		}
		object := decoded.(client.Object)
		if object.GetNamespace() == "" {
			object.SetNamespace("default")
		}
		objects = append(objects, object)
		switch object := object.(type) {
		case *corev1.Secret:
			fill(t, object, secrets)
		case *kedav1alpha1.TriggerAuthentication:
			if !strings.Contains(text, "\nkind: Secret\n") {
				objects = append(objects, secretOf(t, object, secrets))
			}
		case *kedav1alpha1.ScaledObject:
			kedas = append(kedas, &keda{object: object})
			objects = append(objects, scaled(object))
		}
	}
	withStatus := new(kedav1alpha1.ScaledObject)
	store := fake.NewClientBuilder().WithScheme(all).WithObjects(objects...).
		WithStatusSubresource(withStatus).Build()
	handler := newHandler(store, all)
	for _, k := range kedas {
		k.client, k.handler = store, handler
	}
	return kedas, nil
}

// scaled is the Deployment that a ScaledObject is for, and has in the ScaledObject what KEDA's
// reconciler finds out about it.
func scaled(object *kedav1alpha1.ScaledObject) *appsv1.Deployment {
	object.Status.ScaleTargetGVKR = &kedav1alpha1.GroupVersionKindResource{
		Group: "apps", Version: "v1", Kind: "Deployment", Resource: "deployments",
	}
	deployment := new(appsv1.Deployment)
	deployment.SetName(object.Spec.ScaleTargetRef.Name)
	deployment.SetNamespace(object.Namespace)
	return deployment
}

// secretOf is the Secret that the user makes for a TriggerAuthentication.
func secretOf(
	t *testing.T, auth *kedav1alpha1.TriggerAuthentication, values map[string]string,
) *corev1.Secret {
	t.Helper()
	secret := &corev1.Secret{StringData: make(map[string]string)}
	secret.SetNamespace(auth.Namespace)
	for _, ref := range auth.Spec.SecretTargetRef {
		secret.SetName(ref.Name)
		secret.StringData[ref.Key] = ""
	}
	fill(t, secret, values)
	return secret
}

// fill does what the API server and the user do to a Secret.
func fill(t *testing.T, secret *corev1.Secret, values map[string]string) {
	t.Helper()
	secret.Data = make(map[string][]byte)
	for key := range secret.StringData {
		secret.Data[key] = nil
	}
	if secret.Type == corev1.SecretTypeServiceAccountToken {
		secret.Data["token"], secret.Data["ca.crt"] = nil, nil
	}
	for key := range secret.Data {
		value, ok := values[key]
		if !ok {
			t.Fatalf("no value for %s of the Secret %s", key, secret.Name)
		}
		secret.Data[key] = []byte(value)
	}
	secret.StringData = nil
}

// unknown is what KEDA makes of anything but a number.
const unknown = "error"

// ask makes KEDA ask once, as for the HPA, and gives the value.
func (k *keda) ask(t *testing.T, trigger int) (value string, err error) {
	t.Helper()
	number, err := k.askOnce(t.Context(), trigger)
	if err != nil {
		return unknown, err
	}
	return strconv.FormatFloat(number, 'g', -1, 64), nil
}

func (k *keda) askOnce(ctx context.Context, trigger int) (float64, error) {
	if isBefore(noCAPool) { // no lock guards that pool (KEDA's issue 7910)
		asking.Lock()
		defer asking.Unlock()
	}
	began := time.Now()
	defer func() { k.took = time.Since(began) }()
	spec, err := k.spec(ctx, trigger)
	if err != nil {
		return 0, err
	}
	cache, err := k.handler.GetScalersCache(ctx, k.object)
	if err != nil {
		return 0, err
	}
	name := spec.External.Metric.Name
	values, _, _, err := cache.GetMetricsAndActivityForScaler(ctx, trigger, name)
	if err != nil {
		return 0, err
	}
	return values[0].Value.AsApproximateFloat64(), nil
}

// spec is what a trigger becomes in the HPA. KEDA parses it here.
func (k *keda) spec(ctx context.Context, trigger int) (v2.MetricSpec, error) {
	cache, err := k.handler.GetScalersCache(ctx, k.object)
	if err != nil {
		return v2.MetricSpec{}, err
	}
	specs, err := cache.GetMetricSpecForScalingForScaler(ctx, trigger)
	if err != nil {
		return v2.MetricSpec{}, err
	}
	return specs[0], nil
}

// until asks until KEDA gets this value, and fails if it gets another one before that may not be.
func (k *keda) until(t *testing.T, trigger int, want string, before ...string) {
	t.Helper()
	var err error
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(
		50 * time.Millisecond) {
		var value string
		value, err = k.ask(t, trigger)
		if k.took > atOnce && value != unknown && !slices.Contains(before, unknown) {
			t.Errorf("trigger %d: the answer took %s", trigger, k.took)
		}
		if value == want {
			return
		}
		if !slices.Contains(before, value) {
			t.Fatalf("trigger %d: got %s (%v) on the way from %s to %s", trigger, value, err, before, want)
		}
	}
	t.Fatalf("trigger %d: still no %s; the last error is: %v", trigger, want, err)
}

// stays asks for a while.
func (k *keda) stays(t *testing.T, trigger int, want string) {
	t.Helper()
	for range 5 {
		value, err := k.ask(t, trigger)
		if value != want {
			t.Fatalf("trigger %d: got %s (%v), want %s", trigger, value, err, want)
		}
		if err == nil && k.took > atOnce {
			t.Errorf("trigger %d: the answer took %s", trigger, k.took)
		}
		timeout := k.object.Spec.Triggers[trigger].Metadata["timeout"]
		if err != nil && timeout == "" && !noValue.MatchString(err.Error()) {
			t.Errorf("trigger %d: the error is %v", trigger, err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// noValue is KEDA's word for an answer without a value, as against none in time: a 503, and a
// series that is missing, in /metrics and in Prometheus.
var noValue = regexp.MustCompile(strings.Join([]string{
	`api returned 503`, `value failover_metric_value.* not found`, `metric .* not found`,
	`the result is empty`,
}, "|"))

// replicas is how many the HPA wants for a value of this trigger, before it applies its limits.
func (k *keda) replicas(t *testing.T, trigger int, value float64) int {
	t.Helper()
	spec, err := k.spec(t.Context(), trigger)
	if err != nil {
		t.Fatal(err)
	}
	target := spec.External.Target
	if target.Type != v2.AverageValueMetricType {
		t.Fatalf("the target is a %s", target.Type)
	}
	return int(math.Ceil(value / target.AverageValue.AsApproximateFloat64()))
}
