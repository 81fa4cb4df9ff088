//go:build e2e

// Package predecessor asks the same odd and sick sites by the built binary and by the predecessor's
// client, Debian's python3-requests, and prints where their verdicts differ. Every difference must
// be in the table of deploy/README.md for those who come from the predecessor. Run it with "make
// e2e-predecessor".
package predecessor

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"failover-monitor/internal/e2e/rig"
	"failover-monitor/internal/fakesite"
)

// documented is where the differences are explained.
const documented = "../../../deploy/README.md"

// site is one that both probe.
type site struct {
	name    string
	url     string
	environ []string // what the monitor has beside the defaults
	verify  any      // what requests has for VERIFY_TLS and REQUESTS_CA_BUNDLE
	headers map[string]string
	method  string
	regex   string
	differs string // how the documents call the difference, if there is one
	up      bool   // what the monitor says then
}

// verdict is what one of them says.
type verdict struct {
	Up   bool
	Said string
}

func (v verdict) String() string {
	if v.Up {
		return "up (" + v.Said + ")"
	}
	return "down (" + v.Said + ")"
}

func TestPredecessor(t *testing.T) {
	binary, err := rig.Build(t.TempDir(), "failover-monitor")
	if err != nil {
		t.Fatal(err)
	}
	document, err := os.ReadFile(documented)
	if err != nil {
		t.Fatal(err)
	}
	client := startClient(t)
	all := slices.Concat(httpSites(t), redirectingSites(t), tlsSites(t), requestSites(t))
	differences, seen := "", map[string]bool{}
	for _, s := range all {
		if seen[s.name] {
			t.Fatalf("two sites are called %s", s.name)
		}
		seen[s.name] = true
		old, now := client.ask(t, s), check(t, binary, s)
		if old.Up != now.Up {
			differences += fmt.Sprintf("| %s | %v | %v | %s |\n", s.name, old, now, s.differs)
		}
		switch {
		case (old.Up != now.Up) != (s.differs != ""):
			t.Errorf("%s: the predecessor says %v, the monitor %v", s.name, old, now)
		case s.differs != "" && now.Up != s.up:
			t.Errorf("%s: the monitor says %v, want up: %v", s.name, now, s.up)
		case s.differs != "" && !strings.Contains(string(document), s.differs):
			t.Errorf("%s: %q is not in %s", s.name, s.differs, documented)
		}
	}
	fmt.Printf(
		"\n%d sites were asked by both; the verdicts on these differ:\n\n| site | predecessor | "+
			"monitor | documented as |\n|---|---|---|---|\n%s", len(all), differences)
}

// python is the predecessor's client.
type python struct {
	in  *json.Encoder
	out *bufio.Scanner
}

func startClient(t *testing.T) *python {
	t.Helper()
	cmd := exec.Command("/usr/bin/python3", "client.py")
	cmd.Env = []string{"HOME=" + t.TempDir(), "PYTHONWARNINGS=ignore"}
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("the predecessor's client: %v; make e2e-predecessor installs it", err)
	}
	t.Cleanup(func() { in.Close(); cmd.Wait() })
	return &python{json.NewEncoder(in), bufio.NewScanner(out)}
}

// timeout is of both, in seconds.
const timeout = 1

func (p *python) ask(t *testing.T, s site) (v verdict) {
	t.Helper()
	verify := s.verify
	if verify == nil {
		verify = true
	}
	headers := s.headers
	if headers == nil {
		headers = map[string]string{}
	}
	err := p.in.Encode(map[string]any{"url": s.url, "method": s.probeMethod(), "timeout": timeout,
		"verify": verify, "headers": headers, "regex": s.statuses()})
	if err != nil {
		t.Fatal(err)
	}
	if !p.out.Scan() {
		t.Fatalf("%s: the predecessor's client has ended", s.name)
	}
	if err := json.Unmarshal(p.out.Bytes(), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func (s site) probeMethod() string {
	if s.method == "" {
		return "GET"
	}
	return s.method
}

func (s site) statuses() string {
	if s.regex == "" {
		return `^2\d\d$`
	}
	return s.regex
}

// check has the monitor probe a site once, beside a healthy one.
func check(t *testing.T, binary string, s site) verdict {
	t.Helper()
	environ := append(
		[]string{"SITE_A_HEALTH_URL=http://" + rig.Site(t, fakesite.Answer(200)).Address(),
			"SITE_B_HEALTH_URL=" + s.url,
			fmt.Sprint("PROBE_TIMEOUT_SEC=", timeout), "PROBE_METHOD=" + s.probeMethod(),
			"ACCEPT_STATUS_REGEX=" + s.statuses()}, s.environ...)
	switch verify := s.verify.(type) {
	case bool:
		environ = append(environ, fmt.Sprint("VERIFY_TLS=", verify))
	case string:
		environ = append(environ, "REQUESTS_CA_BUNDLE="+verify)
	}
	for key, value := range s.headers {
		environ = append(environ, "EXTRA_HEADER_KEY="+key, "EXTRA_HEADER_VAL="+value)
	}
	cmd := exec.Command(binary, "check")
	cmd.Env = environ
	out, _ := cmd.CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if fields := strings.Fields(line); len(fields) > 4 && fields[0] == "site-b" &&
			(fields[1] == "up" || fields[1] == "down") {
			said := fields[2]
			if said == "-" || said == "status" {
				said = fields[3]
			}
			return verdict{fields[1] == "up", said}
		}
	}
	t.Errorf("%s: check says %s", s.name, out)
	return verdict{}
}

// file writes a file of the test's own.
func file(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
