//go:build e2e

package faults

import (
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"failover-monitor/internal/e2e/rig"
	"failover-monitor/internal/fakesite"
)

// networkFaults lie between the monitor and a site that is well.
func networkFaults(t *testing.T) []fault {
	return []fault{
		nameFault("DNS hangs", "hangs.test", rig.Silent),
		absorbed(nameFault("DNS does not answer for IPv6; SUCCESS_THRESHOLD=2", "ipv4.test",
			rig.IPv4Alone(resolves))),
		nameFault("DNS answers over TCP alone, and hangs there", "tcp.test", rig.TCPAlone(rig.Silent)),
		nameFault("DNS has no address for the site", "empty.test", rig.Respond(dnsmessage.RCodeSuccess)),
		nameFault("DNS does not know the site", "unknown.test", rig.Respond(dnsmessage.RCodeNameError)),
		nameFault("DNS fails", "fails.test", rig.Respond(dnsmessage.RCodeServerFailure)),
		absorbed(nameFault("DNS does not answer every other question; SUCCESS_THRESHOLD=2", "flaps.test",
			rig.Alternate(rig.Silent, resolves))),
		absorbed(nameFault("DNS takes 400 ms for an answer; SUCCESS_THRESHOLD=2", "late.test",
			rig.Late(400*time.Millisecond, resolves))),
		absorbed(nameFault("DNS does not know EDNS0; SUCCESS_THRESHOLD=2", "edns.test",
			rig.WithoutEDNS(resolves))),
		witnessed(nameFault("DNS hangs, also for the only witness", "alone.test", rig.Silent)),
		deafFault(),
		proxyFault(t, "proxy dies", (*fakesite.Site).Refuse),
		proxyFault(t, "proxy hangs", func(proxy *fakesite.Site) { proxy.Become(fakesite.Hang) }),
	}
}

// nameFault has the host of site B's URL treated in another way than to be resolved.
func nameFault(name, host string, treat rig.Treatment) fault {
	return fault{
		name: name,
		environ: func(s *scene) []string {
			s.dns.Become(host, resolves)
			return []string{"SITE_B_HEALTH_URL=http://" + s.at(host)}
		},
		begin: func(s *scene) { s.dns.Become(host, treat) },
		end:   func(s *scene) { s.dns.Become(host, resolves) },
		sees:  turns1,
	}
}

// absorbed is no failure for a probe, which asks again. If it were one, that would be seen for some
// time.
func absorbed(f fault) fault {
	environ := f.environ
	f.environ = func(s *scene) []string { return append(environ(s), "SUCCESS_THRESHOLD=2") }
	f.sees = "0"
	return f
}

// deafFault gives site B's host two addresses, the first of which is silent for a while.
func deafFault() fault {
	first := net.IPv4(127, 1, 1, 1)
	var stop func()
	return fault{
		name: "one of the site's two addresses is silent",
		environ: func(s *scene) []string {
			s.dns.Become("two.test", rig.Resolve(first, rig.Host()))
			return []string{"SITE_B_HEALTH_URL=http://" + s.at("two.test")}
		},
		begin: func(s *scene) { stop = s.deafen(s.at(first.String())) },
		end:   func(*scene) { stop() },
		sees:  "0",
	}
}

// at is site B's address with another host.
func (s *scene) at(host string) string {
	return strings.Replace(s.b.Address(), rig.Host().String(), host, 1)
}

// witnessed counts a failure only if a witness answers, whose name nobody resolves either. It takes
// longer than others: the witness adds a second to each probe, and polls wait 2 s before a 503.
func witnessed(f fault) fault {
	environ := f.environ
	f.environ = func(s *scene) []string {
		s.dns.Become("witness.test", rig.Silent)
		return append(environ(s), "WITNESS_URLS=tcp://witness.test:1")
	}
	f.sees, f.lasts = expires, lifetime+cacheTTL+4*time.Second
	return f
}

// proxyFault puts a proxy between the monitor and site B, and does something to it.
func proxyFault(t *testing.T, name string, harm func(*fakesite.Site)) fault {
	proxy := startSite(t) // it answers for all sites
	return fault{
		name: name,
		environ: func(*scene) []string {
			return []string{"HTTP_PROXY=http://" + proxy.Address(),
				"SITE_B_HEALTH_URL=http://site.test/healthz"}
		},
		begin: func(*scene) { harm(proxy) },
		end:   func(*scene) { proxy.Become(fakesite.Answer(200)) },
		sees:  turns1,
	}
}
