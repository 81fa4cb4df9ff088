package cluster

import (
	"testing"
	"time"
)

// TestWithCPU applies with-cpu.yaml to an app that an HPA scales by its CPU. There is no metrics
// server, since no pod runs whose CPU it could measure: to the HPA the CPU is unknown. What the CPU
// adds is thus not shown, but that nothing else depends on it: KEDA takes the HPA over, and the
// failover scales up. No replica is taken away, since the HPA scales down only when it knows all.
func TestWithCPU(t *testing.T) {
	const hpa = "hpa/my-app"
	must(t, control.tryApply(deployment("my-app", 2)+`---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: my-app, namespace: default}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: my-app}
  minReplicas: 2
  maxReplicas: 10
  metrics:
    - {type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}}
`))
	had := control.field(hpa, "{.metadata.uid}")
	w := newFixture(t, "site-a")
	a := create(t, "with-cpu.yaml", replacements{hosts: map[string]string{monitorHost: w.Address}})
	eventually(t, time.Minute, "the HPA has both metrics", func() bool {
		return control.field("hpa", "{.items[*].spec.metrics[*].type}") == "External Resource"
	})
	ready := control.field("scaledobject/my-app", `{.status.conditions[?(@.type=="Ready")].status}`)
	if ready != "True" {
		t.Errorf("READY is %q", ready)
	}
	if got := control.field(hpa, "{.metadata.uid}"); got != had {
		t.Errorf("the HPA %s was replaced by %s, want it to be taken over", had, got)
	}
	w.fail(t)
	a.step(2, 4)
	a.holds(4)
	w.heal(t)
	a.holds(4)
}
