//go:build e2e

package podman

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"failover-monitor/internal/e2e/rig"
	"failover-monitor/internal/fakesite"
)

// TestMonitor is a failover as a user of podman sees it, with env.example and two URLs.
func TestMonitor(t *testing.T) {
	a, b := site(t, fakesite.Answer(http.StatusOK)), site(t, fakesite.Answer(http.StatusOK))
	envFile := strings.NewReplacer("https://site-a.example.com/", "http://"+a.Address()+"/",
		"https://site-b.example.com/", "http://"+b.Address()+"/").
		Replace(read(t, "env.example"))
	name := run(t, envFile, "")

	wait(t, name, "/metric/site-a", `{"value":0}`)
	if code, stdout, stderr := shell(t, "podman healthcheck run "+name); code != 0 {
		t.Errorf("the health check of a monitor that is well: exit code %d %s%s", code, stdout, stderr)
	}
	b.Refuse()
	t.Logf("the value is 1 after %v", wait(t, name, "/metric/site-a", `{"value":1}`))
	if status, body := ask(t, name, "/metric/site-b"); status != http.StatusOK ||
		body != "{\"value\":0}\n" {
		t.Errorf("site B is told %d %q", status, body)
	}
	line := regexp.MustCompile(`(?m)^.*level=INFO msg="site is down" site=site-b ` +
		`from=up to=down .*reason=refused .*$`).FindString(logs(t, name))
	if line == "" {
		t.Errorf("podman logs do not tell of it:\n%s", logs(t, name))
	}
	if err := b.Become(fakesite.Answer(http.StatusOK)); err != nil {
		t.Fatal(err)
	}
	wait(t, name, "/metric/site-a", `{"value":0}`)

	began := time.Now()
	must(t, "podman stop "+name)
	if code := inspect(t, name, "{{.State.ExitCode}}"); code != "0" ||
		time.Since(began) > 4*time.Second {
		t.Errorf("podman stop: exit code %s after %v", code, time.Since(began))
	}
}

// TestApps has an env file of two apps, with what podman leaves in it. One is down at site B.
func TestApps(t *testing.T) {
	up, b := site(t, fakesite.Answer(http.StatusOK)), site(t, fakesite.Answer(http.StatusOK))
	name := run(t, "APPS=shop, blog   # at both sites\n"+
		urls(`"http://`+up.Address()+`/{app}"`, "http://"+up.Address()+"/{app}  # as site A")+
		"APP_SHOP_SITE_B_HEALTH_URL='http://"+b.Address()+"'\n", "")
	wait(t, name, "/metric/shop/site-a", `{"value":0}`)
	b.Refuse()
	wait(t, name, "/metric/shop/site-a", `{"value":1}`)
	wait(t, name, "/metric/blog/site-a", `{"value":0}`)
	must(t, "podman healthcheck run "+name)
	must(t, "podman exec "+name+" /failover-monitor override blog/site-b down 1h a drill")
	wait(t, name, "/metric/blog/site-a", `{"value":1}`)
}

// TestMonitorHasNoPrivileges asks the kernel.
func TestMonitorHasNoPrivileges(t *testing.T) {
	name := run(t, urls("http://"+gateway+":1", "http://"+gateway+":1"), "")
	proc := "/proc/" + inspect(t, name, "{{.State.Pid}}") + "/"
	status := must(t, "cat "+proc+"status")
	for _, want := range []string{
		"Uid:\t65532\t65532\t65532\t65532", "Gid:\t65532\t65532\t65532\t65532", "Groups:\t65532 ?",
		"NoNewPrivs:\t1", "Seccomp:\t2",
		"CapInh:\t0+", "CapPrm:\t0+", "CapEff:\t0+", "CapBnd:\t0+", "CapAmb:\t0+",
	} {
		if !regexp.MustCompile("(?m)^" + want + "$").MatchString(status) {
			t.Errorf("want %q in\n%s", want, status)
		}
	}
	if root := must(t, "grep -w / "+proc+"mounts"); !regexp.MustCompile(
		`(?m)^\S+ / \S+ ro,`).MatchString(root) {
		t.Errorf("the root file system can be written: %s", root)
	}
}

// TestHealthCheckFails while the process hangs.
func TestHealthCheckFails(t *testing.T) {
	name := run(t, urls("http://"+gateway+":1", "http://"+gateway+":1"), "")
	wait(t, name, "/healthz", "ok")
	pid := inspect(t, name, "{{.State.Pid}}")
	must(t, "kill -STOP "+pid)
	if code, stdout, stderr := shell(t, "podman healthcheck run "+name); code != 1 {
		t.Errorf("stopped: exit code %d %s%s, want 1", code, stdout, stderr)
	}
	must(t, "kill -CONT "+pid)
	wait(t, name, "/healthz", "ok")
	must(t, "podman healthcheck run "+name)
}

// TestOverrideOfTheRunbook pins site B with the runbook's command.
func TestOverrideOfTheRunbook(t *testing.T) {
	up := site(t, fakesite.Answer(http.StatusOK)).Address()
	name := run(t, urls("http://"+up, "http://"+up), "")
	wait(t, name, "/metric/site-a", `{"value":0}`)
	line := regexp.MustCompile(`(?m)^    (podman exec failover-monitor .* override site-b down .*)$`).
		FindStringSubmatch(read(t, "deploy/prometheus/RUNBOOK.md"))
	if line == nil {
		t.Fatal("the runbook has no such command")
	}
	must(t, strings.Replace(line[1], "exec failover-monitor", "exec "+name, 1))
	wait(t, name, "/metric/site-a", `{"value":1}`)
}

// TestBadSetting ends the container and is named in its log.
func TestBadSetting(t *testing.T) {
	name := run(t,
		urls("http://a.test", "http://b.test")+"CACHE_TTL_SEC=soon\nPROBE_METHOD=GTE\n", "")
	if code := must(t, "timeout 10 podman wait "+name); code != "2" {
		t.Errorf("exit code %s, want 2", code)
	}
	lines := strings.Split(logs(t, name), "\n")
	if len(lines) != 2 || !strings.Contains(strings.Join(lines, "\n"),
		`CACHE_TTL_SEC="soon": want `) || !strings.Contains(strings.Join(lines, "\n"),
		`PROBE_METHOD="GTE": want `) {
		t.Errorf("got %q, want a line for each mistake", lines)
	}
}

// TestSecrets follows two secrets, one in a file and one in the env file, through a debug log. The
// file goes away in the end: the monitor is not well then, and says which file it wants.
func TestSecrets(t *testing.T) {
	tokens := make(chan string, 100)
	behave := func(conn net.Conn) {
		request := make([]byte, 4096)
		n, _ := conn.Read(request)
		tokens <- regexp.MustCompile(`(?m)^X-Health-Token: (.*)\r$`).FindString(string(request[:n]))
		fmt.Fprint(conn, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
	}
	a, b := site(t, behave), site(t, behave)
	dir := t.TempDir()
	err := os.WriteFile(filepath.Join(dir, "token"), []byte("Bearer secret-in-a-file\n"), 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	name := run(t, urls("http://user:secret-in-the-url@"+a.Address(), "http://"+b.Address())+
		"EXTRA_HEADER_KEY=X-Health-Token\nSITE_A_EXTRA_HEADER_VAL_FILE=/run/secrets/token\n"+
		"SITE_B_EXTRA_HEADER_VAL=\"Bearer secret-in-the-env\" # quoted\n"+
		"LOG_LEVEL=debug\nCACHE_TTL_SEC=1\n", "-v "+dir+":/run/secrets:ro")

	seen := map[string]bool{strings.TrimSpace(<-tokens): true, strings.TrimSpace(<-tokens): true}
	if !seen["X-Health-Token: Bearer secret-in-a-file"] ||
		!seen["X-Health-Token: Bearer secret-in-the-env"] {
		t.Errorf("the sites got %v", seen)
	}
	wait(t, name, "/metric/site-a", `{"value":1}`)
	if err := os.Remove(filepath.Join(dir, "token")); err != nil {
		t.Fatal(err)
	}
	wait(t, name, "/healthz", "/run/secrets/token")
	if code, stdout, stderr := shell(t, "podman healthcheck run "+name); code != 1 {
		t.Errorf("no token: exit code %d %s%s, want 1", code, stdout, stderr)
	}
	_, status := ask(t, name, "/status")
	if all := logs(t, name) + status; strings.Contains(all, "secret-in") ||
		!strings.Contains(all, "level=DEBUG") {
		t.Errorf("a secret is in the log or in /status, or no debug line:\n%s", all)
	}
}

// TestTokenSecret has podman keep a copy that nobody but the container's user can read.
func TestTokenSecret(t *testing.T) {
	tokens := make(chan string, 100)
	behave := func(conn net.Conn) {
		request := make([]byte, 4096)
		n, _ := conn.Read(request)
		tokens <- regexp.MustCompile(`(?m)^Authorization: (.*)\r$`).FindString(string(request[:n]))
		fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	}
	a := site(t, behave)
	create := strings.Replace(flags(t, "podman secret create "),
		" FILE", " "+write(t, "token", "Bearer x\n"), 1)
	create, secret, found := strings.Cut(create, " --secret")
	if !found {
		t.Fatalf("deploy/README.md has no --secret below %s", create)
	}
	must(t, create)
	t.Cleanup(func() { exec.Command("podman", "secret", "rm", "failover-monitor-token").Run() })
	settings := urls("http://"+a.Address(), "http://"+a.Address()) + "EXTRA_HEADER_KEY=Authorization\n"
	name := run(t, settings, "--secret"+secret)
	wait(t, name, "/metric/site-a", `{"value":0}`)
	if got := strings.TrimSpace(<-tokens); got != "Authorization: Bearer x" {
		t.Errorf("the site got %q", got)
	}
}

// TestPrivateCA is mounted as deploy/README.md says.
func TestPrivateCA(t *testing.T) {
	ca := rig.NewCA("Our own CA")
	cert := ca.Issue(time.Now().AddDate(0, 0, 20), gateway)
	secure := rig.TLS(&tls.Config{Certificates: []tls.Certificate{cert}},
		fakesite.Answer(http.StatusOK))
	envFile := urls("https://"+site(t, secure).Address(), "https://"+site(t, secure).Address())

	with := envFile + "CA_BUNDLE=/etc/failover-monitor/ca.pem\n"
	folder := filepath.Dir(write(t, "ca.pem", string(ca.PEM)))
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	mount := strings.Replace(flags(t, `-v "$PWD/files:`), "$PWD/files", folder, 1)
	name := run(t, with, mount)
	for _, command := range []string{"podman exec " + name + " /failover-monitor check",
		"podman run --rm --network monitors --env-file " + write(t, "with", with) + " " + mount + " " +
			image + " check"} {
		if code, stdout, stderr := shell(t, command); code != 0 {
			t.Errorf("with the CA: %s: exit code %d\n%s%s", command, code, stdout, stderr)
		}
	}
	without := write(t, "env", envFile)
	code, stdout, _ := shell(t,
		"podman run --rm --network monitors --env-file "+without+" "+image+" check")
	if code != 1 || strings.Count(stdout, "tls_unknown_ca") != 2 {
		t.Errorf("without the CA: exit code %d\n%s", code, stdout)
	}
}
