package main

import (
	"fmt"
	"os"
	"slices"
	"time"

	"failover-monitor/internal/fakesite"
)

// The servers under measurement have one core, and what asks them has the other.
const serverCore = "0"

// columns of the tables. The first ratios are to net/http with the monitor's timeouts, which keep
// slow clients out.
var columns = []any{"connections", "server", "requests/s", "of net/http's with our timeouts",
	"CPU, µs/request", "CPU to the same", "of bare net/http's", "p50, ms", "p99, ms", "p99 to healthy"}

// answers compares how fast the value is served: by the monitor, by the practical limit, and by the
// blackbox exporter, while the peer is well and while it hangs.
func answers(binary string) error {
	well, err := fakesite.Start("127.0.0.1:0", fakesite.Respond(okAnswer))
	if err != nil {
		return err
	}
	defer well.Close()
	hangs, err := fakesite.Start("127.0.0.1:0", fakesite.Hang)
	if err != nil {
		return err
	}
	defer hangs.Close()
	var all contest
	defer all.stop()
	if err := all.start(binary, well.Address(), hangs.Address()); err != nil {
		return err
	}
	monitor := all.targets[2].server
	idle := monitor.rss()
	fmt.Println(
		"Answers, in rounds in which each server is asked in turn, alone on one core. Median " +
			"(quartiles); ratios are of the same round.")
	head(columns...)
	for _, connections := range []int{1, 16, 256} {
		if err := compare(all.targets[:4], connections, 25, 400*time.Millisecond); err != nil {
			return err
		}
	}
	fmt.Printf(
		"\nMemory of the monitor (RSS): %.1f MB idle, %.1f MB after this load; "+
			"net/http's %.1f MB after it\n",
		idle/1e6, monitor.rss()/1e6, all.targets[0].server.rss()/1e6)
	fmt.Println("\nThe same with the blackbox exporter, which probes for each request.")
	head(columns...)
	for _, connections := range []int{1, 16} {
		if err := compare(all.targets, connections, 5, 400*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// contest are the servers to compare: net/http with limits, the same without, and the monitor and
// the blackbox exporter each with a healthy peer and then with one that hangs.
type contest struct{ targets []target }

func (c *contest) stop() {
	for _, t := range c.targets {
		t.server.stop()
	}
}

func (c *contest) start(binary, well, hangs string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	for _, kind := range []string{"limited", "bare"} {
		server, err := start(serverCore, os.Environ(), self, kind)
		if err != nil {
			return err
		}
		server.address = readLine(server)
		c.targets = append(c.targets,
			target{name: map[string]string{"limited": "net/http with our timeouts",
				"bare": "bare net/http"}[kind], server: server, path: "/"})
	}
	for name, peer := range pairs("monitor", well, hangs) {
		server, err := startMonitor(serverCore, binary, "SITE_A_HEALTH_URL=http://"+well,
			"SITE_B_HEALTH_URL=http://"+peer)
		if err != nil {
			return err
		}
		c.targets = append(c.targets, target{name: name, server: server, path: "/metric/site-a"})
	}
	for name, peer := range pairs("blackbox exporter", well, hangs) {
		server, err := startBlackbox()
		if err != nil {
			return err
		}
		c.targets = append(c.targets, target{name: name, server: server,
			path: "/probe?module=http_2xx&target=http://" + peer, chunked: true})
	}
	time.Sleep(5 * time.Second) // the hanging peer's first probe takes 3
	return nil
}

// pairs names a server's two peers.
func pairs(server, well, hangs string) func(func(name, peer string) bool) {
	return func(yield func(name, peer string) bool) {
		_ = yield(server, well) && yield(server+", peer hangs", hangs)
	}
}

// startBlackbox starts Prometheus' blackbox exporter with the monitor's timeout.
func startBlackbox() (*process, error) {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	config, err := writeFile(dir, "blackbox.yml",
		"modules: {http_2xx: {prober: http, timeout: 3s, http: {preferred_ip_protocol: ip4}}}\n")
	if err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	p, err := start(serverCore, nil, "prometheus-blackbox-exporter", "--config.file="+config,
		"--web.listen-address="+address, "--log.level=error")
	if err != nil {
		return nil, err
	}
	p.address = address
	return p, waitFor(address)
}

// measured is what the rounds have measured of one target.
type measured struct{ perSecond, p50, p99, cpu sample }

// compare prints a row for each target, of which the first is the limit, and the second that
// without timeouts.
func compare(targets []target, connections, rounds int, each time.Duration) error {
	all := make([]measured, len(targets))
	for round := range rounds {
		for n := range targets {
			i := (n + round) % len(targets) // so that no server always comes after the same
			l, err := measure(targets[i], connections, each)
			if err != nil {
				return err
			}
			m := &all[i]
			m.perSecond, m.p50, m.p99, m.cpu = append(m.perSecond, l.perSecond), append(m.p50,
				l.p50), append(m.p99, l.p99), append(m.cpu, l.cpuPerCall)
		}
	}
	for i, m := range all {
		toHealthy := "–"
		if slices.Contains([]int{3, 5}, i) {
			toHealthy = ratios(m.p99, all[i-1].p99).quartiles("%.2f", 1)
		}
		row(connections, targets[i].name, m.perSecond.quartiles("%.0f", 1),
			ratios(m.perSecond, all[0].perSecond).quartiles("%.3f", 1),
			m.cpu.quartiles("%.1f", 1e6), ratios(m.cpu, all[0].cpu).quartiles("%.2f", 1),
			ratios(m.perSecond, all[1].perSecond).quartiles("%.3f", 1),
			m.p50.quartiles("%.3f", 1000), m.p99.quartiles("%.2f", 1000), toHealthy)
	}
	return nil
}
