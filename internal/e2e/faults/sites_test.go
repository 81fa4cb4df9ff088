//go:build e2e

package faults

import (
	"crypto/tls"
	"testing"
	"time"

	"failover-monitor/internal/e2e/rig"
	"failover-monitor/internal/fakesite"
)

// siteFaults make site B fail in ways that must change the value of its peer.
func siteFaults(t *testing.T) []fault {
	host := rig.Host().String()
	ca := rig.NewCA("Test CA")
	cert := ca.Issue(time.Now().AddDate(0, 0, 1), host)
	secure := rig.TLS(&tls.Config{Certificates: []tls.Certificate{cert}}, fakesite.Answer(200))
	faults := []fault{
		{name: "site refuses connections", begin: func(s *scene) { s.b.Refuse() }, end: (*scene).heal,
			sees: turns1},
		deafSite(),
	}
	for _, sick := range rig.SickSites(ca, host) {
		f := fault{name: sick.Name, begin: func(s *scene) { s.become(sick.Behave) }, end: (*scene).heal,
			sees: turns1}
		if sick.TLS {
			f.environ = func(s *scene) []string {
				s.become(secure)
				return []string{"SITE_B_HEALTH_URL=https://" + s.b.Address(),
					"CA_BUNDLE=" + s.write("ca.pem", ca.PEM)}
			}
			f.end = func(s *scene) { s.become(secure) }
		}
		faults = append(faults, f)
	}
	return faults
}

// deafSite is one that connecting to gets no answer from, as if its network was cut.
func deafSite() fault {
	var stop func()
	return fault{
		name: "site's network swallows packets",
		begin: func(s *scene) {
			s.b.Close()
			stop = s.deafen(s.b.Address())
		},
		end: func(s *scene) {
			stop()
			s.heal()
		},
		sees: turns1,
	}
}

// deafen has nobody let in at an address, until it is told to stop.
func (s *scene) deafen(address string) (stop func()) {
	s.Helper()
	_, stop, err := rig.Deaf(address)
	if err != nil {
		s.Fatal(err)
	}
	return stop
}
