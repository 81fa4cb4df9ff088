package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// interval is CACHE_TTL_SEC, the cadence of the probes.
const interval = 5 * time.Second

// scale measures how cost grows with the number of sites and apps.
func scale(binary string, fleets []fleet, during time.Duration) error {
	fmt.Printf(
		"The cost of sites: %v of a probe of each every %v, while 50 clients a second connect and ask "+
			"for a value.\n", during, interval)
	head("sites", "", "first value after", "CPU, % of a core", "RSS, MB", "RSS a site, kB",
		"goroutines", "probes/s",
		"start late p50 / p99 / max, ms", "answer p50 / p99, ms", "503s", "failed probes",
		"/metrics, ms, kB", "/status, ms, kB", "page, ms, kB")
	var least [2]float64 // RSS of the smallest number of sites, plain and TLS
	for _, f := range fleets {
		for i, secure := range []bool{false, true} {
			perSite := func(rss float64) string {
				if least[i] == 0 {
					least[i] = rss
					return "–"
				}
				return fmt.Sprintf("%.1f", (rss-least[i])/float64(f.sites-fleets[0].sites)/1000)
			}
			if err := scaleTo(binary, f, secure, perSite, during); err != nil {
				return fmt.Errorf("%v sites: %w", f, err)
			}
		}
	}
	for _, f := range fleets {
		if f.apps > 1 {
			return pollCost(binary, f)
		}
	}
	return nil
}

// pollCost compares a poll of one app of many with that of the only app, in turn. No probe disturbs.
func pollCost(binary string, f fleet) error {
	const rounds = 15
	var one, many sample
	fmt.Printf("\nCPU time of a poll of one of %v, of a monitor that has only one app: ", f)
	var targets []target
	for _, f := range []fleet{{1, 2}, f} {
		sites, err := startMany(f, false)
		if err != nil {
			return err
		}
		defer sites.server.Close()
		m, err := startMonitor("", binary, append(sites.environ(), "CACHE_TTL_SEC=3600")...)
		if err != nil {
			return err
		}
		defer m.stop()
		go func() {
			for range m.lines {
			}
		}()
		paths := sites.polls()
		poll := target{name: f.String(), server: m, path: paths[len(paths)-1]}
		if _, err := firstValue(poll, time.Now()); err != nil {
			return err
		}
		targets = append(targets, poll)
	}
	time.Sleep(2 * interval) // until all first probes are over
	for range rounds {
		for i, into := range []*sample{&one, &many} {
			l, err := measure(targets[i], 1, time.Second)
			if err != nil {
				return err
			}
			*into = append(*into, l.cpuPerCall)
		}
	}
	fmt.Println(ratios(many, one).quartiles("%.2f", 1))
	return nil
}

// scaleTo measures a monitor, and prints a row.
func scaleTo(binary string, f fleet, secure bool, perSite func(rss float64) string,
	during time.Duration) error {
	sites, err := startMany(f, secure)
	if err != nil {
		return err
	}
	defer sites.server.Close()
	environ, kind := sites.environ(), "plain"
	if secure {
		kind = "TLS"
		dir, err := os.MkdirTemp("", "bench")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		bundle, err := writeFile(dir, "ca.pem", string(sites.ca))
		if err != nil {
			return err
		}
		environ = append(environ, "CA_BUNDLE="+bundle)
	}
	began := time.Now()
	m, err := startMonitor("", binary, environ...)
	if err != nil {
		return err
	}
	defer m.stop()
	go func() {
		for range m.lines { // the log is not read
		}
	}()
	poll := target{name: "monitor", server: m}
	paths := sites.polls()
	var ready time.Duration
	for i := range paths { // the last first: it has to wait the longest
		poll.path = paths[len(paths)-1-i]
		if ready, err = firstValue(poll, began); err != nil {
			return err
		}
	}
	time.Sleep(2 * interval) // to get into step

	from, cpu := time.Now(), m.cpu()
	answers, refused := pace(poll, 20*time.Millisecond, during)
	to := time.Now()
	cpu = m.cpu() - cpu
	rss := m.rss()
	late := sites.lateness(from, to, interval)
	goroutines, failed, metrics := scrape(m)
	_, status := fetch(m, "/status")
	_, page := fetch(m, "/")
	ms := 1000.
	row(f, kind, fmt.Sprintf("%.2f s", ready.Seconds()),
		fmt.Sprintf("%.2f", 100*cpu.Seconds()/to.Sub(from).Seconds()),
		fmt.Sprintf("%.1f", rss/1e6), perSite(rss), goroutines,
		fmt.Sprintf("%.1f", float64(sites.probes(from, to))/to.Sub(from).Seconds()),
		fmt.Sprintf("%.1f / %.1f / %.0f", ms*late.quantile(.5), ms*late.quantile(.99),
			ms*late.quantile(1)),
		fmt.Sprintf("%.2f / %.2f", ms*answers.quantile(.5), ms*answers.quantile(.99)), refused, failed,
		metrics, status, page)
	return nil
}

// firstValue waits for the first value, which takes a verdict on every other site, and gives the
// time since began.
func firstValue(t target, began time.Time) (time.Duration, error) {
	for time.Since(began) < time.Minute {
		if _, err := ask(t, time.Time{}); err == nil {
			return time.Since(began), nil
		}
		time.Sleep(time.Millisecond)
	}
	return 0, fmt.Errorf("%s gives no value for a minute", t.name)
}

// pace asks again and again, with pauses. It gives how long each answer took, and how many were no
// value.
func pace(t target, every, during time.Duration) (took sample, refused int) {
	ticks := time.NewTicker(every)
	defer ticks.Stop()
	for until := time.Now().Add(during); time.Now().Before(until); <-ticks.C {
		one, err := ask(t, time.Time{})
		if err != nil {
			refused++
		}
		took = append(took, one...)
	}
	return took, refused
}

// fetch gets a page, and says how long that took and how big it is, or why there is none.
func fetch(m *process, path string) (body, cost string) {
	began := time.Now()
	resp, err := http.Get("http://" + m.address + path)
	if err != nil {
		return "", err.Error()
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return "", err.Error()
	case resp.StatusCode != http.StatusOK:
		return "", resp.Status
	}
	return string(text), fmt.Sprintf("%.0f, %d", 1000*time.Since(began).Seconds(), len(text)/1000)
}

// scrape reads what the monitor says of itself: its goroutines, and how many probes have failed so
// far.
func scrape(m *process) (goroutines, failed int, cost string) {
	text, cost := fetch(m, "/metrics")
	in := bufio.NewScanner(strings.NewReader(text))
	for in.Scan() {
		name, value, _ := strings.Cut(in.Text(), " ")
		number, _ := strconv.ParseFloat(value, 64)
		switch {
		case name == "go_goroutines":
			goroutines = int(number)
		case strings.HasPrefix(name, "failover_probes_total{") && !strings.Contains(name, `reason="ok"`):
			failed += int(number)
		}
	}
	return goroutines, failed, cost
}
