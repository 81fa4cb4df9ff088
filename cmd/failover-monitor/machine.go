package main

import (
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"syscall"

	"failover-monitor/internal/config"
	"failover-monitor/internal/names"
)

// machine is where the monitor runs, as far as its files tell. A test has files of its own.
type machine struct{ root fs.FS }

func (m machine) has(path string) bool {
	_, err := fs.Stat(m.root, path)
	return err == nil
}

// isContainer is whether podman, docker or Kubernetes has started the monitor. podman's file is
// missing where /run is a tmpfs, as under --read-only.
func (m machine) isContainer(s config.Supervisor) bool {
	return s.KubernetesServiceHost != "" || s.Container != "" ||
		m.has("run/.containerenv") || m.has(".dockerenv")
}

// warnOfLoopback names what a monitor in a container asks at its own loopback address: whoever
// wrote that meant the host, most of the time.
func (m machine) warnOfLoopback(cfg config.Config) (warning string) {
	if !m.isContainer(cfg.Supervisor) {
		return ""
	}
	var asked []string
	for _, site := range cfg.Sites {
		if isLoopback(site.HealthURL.Reveal().Hostname()) {
			asked = append(asked, site.ID())
		}
	}
	for _, witness := range cfg.Witnesses {
		if isLoopback(witness.Reveal().Hostname()) {
			asked = append(asked, "witness "+witness.String())
		}
	}
	if asked == nil {
		return ""
	}
	const is = ": asked at localhost; that is the container itself, not its host"
	return names.List(asked, names.Short) + is
}

// isLoopback is whether a host of a URL is the machine, or the container, that asks. Connections to
// the unspecified address go there, too.
func isLoopback(host string) bool {
	if address, err := netip.ParseAddr(host); err == nil {
		address = address.Unmap()
		return address.IsLoopback() || address.IsUnspecified()
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// explainRefused says why an address that is the container's own may refuse connections: pasta, the
// network of rootless podman, gives a container the addresses of its host.
func (m machine) explainRefused(hostPort string, s config.Supervisor) string {
	address, err := netip.ParseAddrPort(hostPort)
	if err != nil || !m.isContainer(s) || !isOwn(address.Addr().Unmap().WithZone("")) {
		return ""
	}
	why := fmt.Sprintf("; %s is the container's own address", address.Addr())
	if s.KubernetesServiceHost == "" {
		why += ": rootless podman reaches its host only as host.containers.internal"
	}
	return why
}

// isOwn is whether an address is one of the machine's, or of the container's.
func isOwn(address netip.Addr) bool {
	own, _ := net.InterfaceAddrs()
	for _, one := range own {
		if prefix, err := netip.ParsePrefix(one.String()); err == nil && prefix.Addr() == address {
			return true
		}
	}
	return address.IsLoopback()
}

// isSELinux is whether SELinux guards files. A container does not see /sys/fs/selinux; a process
// sees its own label everywhere.
func (m machine) isSELinux() bool {
	label, _ := fs.ReadFile(m.root, "proc/self/attr/current")
	return m.has("sys/fs/selinux/enforce") || selinuxLabel.Match(label)
}

// selinuxLabel is user:role:type, and perhaps a level, as in
// system_u:system_r:container_t:s0:c1,c2. AppArmor's labels, in the same file, are names such as
// "unconfined" or "docker-default (enforce)".
var selinuxLabel = regexp.MustCompile(`^[^:/ ]+:[^:/ ]+:[^:/ ]+`)

// permissionDenied is in the error of a file that may not be read. The exporter-toolkit's error has
// only its text.
var permissionDenied = syscall.EACCES.Error()

// explainDenied is what to add to an error or warning that says "permission denied" of a file: what
// may deny it beside the file's mode. It is empty where there is nothing to add.
func (m machine) explainDenied(text string) string {
	if !strings.Contains(text, permissionDenied) || !m.isSELinux() {
		return ""
	}
	return "; SELinux is on, and may deny it whatever the file's mode is: for a container, " +
		"copy the file beside the env file and mount its folder with :Z"
}

// explainEach does so in each line.
func (m machine) explainEach(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] += m.explainDenied(line)
	}
	return strings.Join(lines, "\n")
}

// explained reads a file, and explains why it may not.
func explained[T any](m machine, read func() (T, error)) func() (T, error) {
	return func() (T, error) {
		value, err := read()
		if err != nil {
			err = fmt.Errorf("%w%s", err, m.explainDenied(err.Error()))
		}
		return value, err
	}
}
