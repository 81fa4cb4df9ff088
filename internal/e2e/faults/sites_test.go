//go:build e2e

package faults

import (
	"crypto/tls"
	"strings"
	"testing"
	"time"

	"failover-monitor/internal/e2e/rig"
	"failover-monitor/internal/fakesite"
)

// siteFaults make site B sick, in ways that its peer must be told of.
func siteFaults(t *testing.T) []fault {
	ca := rig.NewCA("Test CA")
	tomorrow, lastMonth := time.Now().AddDate(0, 0, 1), time.Now().AddDate(0, -1, 0)
	secure := func(cert tls.Certificate) fakesite.Behaviour {
		return rig.TLS(&tls.Config{Certificates: []tls.Certificate{cert}}, fakesite.Answer(200))
	}
	host := rig.Host().String()
	selfSigned, _ := rig.SelfSigned(tomorrow, host)
	well := secure(ca.Issue(tomorrow, host))
	const ok = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"

	var faults []fault
	plain := func(name string, sick fakesite.Behaviour) {
		faults = append(faults, fault{name: name, begin: func(s *scene) { s.become(sick) }, end: (*scene).heal, sees: turns1})
	}
	plain("site accepts and never answers", fakesite.Hang)
	plain("site tears connections down", rig.Reset)
	plain("site answers 500", fakesite.Answer(500))
	plain("site sends a byte of header at a time", rig.Drip("HTTP/1.1 200 OK\r\nX-Slow: ", "x", 100*time.Millisecond))
	plain("site sends a byte of body at a time", rig.Drip(ok, "x", 100*time.Millisecond))
	plain("site sends headers without end", rig.Drip("HTTP/1.1 200 OK\r\n", "X-A: "+strings.Repeat("x", 4096)+"\r\n", 0))
	plain("site breaks off its body", fakesite.Respond(ok+"x"))
	plain("site redirects in a circle", fakesite.Respond("HTTP/1.1 302 Found\r\nLocation: /again\r\n\r\n"))
	plain("site speaks something else than HTTP", fakesite.Respond("SSH-2.0-OpenSSH_9.2p1\r\n"))

	tlsFault := func(name string, sick fakesite.Behaviour) {
		faults = append(faults, fault{
			name: name,
			environ: func(s *scene) []string {
				s.become(well)
				return []string{"SITE_B_HEALTH_URL=https://" + s.b.Address(), "CA_BUNDLE=" + s.write("ca.pem", ca.PEM)}
			},
			begin: func(s *scene) { s.become(sick) },
			end:   func(s *scene) { s.become(well) },
			sees:  turns1,
		})
	}
	tlsFault("certificate expires", secure(ca.Issue(lastMonth, host)))
	tlsFault("certificate for another name", secure(ca.Issue(tomorrow, "other.example")))
	tlsFault("certificate of an unknown authority", secure(selfSigned))
	tlsFault("TLS handshake hangs", fakesite.Hang)
	tlsFault("no TLS where it is expected", fakesite.Answer(200))

	return append(faults,
		fault{name: "site refuses connections", begin: func(s *scene) { s.b.Refuse() }, end: (*scene).heal, sees: turns1},
		deafSite())
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
