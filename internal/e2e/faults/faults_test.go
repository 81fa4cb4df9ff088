//go:build e2e

// Package faults breaks the world around the built binary, and the binary's own process, in one way
// after another, and prints what a poller sees meanwhile and how long the monitor takes to be right
// again. It needs root, for mounts in a namespace of its own and for a name server at port 53: run
// it with "make e2e-faults".
package faults

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"failover-monitor/internal/e2e/rig"
	"failover-monitor/internal/fakesite"
)

// The settings of all rows, unless they have others.
const (
	cacheTTL     = time.Second
	probeTimeout = time.Second
	lifetime     = cacheTTL + probeTimeout + time.Second // of a verdict
)

// busy is how much later than promised something may be, on a machine that runs other tests as
// well.
const busy = 700 * time.Millisecond

// What pollers see of most faults, as regular expressions; a fault may begin in the middle of a
// poll.
const (
	turns1  = "(0 )?1"
	expires = "(0 )?503"
)

// fault is a row of the table.
type fault struct {
	name       string
	environ    func(*scene) []string // settings; nil: site B is [scene.b]
	begin, end func(*scene)
	lasts      time.Duration // 0: longer than a verdict counts
	sees       string        // what a poller of site A's value gets in turn, as a regular expression
	right      string        // the answer once all is over; empty: 0
	never      string        // what no poll may get that is answered after the fault
	binary     string        // empty: the one that is shipped
	stderr     func(*scene) *os.File
	check      func(*scene) // after all is over
	alone      bool         // whether it needs the machine to itself
	// the command that becomes the binary; nil: itself
	wrap func(s *scene, binary string) []string
	// how much longer than others it takes until all is right again
	slow time.Duration
}

// scene is one fault's stage.
type scene struct {
	*testing.T
	monitor *rig.Monitor
	b       *fakesite.Site // the site whose state decides the value of site A
	dns     *rig.NameServer
	dir     string
}

func TestFaults(t *testing.T) {
	dir := t.TempDir()
	ownNamespace(t)
	shipped, err := rig.Build(dir, "failover-monitor")
	if err != nil {
		t.Fatal(err)
	}
	stepped, err := buildStepped(dir)
	if err != nil {
		t.Fatal(err)
	}
	dns := startNameServer(t) // from here on, nothing else can be looked up
	var faults []fault
	for _, group := range [][]fault{siteFaults(t), networkFaults(t), clockFaults(stepped),
		processFaults(t), fileFaults(t), machineFaults(t, shipped, stepped), clientFaults()} {
		faults = append(faults, group...)
	}
	rows := make([]string, len(faults))
	t.Run("table", func(t *testing.T) {
		for i, f := range faults {
			if f.binary == "" {
				f.binary = shipped
			}
			t.Run(f.name, func(t *testing.T) {
				if !f.alone {
					t.Parallel()
				}
				rows[i] = f.run(&scene{T: t, dns: dns, dir: t.TempDir()})
			})
		}
	})
	fmt.Printf(
		"\nCACHE_TTL_SEC=%v, PROBE_TIMEOUT_SEC=%v; polls every 50 ms, over kept and over new "+
			"connections.\n", cacheTTL.Seconds(), probeTimeout.Seconds())
	fmt.Printf("\n| fault | what a poller sees | right again after |\n|---|---|---|\n%s\n",
		strings.Join(rows, ""))
}

// ownNamespace refuses to go on where a mount would be seen by the rest of the machine.
func ownNamespace(t *testing.T) {
	t.Helper()
	ours, err := os.Readlink("/proc/self/ns/mnt")
	if err != nil {
		t.Fatal(err)
	}
	parents, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/mnt", os.Getppid()))
	if err != nil || ours == parents {
		t.Fatalf("not in a mount namespace of its own (%v): run make e2e-faults, as root", err)
	}
}

// run causes one fault, and returns its row of the table.
func (f fault) run(s *scene) (row string) {
	f.start(s)
	p := startPoller(s.monitor.URL("/metric/site-a"))
	time.Sleep(500*time.Millisecond + rand.N(cacheTTL)) // at any moment of the cycle
	began := time.Now()
	f.begin(s)
	lasts := f.lasts
	if lasts == 0 {
		lasts = lifetime + cacheTTL
	}
	time.Sleep(lasts)
	ended := time.Now()
	f.end(s)
	const cycle = cacheTTL + probeTimeout
	time.Sleep(cycle + f.slow + time.Second)
	p.stop()
	if f.check != nil {
		f.check(s)
	}

	sees, lastly, again := "", "", time.Duration(0)
	for i, polls := range p.polls {
		seen := changes(polls, began, ended)
		if len(seen) == 0 {
			s.Fatal("no poll was answered")
		}
		if got := sequence(seen); !regexp.MustCompile("^(" + f.sees + ")$").MatchString(got) {
			s.Errorf("a poller saw %s, want %s", got, f.sees)
		}
		f.checkNever(s, polls, ended)
		after, ok := rightAgain(polls, f.rightAnswer(), ended)
		if !ok || after > cycle+f.slow+busy {
			s.Errorf("right again after %v (%v), want within %v:\n%s", after, ok, cycle+f.slow,
				story(changes(polls, ended, time.Now())))
		}
		again = max(again, after)
		switch text := story(seen); {
		case i == 0:
			sees = text
		case seen[len(seen)-1].got != lastly:
			sees += "; over new connections " + text
		}
		lastly = seen[len(seen)-1].got
	}
	if again == 0 {
		return fmt.Sprintf("| %s | %s | never wrong |\n", f.name, sees)
	}
	return fmt.Sprintf("| %s | %s | %.1f s |\n", f.name, sees, again.Seconds())
}

func (f fault) rightAnswer() string {
	if f.right == "" {
		return "0"
	}
	return f.right
}

// checkNever looks at what was answered after the fault, also to those who had asked before.
func (f fault) checkNever(s *scene, polls []poll, ended time.Time) {
	for _, p := range polls {
		if p.answered().After(ended) && p.got == f.never {
			s.Errorf("%v after the fault a poll got %s, which must not be", p.answered().Sub(ended), p.got)
		}
	}
}

// start starts two healthy sites and the monitor.
func (f fault) start(s *scene) {
	s.Helper()
	s.b = startSite(s.T)
	environ := []string{
		fmt.Sprintf("CACHE_TTL_SEC=%v", cacheTTL.Seconds()),
		fmt.Sprintf("PROBE_TIMEOUT_SEC=%v", probeTimeout.Seconds()),
		"SITE_A_HEALTH_URL=http://" + startSite(s.T).Address(),
		"SITE_B_HEALTH_URL=http://" + s.b.Address(),
	}
	if f.environ != nil {
		environ = append(environ, f.environ(s)...)
	}
	args := []string{f.binary}
	if f.wrap != nil {
		args = f.wrap(s, f.binary)
	}
	command := exec.Command(args[0], args[1:]...)
	if f.stderr != nil {
		command.Stderr = f.stderr(s)
	}
	s.monitor = rig.Start(s.T, command, environ...)
}

func startSite(t *testing.T) *fakesite.Site {
	t.Helper()
	for { // another process may be faster, if seldom
		site, err := fakesite.Start(rig.FreeAddress(t), fakesite.Answer(200))
		if err == nil {
			t.Cleanup(site.Close)
			return site
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			t.Fatal(err)
		}
	}
}

// become changes site B.
func (s *scene) become(behave fakesite.Behaviour) {
	s.Helper()
	if err := s.b.Become(behave); err != nil {
		s.Fatal(err)
	}
}

func (s *scene) heal() {
	s.Helper()
	s.become(fakesite.Answer(200))
}

// write writes a file of the scene's.
func (s *scene) write(name string, content []byte) (path string) {
	s.Helper()
	path = filepath.Join(s.dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		s.Fatal(err)
	}
	return path
}
