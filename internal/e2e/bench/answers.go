package main

import (
	"fmt"
	"os"
	"time"

	"failover-monitor/internal/fakesite"
)

// The servers under measurement have one core, and what asks them has the other.
const serverCore = "0"

// rounds is how often each measurement is made, in turn with the others.
const rounds = 7

// answers compares how fast the value is told: by the monitor, by the practical limit, and by the
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
	targets, stop, err := startAll(binary, well.Address(), hangs.Address())
	defer stop()
	if err != nil {
		return err
	}
	fmt.Printf("Answers: %d rounds, in which each server is asked in turn, alone on core %s. Median (min–max).\n", rounds, serverCore)
	fmt.Printf("The limit is net/http with a handler that writes the same bytes; ratios are of the same round.\n")
	head("connections", "server", "requests/s", "of the limit's", "p50, ms", "p99, ms", "p99 to healthy", "CPU, µs/request", "to the limit's")
	idle := targets[1].server.rss()
	for _, connections := range []int{1, 16, 256} {
		if err := compare(targets, connections); err != nil {
			return err
		}
	}
	fmt.Printf("\nMemory of the monitor (RSS): %.1f MB idle, %.1f MB after the load, %.1f MB at most; the limit's %.1f MB after the load\n",
		idle/1e6, targets[1].server.rss()/1e6, targets[1].server.kilobytes("VmHWM:")*1024/1e6, targets[0].server.rss()/1e6)
	return nil
}

// startAll starts the servers to compare: the limit is the first, and each that is well is before the same
// with a peer that hangs.
func startAll(binary, well, hangs string) (targets []target, stop func(), err error) {
	stop = func() {
		for _, t := range targets {
			t.server.stop()
		}
	}
	self, err := os.Executable()
	if err != nil {
		return nil, stop, err
	}
	limit, err := start(serverCore, os.Environ(), self, "bare")
	if err != nil {
		return nil, stop, err
	}
	address := <-limit.lines
	limit.address = address[:len(address)-1]
	targets = append(targets, target{name: "the limit", server: limit, path: "/"})
	for _, peer := range []string{well, hangs} {
		m, err := startMonitor(serverCore, binary, "SITE_A_HEALTH_URL=http://"+well, "SITE_B_HEALTH_URL=http://"+peer)
		if err != nil {
			return targets, stop, err
		}
		targets = append(targets, target{name: "monitor", server: m, path: "/metric/site-a"})
	}
	exporter, err := startBlackbox()
	if err != nil {
		return targets, stop, err
	}
	for _, peer := range []string{well, hangs} {
		targets = append(targets, target{name: "blackbox exporter", server: exporter, path: "/probe?module=http_2xx&target=http://" + peer, chunked: true})
	}
	for _, i := range []int{2, 4} {
		targets[i].name += ", peer hangs"
	}
	time.Sleep(5 * time.Second) // the hanging peer's first probe takes 3
	return targets, stop, nil
}

// startBlackbox starts Prometheus' blackbox exporter with the monitor's timeout.
func startBlackbox() (*process, error) {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	config, err := writeFile(dir, "blackbox.yml", "modules: {http_2xx: {prober: http, timeout: 3s, http: {preferred_ip_protocol: ip4}}}\n")
	if err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	p, err := start(serverCore, nil, "prometheus-blackbox-exporter", "--config.file="+config, "--web.listen-address="+address, "--log.level=error")
	if err != nil {
		return nil, err
	}
	p.address = address
	return p, waitFor(address)
}

// compare prints a row for each target.
func compare(targets []target, connections int) error {
	type measured struct{ perSecond, p50, p99, cpu sample }
	all := make([]measured, len(targets))
	for round := range rounds {
		for n := range targets {
			i := (n + round) % len(targets) // so that no server always comes after the same
			l, err := measure(targets[i], connections, time.Second)
			if err != nil {
				return err
			}
			m := &all[i]
			m.perSecond, m.p50, m.p99, m.cpu = append(m.perSecond, l.perSecond), append(m.p50, l.p50), append(m.p99, l.p99), append(m.cpu, l.cpuPerCall)
		}
	}
	limit := all[0]
	for i, m := range all {
		toHealthy := "–"
		if i == 2 || i == 4 {
			toHealthy = ratios(m.p99, all[i-1].p99).spread("%.2f", 1)
		}
		row(connections, targets[i].name, m.perSecond.spread("%.0f", 1), ratios(m.perSecond, limit.perSecond).spread("%.3f", 1),
			m.p50.spread("%.3f", 1000), m.p99.spread("%.2f", 1000), toHealthy, m.cpu.spread("%.1f", 1e6), ratios(m.cpu, limit.cpu).spread("%.2f", 1))
	}
	return nil
}
