package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"failover-monitor/internal/e2e/rig"
	"failover-monitor/internal/fakesite"
)

// The files by which a process knows where it runs.
var (
	bareHost = machine{fstest.MapFS{"etc/hostname": {}}}
	podman   = machine{fstest.MapFS{"run/.containerenv": {}}}
	docker   = machine{fstest.MapFS{".dockerenv": {}}}
)

const kubernetes = "KUBERNETES_SERVICE_HOST=10.96.0.1"

// TestLoopbackInContainer is warned of in one line, and only there.
func TestLoopbackInContainer(t *testing.T) {
	t.Parallel()
	const is = ": asked at localhost; that is the container itself, not its host"
	local := []string{"SITE_A_HEALTH_URL=http://127.0.0.1:8080", "SITE_B_HEALTH_URL=http://b.test"}
	for name, c := range map[string]struct {
		machine machine
		environ []string
		want    string
	}{
		"bare host":  {bareHost, local, ""},
		"podman":     {podman, local, "site-a" + is},
		"docker":     {docker, local, "site-a" + is},
		"Kubernetes": {bareHost, append(local, kubernetes), "site-a" + is},
		"read-only":  {bareHost, append(local, "container=podman"), "site-a" + is},
		"all": {podman, []string{
			"SITE_A_HEALTH_URL=http://LocalHost.", "SITE_B_HEALTH_URL=http://[::1]:8080",
			"SITE_C_HEALTH_URL=http://127.9.9.9", "SITE_D_HEALTH_URL=http://app.localhost",
			"SITE_E_HEALTH_URL=http://0.0.0.0:80",
			"WITNESS_URLS=tcp://localhost:53,http://u:geheim@[::ffff:127.0.0.1]",
		}, "site-a, site-b, site-c, site-d, site-e, " +
			"witness tcp://localhost:53, witness http://***@[::ffff:127.0.0.1]" + is},
		"none": {podman, []string{
			"SITE_A_HEALTH_URL=http://128.0.0.1", "SITE_B_HEALTH_URL=http://localhost.test",
			"SITE_C_HEALTH_URL=http://host.containers.internal",
		}, ""},
	} {
		s, err := loadSetup(append([]string{"FAILURE_THRESHOLD=3"}, c.environ...), c.machine)
		if got := strings.Join(s.Warnings, "|"); err != nil || got != c.want {
			t.Errorf("%s: %v, %q, want %q", name, err, got, c.want)
		}
	}
}

// TestCheckExplainsRefused where the address that refuses is the container's own.
func TestCheckExplainsRefused(t *testing.T) {
	t.Parallel()
	socket, refuses, err := rig.Bound()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(socket) })
	const own = "; 127.0.0.1 is the container's own address"
	const podmans = ": rootless podman reaches its host only as host.containers.internal"
	for name, c := range map[string]struct {
		machine machine
		environ []string
		want    string
	}{
		"bare host":  {bareHost, nil, ""},
		"podman":     {podman, nil, own + podmans},
		"Kubernetes": {bareHost, []string{kubernetes}, own},
	} {
		var stdout, stderr bytes.Buffer
		environ := append([]string{
			"SITE_A_HEALTH_URL=http://" + refuses,
			"SITE_B_HEALTH_URL=" + site(t, fakesite.Answer(503)),
		}, c.environ...)
		code := process{environ, &stdout, &stderr, c.machine}.run(t.Context(), []string{"check"})
		want := "\nsite-a is down: connection refused, connecting to " + refuses + c.want +
			"\nsite-b is down: status 503\n"
		if code != 1 || !strings.Contains(stdout.String(), want) {
			t.Errorf("%s: exit code %d, want %q in\n%s%s", name, code, want, &stdout, &stderr)
		}
	}
	var outside net.IP // an address of the machine that is not loopback, if it has one
	addresses, _ := net.InterfaceAddrs()
	for _, a := range addresses {
		if network, ok := a.(*net.IPNet); ok && !network.IP.IsLoopback() {
			outside = network.IP
		}
	}
	for hostPort, explained := range map[string]bool{
		"192.0.2.1:80": false, "": false, net.JoinHostPort(outside.String(), "80"): outside != nil,
	} {
		if got := podman.explainRefused(hostPort, setup{}.Supervisor); (got != "") != explained {
			t.Errorf("%s: %q", hostPort, got)
		}
	}
}

// TestSELinux has SELinux named where a file may not be read and SELinux is on. Everywhere else the
// message is as it was.
func TestSELinux(t *testing.T) {
	t.Parallel()
	const hint = "; SELinux is on, and may deny it whatever the file's mode is: for a container, " +
		"copy the file beside the env file and mount its folder with :Z"
	label := func(text string) machine {
		return machine{fstest.MapFS{"proc/self/attr/current": {Data: []byte(text)}}}
	}
	denied := fmt.Errorf("open /x: %w", syscall.EACCES)
	for name, c := range map[string]struct {
		machine machine
		err     error
		want    string
	}{
		"none":               {bareHost, denied, ""},
		"SELinux":            {machine{fstest.MapFS{"sys/fs/selinux/enforce": {}}}, denied, hint},
		"in a container":     {label("system_u:system_r:container_t:s0:c1,c2\x00"), denied, hint},
		"without levels":     {label("user_u:user_r:user_t\n"), denied, hint},
		"AppArmor, none":     {label("unconfined\n"), denied, ""},
		"AppArmor":           {label("docker-default (enforce)\n"), denied, ""},
		"AppArmor, stacked":  {label(":lxd://&:lxd:unconfined\n"), denied, ""},
		"another error":      {label("a:b:c"), fmt.Errorf("open /x: %w", syscall.ENOENT), ""},
		"own error, no file": {label("a:b:c"), errors.New("holds no certificate"), ""},
	} {
		_, err := explained(c.machine, func() (string, error) { return "", c.err })()
		if got := err.Error(); got != c.err.Error()+c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: %q, want %q", name, got, c.err.Error()+c.want)
		}
		lines := "a\n" + c.err.Error() + c.want + "\nb"
		if got := c.machine.explainEach("a\n" + c.err.Error() + "\nb"); got != lines {
			t.Errorf("%s, among others: %q", name, got)
		}
	}
}
