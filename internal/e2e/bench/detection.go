package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"

	"failover-monitor/internal/fakesite"
)

// deathCount is how many sites die, each at a moment of its own.
const deathCount = 24

// detection compares with HAProxy's health checks how long a dead site goes unnoticed. Both
// watch the same sites, at the same interval, with the same timeout and as many failures in a row.
func detection(binary string) error {
	fmt.Printf(
		"\nFrom a site's death to the log's line that it is down; a probe every 2 s with a timeout of "+
			"1 s, 3 failures in a row, %d deaths. Median (min–max).\n", deathCount)
	fmt.Println(
		"The monitor's retries count from the start of a probe, and overlap; " +
			"HAProxy has fastinter for them.")
	head("the site", "retries", "monitor, s", "its formula's worst case, s", "HAProxy, s")
	for _, retry := range []time.Duration{2 * time.Second, 500 * time.Millisecond} {
		for _, fault := range []string{"refuses", "hangs"} {
			ours, theirs, err := deaths(binary, retry, fault)
			if err != nil {
				return err
			}
			worst := 2*time.Second + 2*retry
			if fault == "hangs" {
				worst += time.Second
			}
			row(fault, retry, ours.extremes("%.1f", 1), worst.Seconds(), theirs.extremes("%.1f", 1))
		}
	}
	return nil
}

// deaths lets sites die while both watch.
func deaths(binary string, retry time.Duration, fault string) (ours, theirs sample, err error) {
	var doomed []*fakesite.Site
	for range deathCount {
		s, err := fakesite.Start("127.0.0.1:0", fakesite.Respond(okAnswer))
		if err != nil {
			return nil, nil, err
		}
		defer s.Close()
		doomed = append(doomed, s)
	}
	haproxy, err := startHAProxy(doomed, retry)
	if err != nil {
		return nil, nil, err
	}
	defer haproxy.stop()
	monitor, err := startMonitorOf(doomed, binary, retry)
	if err != nil {
		return nil, nil, err
	}
	defer monitor.stop()
	time.Sleep(5 * time.Second) // for both to get into step

	var died obituaries
	var oursErr, theirsErr error
	var watching sync.WaitGroup
	watching.Go(func() { ours, oursErr = died.noticed(monitor, downInOurs) })
	watching.Go(func() { theirs, theirsErr = died.noticed(haproxy, downInHAProxys) })
	for i, s := range doomed {
		time.Sleep(rand.N(350 * time.Millisecond))
		died.note(siteName(i))
		if fault == "hangs" {
			err = errors.Join(err, s.Become(fakesite.Hang))
		} else {
			s.Refuse()
		}
	}
	watching.Wait()
	return ours, theirs, errors.Join(err, oursErr, theirsErr)
}

func siteName(i int) string { return fmt.Sprintf("site-%02d", i) }

func startMonitorOf(sites []*fakesite.Site, binary string, retry time.Duration) (*process, error) {
	environ := []string{"CACHE_TTL_SEC=2", "PROBE_TIMEOUT_SEC=1", "FAILURE_THRESHOLD=3",
		fmt.Sprintf("RETRY_INTERVAL_SEC=%v", retry.Seconds())}
	for i, s := range sites {
		environ = append(environ, fmt.Sprintf("SITE_%02d_HEALTH_URL=http://%s/", i, s.Address()))
	}
	return startMonitor("", binary, environ...)
}

func startHAProxy(sites []*fakesite.Site, retry time.Duration) (*process, error) {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	address, err := freeAddress() // it does not run without one
	if err != nil {
		return nil, err
	}
	config := fmt.Sprintf(`global
  log stdout format raw local0
defaults
  mode http
  log global
  timeout connect 1s
  timeout check 1s
  timeout client 5s
  timeout server 5s
listen sites
  bind %s
  option httpchk GET /
  default-server inter 2s fastinter %dms fall 3
`, address, retry.Milliseconds())
	for i, s := range sites {
		config += fmt.Sprintf("  server %s %s check\n", siteName(i), s.Address())
	}
	path, err := writeFile(dir, "haproxy.cfg", config)
	if err != nil {
		return nil, err
	}
	p, err := start("", nil, "haproxy", "-db", "-f", path)
	if err != nil {
		return nil, err
	}
	return p, waitFor(address)
}

// obituaries are when each site died.
type obituaries struct {
	mu   sync.Mutex
	died map[string]time.Time
}

func (o *obituaries) note(site string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.died == nil {
		o.died = make(map[string]time.Time)
	}
	o.died[site] = time.Now()
}

// noticed reads a log until it has every death, and gives how long after each that was. The
// function gives the site that a line says is down.
func (o *obituaries) noticed(p *process, down func(line string) string) (after sample, err error) {
	timeout := time.After(time.Minute)
	for len(after) < deathCount {
		select {
		case line, ok := <-p.lines:
			if !ok {
				return nil, fmt.Errorf("%v has ended", p.cmd.Args)
			}
			o.mu.Lock()
			if at, dead := o.died[down(line)]; dead {
				after = append(after, time.Since(at).Seconds())
			}
			o.mu.Unlock()
		case <-timeout:
			return nil, fmt.Errorf("%v has noticed only %d of %d deaths", p.cmd.Args, len(after), deathCount)
		}
	}
	return after, nil
}

func downInOurs(line string) string {
	var l struct{ To, Site string }
	if json.Unmarshal([]byte(line), &l); l.To != "down" || !strings.HasPrefix(line, "{") {
		return ""
	}
	return l.Site
}

var haproxyDown = regexp.MustCompile(`^Server sites/(\S+) is DOWN`)

func downInHAProxys(line string) string {
	if m := haproxyDown.FindStringSubmatch(line); m != nil {
		return m[1]
	}
	return ""
}
