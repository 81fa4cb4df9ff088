package cluster

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// app is my-app with one file of deploy/keda applied to it.
type app struct {
	t        *testing.T
	few      int // minReplicaCount
	many     int // maxReplicaCount
	manifest string
	round    time.Time // when the HPA was last seen to have made a round
}

// replacements are what a user replaces in a file: hosts with their ports, and secrets by their
// keys.
type replacements struct{ hosts, secrets map[string]string }

var secret = regexp.MustCompile(`(?m)^(  ([a-z.]+)): "replace-me"$`)

// apply applies a file as create does, and waits until the HPA gets its metric.
func apply(t *testing.T, name string, with replacements) *app {
	t.Helper()
	a := create(t, name, with)
	must(t, control.tryApply(deployment(a.few)))
	eventually(t, 2*time.Minute, "ScalingActive with "+name, func() bool {
		return control.field("hpa/keda-hpa-my-app",
			`{.status.conditions[?(@.type=="ScalingActive")].status}`) == "True" && a.replicas() == a.few
	})
	a.round = time.Now()
	return a
}

// create applies a file as it stands, but for what a user replaces. One thing is patched, for the
// sake of time: the value need not have been 0 for 300 s before the HPA scales down.
func create(t *testing.T, name string, with replacements) *app {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "deploy/keda", name))
	must(t, err)
	manifest := string(text)
	for host, address := range with.hosts {
		manifest = strings.ReplaceAll(manifest, host, address)
	}
	manifest = secret.ReplaceAllStringFunc(manifest, func(line string) string {
		key := secret.FindStringSubmatch(line)
		value, ok := with.secrets[key[2]]
		if !ok {
			t.Fatalf("no value for the secret %s", key[2])
		}
		return key[1] + ": " + strconv.Quote(value)
	})
	a := &app{t: t, manifest: manifest}
	must(t, control.tryApply(manifest))
	t.Cleanup(a.remove)
	must(t, control.try("patch", "scaledobject", "my-app", "--type=merge", "--patch",
		`{"spec":{"advanced":{"horizontalPodAutoscalerConfig":{"behavior":`+
			`{"scaleDown":{"stabilizationWindowSeconds":0}}}}}}`))
	a.few, a.many = a.number("scaledobject/my-app",
		"{.spec.minReplicaCount}"), a.number("scaledobject/my-app", "{.spec.maxReplicaCount}")
	return a
}

func deployment(replicas int) string {
	return `
apiVersion: apps/v1
kind: Deployment
metadata: {name: my-app, namespace: default}
spec:
  replicas: ` + strconv.Itoa(replicas) + `
  selector: {matchLabels: {app: my-app}}
  template:
    metadata: {labels: {app: my-app}}
    spec: {containers: [{name: my-app, image: example.invalid/my-app}]}
`
}

func (a *app) remove() {
	cmd := control.kubectl("delete", "--ignore-not-found", "--timeout=60s", "-f", "-")
	cmd.Stdin = strings.NewReader(a.manifest + "\n---" + deployment(a.few))
	if out, err := cmd.CombinedOutput(); err != nil {
		a.t.Errorf("%v: %s", err, out)
	}
	eventually(a.t, time.Minute, "without HPA",
		func() bool { return control.field("hpa", "{.items[*].metadata.name}") == "" })
}

func (a *app) number(object, jsonpath string) int {
	a.t.Helper()
	number, err := strconv.Atoi(control.field(object, jsonpath))
	must(a.t, err)
	return number
}

func (a *app) replicas() int { return a.number("deployment/my-app", "{.spec.replicas}") }

// reaches waits for a count of replicas, and gives all that there were until then.
func (a *app) reaches(want int) (seen []int) {
	a.t.Helper()
	eventually(a.t, 90*time.Second, strconv.Itoa(want)+" replicas", func() bool {
		got := a.replicas()
		if len(seen) == 0 || seen[len(seen)-1] != got {
			seen = append(seen, got)
		}
		return got == want
	})
	a.round = time.Now()
	return seen
}

// step waits for a count of replicas, and wants no other between.
func (a *app) step(from, to int) {
	a.t.Helper()
	if seen := a.reaches(to); !slices.Equal(seen, []int{from, to}) {
		a.t.Errorf("the counts were %v, want one step from %d to %d", seen, from, to)
	}
}

// holds watches the count over more than two rounds of the HPA.
func (a *app) holds(want int) {
	a.t.Helper()
	end := time.Now().Add(2*hpaSync + 5*time.Second)
	for ; time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if got := a.replicas(); got != want {
			a.t.Fatalf("%d replicas, want %d to be held", got, want)
		}
	}
}
