//go:build e2e

// Package soak runs the built binary for long, with many sites that flap and many clients. Its
// answers are checked against what the sites were, and its use of memory, goroutines and files must
// not grow. Run it with "make soak", or "make soak SOAK=2m".
package soak

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"failover-monitor/internal/e2e/rig"
)

const (
	siteCount    = 50
	cacheTTL     = 50 * time.Millisecond
	probeTimeout = 2 * time.Second
	// window is how old what a verdict rests on can be: found at the beginning of a probe that takes
	// its timeout, it counts for the verdict's lifetime of TTL + timeout + 1 s. What is older must be
	// a 503.
	window = probeTimeout + cacheTTL + probeTimeout + time.Second
	// The sites flap for a while. Then they stay as they are, so that there is one right answer only.
	// Then all are well, and the monitor is measured once it has settled: sites that hang hold
	// goroutines and files.
	flapping  = 20 * time.Second
	still     = window + 3*time.Second
	settling  = 3 * time.Second
	measuring = 5 * time.Second
)

// soak is one run of the suite.
type soak struct {
	*testing.T
	monitor *rig.Monitor
	sites   []*site
	until   time.Time

	measure                               atomic.Bool
	answers, exact, unknown, wrong, views atomic.Int64
}

// TestSoak runs the binary as it is shipped and, if there is a C compiler, one with the race
// detector at the same time.
func TestSoak(t *testing.T) {
	length, err := time.ParseDuration(os.Getenv("SOAK"))
	if err != nil || length < 2*time.Minute {
		t.Fatalf("SOAK=%q: want how long, such as 10m, 2m at least", os.Getenv("SOAK"))
	}
	// Not the memory of the process: the race detector's own grows.
	flat := []string{"go_memstats_heap_objects", "go_goroutines", "process_open_fds"}
	t.Run("shipped", func(t *testing.T) {
		t.Parallel()
		run(t, length, append(flat, "process_resident_memory_bytes"))
	})
	if _, err := exec.LookPath("cc"); err != nil {
		fmt.Println("no C compiler: soaking without the race detector")
		return
	}
	t.Run("race", func(t *testing.T) {
		t.Parallel()
		run(t, length, flat, "-race")
	})
}

// run soaks a binary that is built with more arguments, and judges whether these metrics grow.
func run(t *testing.T, length time.Duration, flat []string, args ...string) {
	binary, err := rig.Build(t.TempDir(), "failover-monitor", args...)
	if err != nil {
		t.Fatal(err)
	}
	s := &soak{T: t, until: time.Now().Add(length)}
	var environ []string
	s.sites, environ = startSites(t, siteCount)
	s.monitor = rig.Start(t, exec.Command(binary),
		append(environ, fmt.Sprintf("CACHE_TTL_SEC=%v", cacheTTL.Seconds()),
			fmt.Sprintf("PROBE_TIMEOUT_SEC=%v", probeTimeout.Seconds()),
			fmt.Sprintf("RETRY_INTERVAL_SEC=%v", cacheTTL.Seconds()))...)

	var clients sync.WaitGroup
	clients.Go(s.weather)
	for range 8 {
		clients.Go(s.poll)
	}
	for _, path := range []string{"/metrics", "/metrics", "/status", "/status", "/", "/healthz"} {
		clients.Go(func() { s.view(path) })
	}
	usage := s.watch(flat)
	clients.Wait()
	s.report(usage)
}

// weather has all sites flap, stay, and be well, by turns.
func (s *soak) weather() {
	for s.goesOn() {
		var all sync.WaitGroup
		calm := time.Now().Add(flapping)
		for _, site := range s.sites {
			all.Go(func() { site.flap(s.T, calm) })
		}
		all.Wait()
		time.Sleep(still)
		for _, site := range s.sites {
			site.heal(s.T)
			site.forget(time.Now().Add(-2 * window))
		}
		time.Sleep(settling)
		s.measure.Store(true)
		time.Sleep(measuring)
		s.measure.Store(false)
	}
}

func (s *soak) goesOn() bool { return time.Now().Before(s.until) }

// poll asks for values, and checks each.
func (s *soak) poll() {
	client := http.Client{Timeout: 10 * time.Second, Transport: new(http.Transport)}
	defer client.CloseIdleConnections()
	for ; s.goesOn(); time.Sleep(20 * time.Millisecond) {
		self := s.sites[rand.N(len(s.sites))]
		asked := time.Now()
		status, body, err := get(&client, s.monitor.URL("/metric/"+self.name))
		switch {
		case err != nil:
			s.Errorf("%s: %v", self.name, err)
		case status == http.StatusServiceUnavailable:
			s.unknown.Add(1)
		default:
			s.check(self, asked, body)
		}
	}
}

// check compares a value with how many peers were down all the time that it can rest on, and how
// many at some moment of it.
func (s *soak) check(self *site, asked time.Time, body string) {
	var least, most int
	for _, peer := range s.sites {
		if peer == self {
			continue
		}
		down, up := peer.states(asked.Add(-window), time.Now())
		if down {
			most++
		}
		if !up {
			least++
		}
	}
	s.answers.Add(1)
	if least == most {
		s.exact.Add(1)
	}
	value, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(body, `{"value":`), "}\n"))
	if err == nil && value >= least && value <= most {
		return
	}
	if s.wrong.Add(1) <= 10 {
		s.Errorf("%s was told %q, want a number from %d to %d", self.name, body, least, most)
	}
}

// view looks at something else, half a second after half a second.
func (s *soak) view(path string) {
	client := http.Client{Timeout: 10 * time.Second, Transport: new(http.Transport)}
	defer client.CloseIdleConnections()
	for ; s.goesOn(); time.Sleep(500 * time.Millisecond) {
		status, body, err := get(&client, s.monitor.URL(path))
		switch {
		case err != nil || body == "":
			s.Errorf("%s: %d %v", path, status, err)
		// the machine is too busy to probe
		case path == "/healthz" && status == http.StatusServiceUnavailable:
			s.unknown.Add(1)
		case status >= 500:
			s.Errorf("%s: %d %s", path, status, body)
		}
		s.views.Add(1)
	}
}

func get(client *http.Client, url string) (status int, body string, err error) {
	resp, err := client.Get(url)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

// watch measures the monitor again and again, while it is time to.
func (s *soak) watch(metrics []string) (usage []*series) {
	for _, name := range metrics {
		usage = append(usage, &series{name: name})
	}
	began := time.Now()
	for ; s.goesOn(); time.Sleep(250 * time.Millisecond) {
		if !s.measure.Load() {
			continue
		}
		_, text, err := get(http.DefaultClient, s.monitor.URL("/metrics"))
		if err != nil {
			s.Error(err)
			continue
		}
		for _, series := range usage {
			found := regexp.MustCompile(`(?m)^` + series.name + ` (\S+)$`).FindStringSubmatch(text)
			if found == nil {
				s.Fatalf("no %s in\n%s", series.name, text)
			}
			value, _ := strconv.ParseFloat(found[1], 64)
			series.add(time.Since(began), value)
		}
	}
	return usage
}

// report prints what was found, and fails for what must not be.
func (s *soak) report(usage []*series) {
	fmt.Printf(
		"%s: %d answers checked, %d of them against one right number, %d wrong; %d times 503; %d views\n",
		s.Name(), s.answers.Load(), s.exact.Load(), s.wrong.Load(), s.unknown.Load(), s.views.Load())
	for _, series := range usage {
		fmt.Printf("%s: %s, second half: %v\n", s.Name(), series.name, series.trend())
		if series.grows() {
			s.Errorf("%s grows by more than %.0f %%", series.name, 100*tolerance)
		}
	}
	if s.answers.Load() < 1000 || s.exact.Load() < 100 {
		s.Errorf("only %d answers were checked, %d of them exactly", s.answers.Load(), s.exact.Load())
	}
	if unknown := s.unknown.Load(); unknown > s.answers.Load()/100 {
		s.Errorf("%d polls got a 503, which is more than one in a hundred", unknown)
	}
}
