package keda

import (
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

const monitorHost = "failover-monitor.example.com:8000"

// rigs start what the files of deploy/keda need: one for each file.
var rigs = map[string]func(*testing.T, *world) replacements{
	"site-a.yaml":             plain,
	"site-b.yaml":             plain,
	"fast-failover.yaml":      plain,
	"prometheus-format.yaml":  plain,
	"basic-auth.yaml":         basicAuth,
	"client-certificate.yaml": clientCertificate,
	"three-monitors.yaml":     threeMonitors,
	"openshift.yaml":          openShift,
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
		metadata := trigger.Metadata
		names = append(names, siteName.FindAllString(metadata["url"]+metadata["valueLocation"]+metadata["query"], -1)...)
	}
	names = slices.Compact(names)
	if len(names) != 1 {
		t.Fatalf("asks for %v, want one site", names)
	}
	return names[0]
}

func TestEveryFileHasARig(t *testing.T) {
	names := files(t)
	for _, name := range names {
		if rigs[name] == nil {
			t.Errorf("%s is not tested", name)
		}
	}
	if len(names) != len(rigs) {
		t.Errorf("%d files and %d rigs", len(names), len(rigs))
	}
}

// A trigger of each file sees a peer that is well, hangs, is sick, and cannot be known.
func TestEveryTrigger(t *testing.T) {
	for name, rig := range rigs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			site := "site-a"
			if name == "site-b.yaml" {
				site = "site-b"
			}
			w := newWorld(t, site)
			k := apply(t, name, rig(t, w))
			if got := askedFor(t, k); got != site {
				t.Fatalf("asks for %s, want %s", got, site)
			}
			for i := range k.object.Spec.Triggers {
				k.seesEverything(t, i, w)
				k.wantsAllReplicas(t, i)
			}
		})
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

// wantsAllReplicas checks targetValue against maxReplicaCount. With scalingModifiers that is the
// formula's affair.
func (k *keda) wantsAllReplicas(t *testing.T, trigger int) {
	if k.object.IsUsingModifiers() {
		return
	}
	if got, want := k.replicas(t, trigger, 1), int(*k.object.Spec.MaxReplicaCount); got != want {
		t.Errorf("a value of 1 wants %d replicas, want %d", got, want)
	}
	if got := k.replicas(t, trigger, 0); got != 0 {
		t.Errorf("a value of 0 wants %d replicas, want none", got)
	}
}
