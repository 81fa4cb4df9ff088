package cluster

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"failover-monitor/internal/e2e/rig"
	"failover-monitor/internal/fakesite"
)

// TestApps applies what "failover-monitor keda" prints for three apps: one that is dead at the peer
// scales alone, and a dead peer scales all. 7 is the first count whose targetValue is rounded.
func TestApps(t *testing.T) {
	names := []string{"shop", "blog", "pay"}
	environ := append(slices.Clone(settings), "APPS="+strings.Join(names, ","),
		"SITE_A_HEALTH_URL=http://"+newSite(t).Address()+"/{app}")
	var peers []*fakesite.Site
	for _, name := range names {
		peer := newSite(t)
		peers = append(peers, peer)
		environ = append(environ,
			"APP_"+strings.ToUpper(name)+"_SITE_B_HEALTH_URL=http://"+peer.Address())
	}
	binary := filepath.Join(binaries, "failover-monitor")
	monitor := rig.Start(t, exec.Command(binary), environ...)
	printer := exec.Command(binary, "keda", "-url", "http://"+monitor.Address, "-max", "7", "site-a")
	printer.Env = environ
	manifest, err := printer.Output()
	must(t, err)
	apps := createAll(t, string(manifest), names...)
	for _, a := range apps {
		a.run()
	}
	shop, blog, pay := apps[0], apps[1], apps[2]

	must(t, peers[1].Become(fakesite.Hang))
	blog.step(2, 7)
	shop.holds(2)
	if got := pay.replicas(); got != 2 {
		t.Errorf("pay has %d replicas while blog alone is down, want 2", got)
	}
	must(t, peers[1].Become(healthy))
	blog.step(7, 2)

	for _, peer := range peers {
		must(t, peer.Become(fakesite.Hang))
	}
	for _, a := range apps {
		a.reaches(7)
	}
	monitor.Kill()
	shop.holds(7)
	monitor.Run(t)
	for _, peer := range peers {
		must(t, peer.Become(healthy))
	}
	for _, a := range apps {
		a.reaches(2)
	}
}
