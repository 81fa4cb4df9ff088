package keda

import (
	"fmt"
	"testing"

	kedav1alpha1 "github.com/kedacore/keda/v2/apis/keda/v1alpha1"
)

// quorum is some monitors, each with its own view of the world.
type quorum struct {
	keda     *keda
	worlds   []*world
	monitors []*monitor
}

// newQuorum is the one of three-monitors.yaml.
func newQuorum(t *testing.T) *quorum {
	t.Helper()
	q, hosts := newMonitors(t, 3), make(map[string]string)
	for i, m := range q.monitors {
		hosts[fmt.Sprintf("failover-monitor-%d.example.com:8000", i+1)] = m.address
	}
	q.keda = apply(t, "three-monitors.yaml", replacements{hosts: hosts})
	q.reconcile(t)
	return q
}

func newMonitors(t *testing.T, count int) *quorum {
	t.Helper()
	q := new(quorum)
	for range count {
		w := newWorld(t, "site-a")
		q.worlds, q.monitors = append(q.worlds, w), append(q.monitors, w.start(t))
	}
	return q
}

// reconcile does what KEDA's reconciler does before the HPA can ask.
func (q *quorum) reconcile(t *testing.T) {
	t.Helper()
	cache, err := q.keda.handler.GetScalersCache(t.Context(), q.keda.object)
	if err != nil {
		t.Fatal(err)
	}
	for _, spec := range cache.GetMetricSpecForScaling(t.Context()) {
		status := &q.keda.object.Status
		status.ExternalMetricNames = append(status.ExternalMetricNames, spec.External.Metric.Name)
	}
	if err := q.keda.client.Status().Update(t.Context(), q.keda.object); err != nil {
		t.Fatal(err)
	}
}

// vote sets what each monitor has to say: 0, 1, or x for a dead one. The dead stay dead.
func (q *quorum) vote(t *testing.T, votes string) {
	t.Helper()
	for i, vote := range votes {
		switch vote {
		case 'x':
			q.monitors[i].kill()
			continue
		case '0':
			q.worlds[i].peer.become(well)
		case '1':
			q.worlds[i].peer.become(hangs)
		}
		q.keda.until(t, i, string(vote), string('0'+'1'-vote))
	}
}

// replicas is what KEDA's formula makes of all three.
func (q *quorum) replicas(t *testing.T) (string, error) {
	list, err := q.keda.handler.GetScaledObjectMetrics(
		t.Context(), q.keda.object.Name, q.keda.object.Namespace, kedav1alpha1.CompositeMetricName)
	if err != nil {
		return unknown, err
	}
	return list.Items[0].Value.String(), nil
}

func (q *quorum) wants(t *testing.T, votes, want string) {
	t.Helper()
	if got, err := q.replicas(t); got != want {
		t.Errorf("%s: got %s (%v), want %s", votes, got, err, want)
	}
}

// Two of three decide. A monitor that has just died makes KEDA hold for one round; then it does not
// count.
func TestMajority(t *testing.T) {
	if examples["three-monitors.yaml"].refused[version] != "" {
		return // TestEveryTrigger shows that
	}
	t.Parallel()
	for _, c := range []struct{ living, dying, want string }{
		{"000", "", "0"}, {"100", "", "0"}, {"010", "", "0"},
		{"110", "", "4"}, {"011", "", "4"}, {"111", "", "4"},
		{"000", "00x", "0"}, {"001", "x01", "0"}, {"111", "11x", "4"}, {"101", "1x1", "4"},
		{"000", "0xx", "4"}, {"111", "x1x", "4"}, {"000", "xxx", "4"}, // no majority: fallback.replicas
	} {
		t.Run(c.living+c.dying, func(t *testing.T) {
			t.Parallel()
			q := newQuorum(t)
			q.vote(t, c.living)
			if c.dying == "" {
				q.wants(t, c.living, c.want)
				return
			}
			before := map[string]string{"000": "0", "001": "0", "101": "4", "111": "4"}
			q.wants(t, c.living, before[c.living])
			q.vote(t, c.dying)
			q.wants(t, c.dying+", first round", unknown)
			q.wants(t, c.dying, c.want)
			q.wants(t, c.dying, c.want)
		})
	}
}
