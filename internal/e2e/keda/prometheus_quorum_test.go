package keda

import (
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// threeScraped are three monitors in one world, which Prometheus scrapes.
func threeScraped(t *testing.T, w *world) replacements {
	var targets []target
	for i := range 3 {
		targets = append(targets, target{w.start(t).address, strconv.Itoa(i + 1)})
	}
	return thanos(t, prometheus(t, targets...))
}

// scraped is three monitors, each with its own view of the world, and their Prometheus.
type scraped struct {
	keda     *keda
	server   *server
	worlds   [3]*world
	monitors [3]*monitor
}

func newScraped(t *testing.T, more ...target) *scraped {
	t.Helper()
	s := new(scraped)
	for i := range s.worlds {
		s.worlds[i] = newWorld(t, "site-a")
		s.monitors[i] = s.worlds[i].start(t)
		more = append(more, target{s.monitors[i].address, strconv.Itoa(i + 1)})
	}
	s.server = prometheus(t, more...)
	s.keda = apply(t, "openshift-three-monitors.yaml", thanos(t, s.server))
	return s
}

// view sets what each monitor has to say: 0, 1, ? for an unknown value, - for a monitor that does
// not answer, or x for a dead one. It waits until Prometheus has seen that. Meanwhile KEDA may get
// what it got before, what it is to get, or nothing.
func (s *scraped) view(t *testing.T, views, before, want string) {
	t.Helper()
	for i, view := range views {
		s.worlds[i].goOnline()
		s.monitors[i].cmd.Process.Signal(syscall.SIGCONT)
		switch view {
		case 'x':
			s.monitors[i].kill()
		case '-':
			s.monitors[i].cmd.Process.Signal(syscall.SIGSTOP)
		case '0':
			s.worlds[i].peer.become(well)
		case '1':
			s.worlds[i].peer.become(sick)
		case '?':
			s.worlds[i].goOffline()
			s.worlds[i].peer.become(hangs)
		}
	}
	meanwhile := []string{before, unknown}
	if before == unknown { // what the monitors said last may still count for some seconds
		meanwhile = append(meanwhile, "0", "1")
	}
	for end := time.Now().Add(30 * time.Second); !s.seen(t, views); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: Prometheus does not see that", views)
		}
		if got, err := s.keda.ask(t, 0); got != want && !slices.Contains(meanwhile, got) {
			t.Fatalf("%s: got %s (%v) on the way from %s to %s", views, got, err, before, want)
		}
	}
	s.keda.until(t, 0, want, meanwhile...)
	s.keda.stays(t, 0, want)
}

func (s *scraped) seen(t *testing.T, views string) bool {
	t.Helper()
	values := s.server.values(t, "failover_metric_value{site='site-a'}")
	for i, view := range views {
		value, ok := values[strconv.Itoa(i+1)]
		if view == '0' || view == '1' {
			ok = value == string(view)
		} else {
			ok = !ok
		}
		if !ok {
			return false
		}
	}
	return true
}

// TestMajorityInPromQL: what two of three say is the value. Where no two say the same there is
// none, and the HPA holds the count.
func TestMajorityInPromQL(t *testing.T) {
	t.Parallel()
	for _, steps := range [][]struct{ views, want string }{
		{{"000", "0"}, {"100", "0"}, {"110", "1"}, {"111", "1"}, {"011", "1"}, {"010", "0"}},
		{
			{"000", "0"}, {"?00", "0"}, {"?10", unknown}, {"?11", "1"},
			{"??1", unknown}, {"???", unknown}, {"101", "1"},
		},
		{
			{"000", "0"}, {"-00", "0"}, {"-01", unknown}, {"-11", "1"},
			{"--1", unknown}, {"---", unknown}, {"001", "0"},
		},
		{
			{"000", "0"}, {"00x", "0"}, {"01x", unknown}, {"11x", "1"},
			{"1xx", unknown}, {"xxx", unknown},
		},
		{{"110", "1"}, {"11x", "1"}, {"00x", "0"}, {"0xx", unknown}, {"xxx", unknown}},
	} {
		t.Run(steps[0].views+" to "+steps[len(steps)-1].views, func(t *testing.T) {
			t.Parallel()
			s, before := newScraped(t), unknown
			for _, step := range steps {
				s.view(t, step.views, before, step.want)
				before = step.want
			}
		})
	}
}

// TestPodsOfOneMonitorAreOneVoice: two pods of the first monitor do not outvote the two others.
func TestPodsOfOneMonitorAreOneVoice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "site-a")
	w.peer.become(sick)
	s := newScraped(t, target{w.start(t).address, "1"}, target{w.start(t).address, "1"})
	s.keda.until(t, 0, "0", unknown)
	s.keda.stays(t, 0, "0")
	s.worlds[1].peer.become(sick)
	s.keda.until(t, 0, "1", "0")
}

// TestOneMonitorIsNoMajority even if it is scraped three times, under one name.
func TestOneMonitorIsNoMajority(t *testing.T) {
	t.Parallel()
	m := newWorld(t, "site-a").start(t)
	localhost := "localhost" + m.address[len("127.0.0.1"):]
	p := prometheus(t, target{m.address, "1"}, target{localhost, "1"})
	k := apply(t, "openshift-three-monitors.yaml", thanos(t, p))
	const value = "failover_metric_value{site='site-a'}"
	for end := time.Now().Add(20 * time.Second); p.values(t, value)["1"] != "0"; {
		if time.Now().After(end) {
			t.Fatal("Prometheus does not scrape the monitor")
		}
		time.Sleep(100 * time.Millisecond)
	}
	k.stays(t, 0, unknown)
}
