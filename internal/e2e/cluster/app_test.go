package cluster

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// app is one with a ScaledObject: my-app, with one file of deploy/keda, if nothing else is said.
type app struct {
	t        *testing.T
	name     string
	few      int // minReplicaCount
	many     int // maxReplicaCount
	manifest string
	round    time.Time // when the HPA was last seen to have made a round
}

// replacements are what a user replaces in a file, hosts with their ports, and what the user puts
// into the Secret.
type replacements struct{ hosts, secrets map[string]string }

// apply applies a file as create does, and runs the app.
func apply(t *testing.T, name string, with replacements) *app {
	t.Helper()
	a := create(t, name, with)
	a.run()
	return a
}

// create applies a file as it stands, but for what a user replaces.
func create(t *testing.T, name string, with replacements) *app {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "deploy/keda", name))
	must(t, err)
	manifest := string(text)
	for host, address := range with.hosts {
		manifest = strings.ReplaceAll(manifest, host, address)
	}
	if with.secrets != nil {
		manifest = secret(with.secrets) + manifest
	}
	return createAll(t, manifest, "my-app")[0]
}

// createAll applies a manifest with a ScaledObject for each of these apps. One thing is patched,
// for the sake of time: the value need not have been 0 for 300 s before the HPA scales down.
func createAll(t *testing.T, manifest string, names ...string) (apps []*app) {
	t.Helper()
	must(t, control.tryApply(manifest))
	for _, name := range names {
		a := &app{t: t, name: name, manifest: manifest}
		t.Cleanup(a.remove)
		must(t, control.try("patch", "scaledobject", name, "--type=merge", "--patch",
			`{"spec":{"advanced":{"horizontalPodAutoscalerConfig":{"behavior":`+
				`{"scaleDown":{"stabilizationWindowSeconds":0}}}}}}`))
		a.few = a.number("scaledobject/"+name, "{.spec.minReplicaCount}")
		a.many = a.number("scaledobject/"+name, "{.spec.maxReplicaCount}")
		apps = append(apps, a)
	}
	return apps
}

// run makes the app's Deployment, and waits until the HPA gets its metric.
func (a *app) run() {
	a.t.Helper()
	must(a.t, control.tryApply(deployment(a.name, a.few)))
	eventually(a.t, 2*time.Minute, "ScalingActive of "+a.name, func() bool {
		return control.field("hpa/keda-hpa-"+a.name,
			`{.status.conditions[?(@.type=="ScalingActive")].status}`) == "True" && a.replicas() == a.few
	})
	a.round = time.Now()
}

// secret is the one that the files want.
func secret(values map[string]string) string {
	text := `
apiVersion: v1
kind: Secret
metadata: {name: failover-monitor, namespace: default}
stringData:
`
	for key, value := range values {
		text += "  " + key + ": " + strconv.Quote(value) + "\n"
	}
	return text + "---\n"
}

func deployment(name string, replicas int) string {
	return fmt.Sprintf(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s, namespace: default}
spec:
  replicas: %[2]d
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}}
    spec: {containers: [{name: app, image: example.invalid/app}]}
`, name, replicas)
}

func (a *app) remove() {
	cmd := control.kubectl("delete", "--ignore-not-found", "--timeout=60s", "-f", "-")
	cmd.Stdin = strings.NewReader(a.manifest + "\n---" + deployment(a.name, a.few))
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

func (a *app) replicas() int { return a.number("deployment/"+a.name, "{.spec.replicas}") }

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
