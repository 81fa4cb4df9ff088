package keda

import (
	"cmp"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	v2 "k8s.io/api/autoscaling/v2"
)

// What "failover-monitor keda" prints, through KEDA's own code.

// printed runs the command with these settings.
func printed(t *testing.T, environ []string, args ...string) (text string) {
	t.Helper()
	cmd := exec.Command(binary, append([]string{"keda"}, args...)...)
	cmd.Env = environ
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("keda %q: %v: %s", args, err, &stderr)
	}
	return string(out)
}

// applyPrinted gives KEDA what the command prints, and wants a number of ScaledObjects.
func applyPrinted(
	t *testing.T, want int, secrets map[string]string, environ []string, args ...string,
) []*keda {
	t.Helper()
	text := printed(t, environ, args...)
	kedas, err := applyText(t, text, secrets)
	if err != nil || len(kedas) != want {
		t.Fatalf("keda %q: %d ScaledObjects, want %d; %v in\n%s", args, len(kedas), want, err, text)
	}
	return kedas
}

// twoSites is the least of settings.
var twoSites = []string{"SITE_A_HEALTH_URL=http://a.test", "SITE_B_HEALTH_URL=http://b.test"}

// TestPrintedFlags has each flag in a ScaledObject that scales.
func TestPrintedFlags(t *testing.T) {
	for name, c := range map[string]struct {
		rig      func(*testing.T, *world) replacements
		scheme   string
		args     []string
		identity string // namespace/ScaledObject → Deployment
		replicas [2]int32
	}{
		"defaults": {plain, "http", []string{"-deployment", "web"},
			"default/web → web", [2]int32{2, 4}},
		"names": {plain, "http",
			[]string{"-deployment", "web", "-name", "failover", "-namespace", "prod"},
			"prod/failover → web", [2]int32{2, 4}},
		"names that look like numbers": {plain, "http",
			[]string{"-deployment", "1e3", "-namespace", "404"}, "404/1e3 → 1e3", [2]int32{2, 4}},
		"replicas": {plain, "http", []string{"-deployment", "web", "-min", "3", "-max", "7"},
			"default/web → web", [2]int32{3, 7}},
		"basic": {basicAuth, "https", []string{"-deployment", "web", "-auth", "basic"},
			"default/web → web", [2]int32{2, 4}},
		"basic, with another Secret": {basicAuth, "https",
			[]string{"-deployment", "web", "-auth", "basic", "-secret", "my.secret", "-namespace", "prod"},
			"prod/web → web", [2]int32{2, 4}},
		"tls": {clientCertificate, "https", []string{"-deployment", "web", "-auth", "tls"},
			"default/web → web", [2]int32{2, 4}},
		"tls, with another Secret": {clientCertificate, "https",
			[]string{"-deployment", "web", "-auth", "tls", "-secret", "123"},
			"default/web → web", [2]int32{2, 4}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "site-a")
			with := c.rig(t, w)
			for key := range with.secrets {
				with.secrets[key] += "\n" // as files end
			}
			args := append(slices.Clone(c.args), "-url", c.scheme+"://"+with.hosts[monitorHost], "site-a")
			k := applyPrinted(t, 1, with.secrets, twoSites, args...)[0]
			object := k.object
			if got := fmt.Sprintf("%s/%s → %s", object.Namespace, object.Name,
				object.Spec.ScaleTargetRef.Name); got != c.identity {
				t.Errorf("got %s, want %s", got, c.identity)
			}
			replicas := [2]int32{*object.Spec.MinReplicaCount, *object.Spec.MaxReplicaCount}
			if replicas != c.replicas {
				t.Errorf("%d replicas, want %d", replicas, c.replicas)
			}
			k.scalesInOneStep(t)
			k.until(t, 0, "0", unknown)
			w.peer.become(hangs)
			k.until(t, 0, "1", "0")
		})
	}
}

// scalesInOneStep does what the HPA does with a value of 1 at minReplicaCount, in thousandths like it
// (podautoscaler/replica_calculator.go and horizontal.go in Kubernetes 1.36).
func (k *keda) scalesInOneStep(t *testing.T) {
	t.Helper()
	spec, err := k.spec(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	few, many := *k.object.Spec.MinReplicaCount, *k.object.Spec.MaxReplicaCount
	target := spec.External.Target.AverageValue.MilliValue()
	wanted := few
	if ratio := 1000 / float64(target*int64(few)); ratio < 0.9 || ratio > 1.1 {
		wanted = int32(math.Ceil(1000 / float64(target)))
	}
	limit := max(2*few, few+4)
	rules := k.object.Spec.Advanced.HorizontalPodAutoscalerConfig.Behavior.ScaleUp
	if policies := rules.Policies; policies != nil {
		if len(policies) != 1 || policies[0].Type != v2.PodsScalingPolicy {
			t.Fatalf("the policies are %v", policies)
		}
		limit = few + policies[0].Value
	}
	if got := min(wanted, limit, many); got != many {
		t.Errorf("from %d the HPA goes to %d, want %d (target %dm)", few, got, many, target)
	}
}

// TestPrintedReplicas: a value of 1 scales to max in one step, from each of these counts.
func TestPrintedReplicas(t *testing.T) {
	for _, many := range []int{2, 3, 4, 5, 6, 7, 9, 11, 12, 13, 17, 24, 31, 32, 33, 37, 41, 99, 100,
		101, 333, 334, 499, 500, 501, 666, 999, 1000} {
		t.Run(fmt.Sprint(many), func(t *testing.T) {
			most := (10*many - 1) / 11 // the largest min that is accepted
			for _, few := range slices.Compact([]int{1, max(1, many/2), max(1, many/2-1), max(1, most)}) {
				k := applyPrinted(t, 1, nil, twoSites, "-url", "http://127.0.0.1:1", "-deployment", "web",
					"-min", fmt.Sprint(few), "-max", fmt.Sprint(many), "site-a")[0]
				k.scalesInOneStep(t)
			}
		})
	}
}

// TestPrintedMajority has three monitors, and five.
func TestPrintedMajority(t *testing.T) {
	if examples["three-monitors.yaml"].refused[version] != "" {
		return // TestEveryTrigger shows that
	}
	for _, c := range []struct{ living, dying, want string }{
		{"110", "", "7"}, {"111", "x11", "7"}, {"100", "1xx", "7"},
		{"11000", "", "0"}, {"11100", "", "7"}, {"11000", "11xx0", "0"}, {"11100", "111xx", "7"},
		{"00000", "00xxx", "7"}, // no majority: fallback.replicas
	} {
		t.Run(c.living+c.dying, func(t *testing.T) {
			t.Parallel()
			q := newMonitors(t, len(c.living))
			args := []string{"-deployment", "web", "-namespace", "prod", "-max", "7"}
			for _, m := range q.monitors {
				args = append(args, "-url", "http://"+m.address)
			}
			q.keda = applyPrinted(t, 1, nil, twoSites, append(args, "site-a")...)[0]
			q.reconcile(t)
			q.vote(t, c.living)
			if c.dying != "" {
				q.replicas(t) // the first round in which all are alive
				q.vote(t, c.dying)
				q.wants(t, c.dying+", first round", unknown)
			}
			q.wants(t, cmp.Or(c.dying, c.living), c.want)
		})
	}
}

// TestPrintedMajorityWithPassword: each trigger sends it.
func TestPrintedMajorityWithPassword(t *testing.T) {
	if examples["three-monitors.yaml"].refused[version] != "" {
		return // TestEveryTrigger shows that
	}
	t.Parallel()
	args := []string{"-deployment", "web", "-auth", "basic"}
	var secrets map[string]string // the same for all
	for range 3 {
		with := basicAuth(t, newWorld(t, "site-a"))
		args, secrets = append(args, "-url", "https://"+with.hosts[monitorHost]), with.secrets
	}
	k := applyPrinted(t, 1, secrets, twoSites, append(args, "site-a")...)[0]
	for i := range 3 {
		k.until(t, i, "0", unknown)
	}
}

// appSites is one site of many apps: each has a path.
type appSites struct {
	url  string
	sick atomic.Value // the path that answers 503, or "all"
}

func newAppSites(t *testing.T) *appSites {
	s := new(appSites)
	s.sick.Store("")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if sick := s.sick.Load(); sick == "all" || sick == r.URL.Path {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// TestPrintedApps: a dead site scales all apps, and a dead app scales one.
func TestPrintedApps(t *testing.T) {
	for _, count := range []int{1, 3, 40} {
		t.Run(fmt.Sprint(count), func(t *testing.T) {
			t.Parallel()
			names := make([]string, count)
			for i := range names {
				names[i] = fmt.Sprintf("app-%d", i)
			}
			b, w := newAppSites(t), newWorld(t, "site-a")
			m := w.start(t, "APPS="+strings.Join(names, ","), "SITE_A_HEALTH_URL="+w.own.url+"/{app}",
				"SITE_B_HEALTH_URL="+b.url+"/{app}")
			kedas := applyPrinted(t, count, nil, m.cmd.Env, "-url", "http://"+m.address,
				"-namespace", "{app}-prod", "-deployment", "web", "-name", "failover-{app}", "site-a")
			allUntil := func(kedas []*keda, want string, before ...string) {
				t.Helper()
				for _, k := range kedas {
					k.until(t, 0, want, before...)
				}
			}
			allUntil(kedas, "0", unknown)
			b.sick.Store("/app-0")
			allUntil(kedas[:1], "1", "0")
			allUntil(kedas[1:], "0")
			b.sick.Store("all")
			allUntil(kedas, "1", "0")
			for i, k := range kedas {
				if got := k.object.Namespace + "/" + k.object.Name; got != names[i]+"-prod/failover-"+names[i] {
					t.Errorf("the object of %s is %s", names[i], got)
				}
				k.scalesInOneStep(t)
			}
		})
	}
}

// TestPrintedForTheAppsOfASite leaves out an app that does not have the site, and all others of one
// that is named.
func TestPrintedForTheAppsOfASite(t *testing.T) {
	environ := []string{"APPS=shop,blog,pay", "SITE_A_HEALTH_URL=http://{app}.a.test",
		"SITE_B_HEALTH_URL=http://{app}.b.test", "SITE_C_HEALTH_URL=http://{app}.c.test",
		"APP_BLOG_SITE_C_HEALTH_URL=none"}
	kedas := applyPrinted(t, 2, nil, environ, "-url", "http://127.0.0.1:1", "site-c")
	for i, app := range []string{"shop", "pay"} {
		url := kedas[i].object.Spec.Triggers[0].Metadata["url"]
		if want := "http://127.0.0.1:1/metric/" + app + "/site-c"; url != want ||
			kedas[i].object.Name != app {
			t.Errorf("%s asks for %s, want %s for %s", kedas[i].object.Name, url, want, app)
		}
	}
	pay := applyPrinted(t, 1, nil, environ, "-url", "http://127.0.0.1:1", "-max", "9", "pay/site-c")[0]
	if url := pay.object.Spec.Triggers[0].Metadata["url"]; *pay.object.Spec.MaxReplicaCount != 9 ||
		url != "http://127.0.0.1:1/metric/pay/site-c" || pay.object.Name != "pay" {
		t.Errorf("%s alone asks for %s", pay.object.Name, url)
	}
	pay.scalesInOneStep(t)
}
