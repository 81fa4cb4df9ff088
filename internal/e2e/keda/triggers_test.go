package keda

import (
	"cmp"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	kedav1alpha1 "github.com/kedacore/keda/v2/apis/keda/v1alpha1"
	v2 "k8s.io/api/autoscaling/v2"
)

const monitorHost = "failover-monitor.example.com:8000"

// example is a file in a test.
type example struct {
	rig     func(*testing.T, *world) replacements // starts what the file needs
	full    int                                   // replicas for 1, if not maxReplicaCount
	refused map[string]string                     // by which KEDAs, and in which words
	row     string                                // in the table, if not the file's name
}

// examples are all files of deploy/keda, and those of testdata.
var examples = map[string]example{
	"site-a.yaml":        {rig: plain},
	"site-b.yaml":        {rig: plain},
	"fast-failover.yaml": {rig: plain},
	"with-cpu.yaml": {rig: plain, full: 4, refused: map[string]string{
		"2.8.2": noTransfer, "2.10.1": noTransfer,
	}},
	"prometheus-format.yaml": {rig: plain, refused: map[string]string{
		"2.8.2": noFormat, "2.10.1": noFormat,
	}},
	"basic-auth.yaml":         {rig: basicAuth},
	"client-certificate.yaml": {rig: clientCertificate},
	"openshift.yaml": {rig: twoPods, refused: map[string]string{
		"2.8.2": noMetricName,
	}},
	"openshift-three-monitors.yaml": {rig: threeScraped, refused: map[string]string{
		"2.8.2": noMetricName,
	}},
	"three-monitors.yaml": {rig: threeMonitors, refused: map[string]string{
		"2.8.2": noBehavior, "2.10.1": noBehavior, "2.14.1": noBehavior,
		"2.15.1": noBehavior, "2.16.1": noBehavior, "2.18.3": noSuchBehavior,
	}},
	"testdata/predecessor.yaml": {
		row: "the predecessor's, with `threshold` and `method: GET`",
		rig: plain, refused: map[string]string{
			"2.8.2": noTarget, "2.10.1": noTarget, "2.14.1": noTarget,
			"2.15.1": noTarget, "2.16.1": noTarget,
			"2.18.3": noMethod, "2.20.2": noMethod, "2.21.0": noMethod,
		},
	},
	"testdata/predecessor-target-value.yaml": {
		row: "the same with `targetValue: \"0.25\"`",
		rig: plain, refused: map[string]string{
			"2.18.3": noMethod, "2.20.2": noMethod, "2.21.0": noMethod,
		},
	},
}

// Reasons, in KEDA's words, or in ours where it says nothing and does not do what the file says.
const (
	noBehavior     = `unknown field "spec.fallback.behavior"`
	noSuchBehavior = `spec.fallback.behavior: Unsupported value: "scalingModifiers"`
	noMethod       = `parameter "method" value "GET" must be one of [header query]`
	noTarget       = `no targetValue given in metadata`
	noMetricName   = `no metricName given`
	noFormat       = `format: prometheus`
	noTransfer     = `transfer-hpa-ownership`
)

// exampleNames are in the order of the table.
func exampleNames() []string {
	names := slices.Sorted(maps.Keys(examples))
	slices.SortStableFunc(names, func(a, b string) int {
		return cmp.Compare(examples[a].row, examples[b].row)
	})
	return names
}

func plain(t *testing.T, w *world) replacements {
	return replacements{hosts: map[string]string{monitorHost: w.start(t).address}}
}

func threeMonitors(t *testing.T, w *world) replacements {
	hosts := make(map[string]string)
	for _, host := range []string{"failover-monitor-1", "failover-monitor-2", "failover-monitor-3"} {
		hosts[host+".example.com:8000"] = w.start(t).address
	}
	return replacements{hosts: hosts}
}

// files are the names of all files in deploy/keda that a user applies.
func files(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root, "deploy/keda/*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	names := make([]string, len(paths))
	for i, path := range paths {
		names[i] = filepath.Base(path)
	}
	return names
}

var siteName = regexp.MustCompile(`site-[a-z]`)

// askedFor is the site whose value a file asks for.
func askedFor(t *testing.T, k *keda) string {
	t.Helper()
	var names []string
	for _, trigger := range k.object.Spec.Triggers {
		m := trigger.Metadata
		names = append(names, siteName.FindAllString(m["url"]+m["valueLocation"]+m["query"], -1)...)
	}
	names = slices.Compact(names)
	if len(names) != 1 {
		t.Fatalf("asks for %v, want one site", names)
	}
	return names[0]
}

func TestEveryFileIsTested(t *testing.T) {
	for _, name := range files(t) {
		if examples[name].rig == nil {
			t.Errorf("%s is not tested", name)
		}
	}
}

// Each trigger of each file sees a peer that is well, hangs, is sick, and cannot be known; or this
// KEDA refuses the file.
func TestEveryTrigger(t *testing.T) {
	for name, e := range examples {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			site := "site-a"
			if name == "site-b.yaml" {
				site = "site-b"
			}
			w := newWorld(t, site)
			with := e.rig(t, w)
			if reason := e.refused[version]; reason != "" {
				refusesFile(t, name, with, reason)
				return
			}
			k := apply(t, name, with)
			if got := askedFor(t, k); got != site {
				t.Fatalf("asks for %s, want %s", got, site)
			}
			for i, trigger := range k.object.Spec.Triggers {
				if trigger.Type == "cpu" {
					k.wantsCPU(t, i)
					continue
				}
				k.seesEverything(t, i, w)
				k.wantsReplicas(t, i, cmp.Or(e.full, int(*k.object.Spec.MaxReplicaCount)))
			}
		})
	}
}

// refusesFile checks that the file is refused when it is applied, or when KEDA parses its trigger.
func refusesFile(t *testing.T, name string, with replacements, reason string) {
	t.Helper()
	k, err := tryApply(t, name, with)
	if err == nil {
		_, err = k.askOnce(t.Context(), 0)
	}
	if err == nil || !strings.Contains(err.Error(), reason) {
		t.Errorf("the error is %v, want %s", err, reason)
	}
}

func (k *keda) seesEverything(t *testing.T, trigger int, w *world) {
	k.until(t, trigger, "0", unknown)
	k.stays(t, trigger, "0")
	w.peer.become(hangs)
	k.until(t, trigger, "1", "0") // never an error: no answer waits for the peer
	k.stays(t, trigger, "1")
	w.peer.become(well)
	k.until(t, trigger, "0", "1")
	w.goOffline()
	w.peer.become(sick)
	k.until(t, trigger, unknown, "0") // never 1: nobody knows that the peer is down
	k.stays(t, trigger, unknown)
	w.goOnline()
	k.until(t, trigger, "1", unknown, "0") // 0 until the second failure that counts
	w.goOffline()
	w.peer.become(hangs)
	k.until(t, trigger, unknown, "1") // never 0
	k.stays(t, trigger, unknown)
	w.goOnline()
	w.peer.become(well)
	k.until(t, trigger, "0", unknown, "1") // 1 if the last probe that hangs still counts
}

// wantsReplicas checks targetValue. With scalingModifiers that is the formula's affair.
func (k *keda) wantsReplicas(t *testing.T, trigger, want int) {
	t.Helper()
	if k.object.IsUsingModifiers() {
		return
	}
	if got := k.replicas(t, trigger, 1); got != want {
		t.Errorf("a value of 1 wants %d replicas, want %d", got, want)
	}
	if got := k.replicas(t, trigger, 0); got != 0 {
		t.Errorf("a value of 0 wants %d replicas, want none", got)
	}
}

// wantsCPU checks what KEDA makes of a cpu trigger: a metric that the HPA asks the cluster for.
func (k *keda) wantsCPU(t *testing.T, trigger int) {
	t.Helper()
	spec, err := k.spec(t.Context(), trigger)
	if err != nil {
		t.Fatal(err)
	}
	cpu := spec.Resource
	if spec.Type != v2.ResourceMetricSourceType || cpu.Name != "cpu" ||
		*cpu.Target.AverageUtilization != 70 {
		t.Errorf("the HPA gets %v", spec)
	}
}

// TestHPAIsTakenOver since KEDA's webhook refuses a second HPA for an app, unless it is named.
func TestHPAIsTakenOver(t *testing.T) {
	nowhere := map[string]string{monitorHost: "127.0.0.1:1"}
	object := apply(t, "with-cpu.yaml", replacements{hosts: nowhere}).object
	if object.Annotations[kedav1alpha1.ScaledObjectTransferHpaOwnershipAnnotation] != "true" ||
		object.Spec.Advanced.HorizontalPodAutoscalerConfig.Name != "my-app" {
		t.Error("does not name the HPA that it takes over")
	}
}
