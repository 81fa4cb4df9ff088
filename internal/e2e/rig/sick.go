package rig

import (
	"crypto/tls"
	"strings"
	"time"

	"failover-monitor/internal/fakesite"
)

// Sick is a way in which a site that accepts connections is down.
type Sick struct {
	Name   string
	TLS    bool // whether its health URL is https
	Behave fakesite.Behaviour
	Reason string // of a probe that trusts the authority
}

// SickSites are the ways in which a site at a host is down. Its certificates are of an authority.
func SickSites(ca *CA, host string) []Sick {
	const ok = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
	tomorrow, lastMonth := time.Now().AddDate(0, 0, 1), time.Now().AddDate(0, -1, 0)
	shows := func(cert tls.Certificate) fakesite.Behaviour {
		return TLS(&tls.Config{Certificates: []tls.Certificate{cert}}, fakesite.Answer(200))
	}
	selfSigned, _ := SelfSigned(tomorrow, host)
	return []Sick{
		{"site accepts and never answers", false, fakesite.Hang, "timeout"},
		{"site tears connections down", false, Reset, "reset"},
		{"site answers 500", false, fakesite.Answer(500), "status"},
		{"site sends a byte of header at a time", false,
			Drip("HTTP/1.1 200 OK\r\nX-Slow: ", "x", 100*time.Millisecond), "timeout"},
		{"site sends a byte of body at a time", false, Drip(ok, "x", 100*time.Millisecond), "timeout"},
		{"site sends headers without end", false,
			Drip("HTTP/1.1 200 OK\r\n", "X-A: "+strings.Repeat("x", 4096)+"\r\n", 0), "protocol"},
		{"site breaks off its body", false, fakesite.Respond(ok + "x"), "protocol"},
		{"site redirects in a circle", false,
			fakesite.Respond("HTTP/1.1 302 Found\r\nLocation: /again\r\n\r\n"), "redirect"},
		{"site speaks something else than HTTP", false, fakesite.Respond("SSH-2.0-OpenSSH_9.2\r\n"),
			"protocol"},
		{"certificate expires", true, shows(ca.Issue(lastMonth, host)), "tls_expired"},
		{"certificate for another name", true, shows(ca.Issue(tomorrow, "other.example")), "tls_name"},
		{"certificate of an unknown authority", true, shows(selfSigned), "tls_unknown_ca"},
		{"TLS handshake hangs", true, fakesite.Hang, "timeout"},
		{"no TLS where it is expected", true, fakesite.Answer(200), "tls"},
	}
}
