package probe_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"failover-monitor/internal/e2e/rig"
	"failover-monitor/internal/fakesite"
	"failover-monitor/internal/probe"
)

func TestExpectBody(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 64<<10)
	for _, c := range []struct {
		body, expect string
		reason       probe.Reason
		detail       string
	}{
		{`{"status": "up"}`, `"status": *"up"`, "", ""},
		{`{"status": "down"}`, `"status": *"up"`, probe.ReasonBody,
			"nothing in the body (18 bytes read) matches \"\\\"status\\\": *\\\"up\\\"\""},
		{"", "ok", probe.ReasonBody, `nothing in the body (0 bytes read) matches "ok"`},
		{long[:len(long)-2] + "ok", "ok", "", ""},
		{long + "ok", "ok", probe.ReasonBody, `nothing in the body (65536 bytes read) matches "ok"`},
	} {
		target := target(t,
			handler(t, func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(c.body)) }))
		target.ExpectBody = regexp.MustCompile(c.expect)
		if got := run(t, target); got.Reason != c.reason || got.Detail != c.detail ||
			got.Up != (c.reason == "") || got.Status != 200 {
			t.Errorf("%s in %d bytes: got %q %q", c.expect, len(c.body), got.Reason, got.Detail)
		}
	}
}

// TestClientCertificate shows the certificate, as it is then, to the site that asks for it, and to
// no redirect target.
func TestClientCertificate(t *testing.T) {
	t.Parallel()
	ca := rig.NewCA("Test CA")
	clients := x509.NewCertPool()
	clients.AppendCertsFromPEM(ca.PEM)
	tomorrow := time.Now().AddDate(0, 0, 1)
	var name, awayName string
	listen := func(into *string, auth tls.ClientAuthType, raw string) string {
		config := &tls.Config{Certificates: []tls.Certificate{ca.Issue(tomorrow, "127.0.0.1")},
			ClientAuth: auth, ClientCAs: clients,
			VerifyConnection: func(state tls.ConnectionState) error {
				if len(state.PeerCertificates) > 0 {
					*into = state.PeerCertificates[0].Subject.CommonName
				}
				return nil
			}}
		return "https://" + site(t, rig.TLS(config, fakesite.Respond(raw)))
	}
	away := listen(&awayName, tls.RequestClientCert, "HTTP/1.1 200 OK\r\n\r\n")
	target := target(t, listen(&name, tls.RequireAndVerifyClientCert,
		"HTTP/1.1 302 Found\r\nLocation: "+away+"\r\n\r\n"))
	target.RootCAs = trust(ca)
	var certificate tls.Certificate
	var broken error
	target.ClientCert = func() (*tls.Certificate, error) { return &certificate, broken }
	prober := probe.New(target)

	for _, want := range []string{"monitor-1", "monitor-2"} {
		certificate = ca.Issue(tomorrow, want)
		if got, err := prober.Probe(t.Context()); err != nil || !got.Up || name != want {
			t.Errorf("%s: the site saw %q; %+v %v", want, name, got, err)
		}
	}
	if awayName != "" {
		t.Errorf("another host saw the certificate of %q", awayName)
	}
	broken = errors.New("CLIENT_CERT_FILE cannot be read")
	_, err := prober.Probe(t.Context())
	if want := "probe could not be made: CLIENT_CERT_FILE cannot be read"; err == nil ||
		err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestClientCertificateAfterTheHandshake is a site that asks for one where it can, and refuses
// without: with TLS 1.3 it would ask after the handshake, as Apache does where one path needs a
// certificate, and Go cannot answer. A site that speaks TLS 1.3 alone, or refuses the certificate,
// is still one that refuses.
func TestClientCertificateAfterTheHandshake(t *testing.T) {
	t.Parallel()
	ca := rig.NewCA("Test CA")
	tomorrow := time.Now().AddDate(0, 0, 1)
	serve := func(oldest uint16, accept int) string {
		config := &tls.Config{Certificates: []tls.Certificate{ca.Issue(tomorrow, "127.0.0.1")},
			MinVersion: oldest}
		older := config.Clone()
		older.ClientAuth = tls.RequireAnyClientCert
		config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			if !slices.Contains(hello.SupportedVersions, tls.VersionTLS13) {
				return older, nil
			}
			return nil, nil
		}
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			status := accept
			if len(r.TLS.PeerCertificates) == 0 {
				status = http.StatusForbidden
			}
			w.WriteHeader(status)
		}))
		s.TLS = config
		s.StartTLS()
		t.Cleanup(s.Close)
		return s.URL
	}
	certificate := ca.Issue(tomorrow, "monitor")
	for name, c := range map[string]struct {
		url    string
		reason probe.Reason
	}{
		"accepts it":     {serve(tls.VersionTLS12, http.StatusOK), ""},
		"refuses it":     {serve(tls.VersionTLS12, http.StatusUnauthorized), probe.ReasonCredentials},
		"TLS 1.3 alone":  {serve(tls.VersionTLS13, http.StatusOK), probe.ReasonStatus},
		"refuses anyway": {serve(tls.VersionTLS13, http.StatusForbidden), probe.ReasonStatus},
	} {
		target := target(t, c.url)
		target.RootCAs = trust(ca)
		target.ClientCert = func() (*tls.Certificate, error) { return &certificate, nil }
		if got := run(t, target); got.Reason != c.reason {
			t.Errorf("%s: %q %q, want %q", name, got.Reason, got.Detail, c.reason)
		}
	}
}

func TestServerName(t *testing.T) {
	t.Parallel()
	ca := rig.NewCA("Test CA")
	trusted := trust(ca)
	tomorrow := time.Now().AddDate(0, 0, 1)
	secure := func(behave fakesite.Behaviour, names ...string) string {
		return "https://" +
			site(t, rig.TLS(&tls.Config{Certificates: []tls.Certificate{ca.Issue(tomorrow, names...)}},
				behave))
	}
	away := secure(fakesite.Answer(200), "127.0.0.1") // another host, with a name of its own
	home := secure(fakesite.Respond("HTTP/1.1 302 Found\r\nLocation: "+away+"\r\n\r\n"),
		"app.example.com")
	target := target(t, home)
	target.RootCAs = trusted
	if got := run(t, target); got.Reason != probe.ReasonTLSName {
		t.Errorf("without the name: %q %q, want tls_name", got.Reason, got.Detail)
	}
	target.ServerName = "app.example.com"
	if got := run(t, target); !got.Up {
		t.Errorf("with the name: %q %q, want up", got.Reason, got.Detail)
	}
}

func TestConnect(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		address string
		reason  probe.Reason
	}{{site(t, fakesite.Hang), ""}, {refusing(t), probe.ReasonRefused}, {"no..such.host:53",
		probe.ReasonDNS}} {
		got, err := probe.Connect(&url.URL{Scheme: "tcp", Host: c.address})(t.Context())
		if err != nil || got.Up != (c.reason == "") || got.Reason != c.reason {
			t.Errorf("%s: %+v %v, want %q", c.address, got, err, c.reason)
		}
	}
}
