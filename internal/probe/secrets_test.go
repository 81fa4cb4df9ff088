package probe_test

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"failover-monitor/internal/e2e/rig"
	"failover-monitor/internal/fakesite"
)

// TestEchoedSecretsAreMasked has a site send back what it was sent, which Go's errors would quote.
func TestEchoedSecretsAreMasked(t *testing.T) {
	t.Parallel()
	echo := func(start string) fakesite.Behaviour {
		return func(conn net.Conn) {
			head := make([]byte, 4096)
			n, _ := conn.Read(head)
			io.WriteString(conn, start+string(head[:n]))
		}
	}
	for name, start := range map[string]string{
		"status line": "", "header": "HTTP/1.1 200 OK\r\n",
		"location":      "HTTP/1.1 302 Found\r\nLocation: http://[",
		"redirect host": "HTTP/1.1 302 Found\r\nLocation: http://geheim..no.such.host/\r\n\r\n",
		"status":        "HTTP/1.1 2x", "length": "HTTP/1.1 200 OK\r\nContent-Length: ",
		"coding": "HTTP/1.1 200 OK\r\nTransfer-Encoding: ",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target := target(t, "http://geheim:geheim@"+site(t, echo(start))+"/x?geheim")
			target.HeaderKey, target.HeaderVal = "X-Token", text("geheim")
			got := run(t, target)
			if got.Up || got.Detail == "" || strings.Contains(got.Detail+got.RedirectedTo, "geheim") ||
				strings.Contains(got.Detail, "Z2VoZWlt") {
				t.Errorf("got up=%v %q, want down without a secret", got.Up, got.Detail)
			}
		})
	}
	// The secret may also be in the names of a certificate, or in the host of a redirect.
	cert, _ := rig.SelfSigned(time.Now().AddDate(0, 0, 1), "geheim.example.com")
	elsewhere := handler(t, func(http.ResponseWriter, *http.Request) {})
	for name, behave := range map[string]fakesite.Behaviour{
		"certificate": rig.TLS(&tls.Config{Certificates: []tls.Certificate{cert}}, fakesite.Answer(200)),
		"redirect": fakesite.Respond("HTTP/1.1 302 Found\r\nLocation: " +
			strings.Replace(elsewhere, "127.0.0.1", "GEHEIM.127.0.0.1", 1) + "\r\n\r\n"),
	} {
		target := target(t, "http://"+site(t, behave))
		if name == "certificate" {
			target.URL.Scheme = "https"
			target.RootCAs = trust(&rig.CA{PEM: nil})
		}
		target.HeaderKey, target.HeaderVal = "X-Token", text("geheim")
		if got := run(t, target); got.Up ||
			strings.Contains(strings.ToLower(got.Detail+got.RedirectedTo), "geheim") ||
			!strings.Contains(got.Detail, "***") {
			t.Errorf("%s: got %q, %q", name, got.Detail, got.RedirectedTo)
		}
	}
}
