package probe_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"failover-monitor/internal/fakesite"
	"failover-monitor/internal/probe"
)

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestTokenFile replaces the file between probes: each one reads it anew.
func TestTokenFile(t *testing.T) {
	t.Parallel()
	var got seen
	path := filepath.Join(t.TempDir(), "token")
	target := target(t, recorder(t, &got, func(http.ResponseWriter, *http.Request) {}))
	target.HeaderKey, target.HeaderValFile = "X-Token", path
	prober := probe.New(target)

	for _, content := range []string{"first", "second\n", "  third \r\n\n", "\ufefffourth"} {
		write(t, path, content)
		if result, err := prober.Probe(t.Context()); err != nil || !result.Up || got.Token != strings.Trim(content, "\ufeff \r\n") {
			t.Errorf("%q: the site got %q; %+v %v", content, got.Token, result, err)
		}
	}
	for name, c := range map[string]struct {
		make func() error
		want string
	}{
		"empty":     {func() error { return os.WriteFile(path, []byte(" \n"), 0o600) }, path + ": want one line of text in it"},
		"two lines": {func() error { return os.WriteFile(path, []byte("geheim\ngeheim"), 0o600) }, path + ": want one line of text in it"},
		"huge":      {func() error { return os.WriteFile(path, make([]byte, 20<<10), 0o600) }, path + ": want a file of at most 16384 bytes"},
		"missing":   {func() error { return os.Remove(path) }, "stat " + path + ": no such file or directory"},
		"directory": {func() error { os.Remove(path); return os.Mkdir(path, 0o700) }, path + ": want a file of at most 16384 bytes"},
		"pipe":      {func() error { os.Remove(path); return syscall.Mkfifo(path, 0o600) }, path + ": want a file of at most 16384 bytes"},
	} {
		if err := c.make(); err != nil {
			t.Fatal(err)
		}
		got = seen{}
		result, err := prober.Probe(t.Context())
		if want := "probe could not be made: EXTRA_HEADER_VAL_FILE: " + c.want; err == nil || err.Error() != want || result != (probe.Result{}) || got != (seen{}) {
			t.Errorf("%s: got %v, want %s, and nothing sent", name, err, want)
		}
		os.Remove(path)
		write(t, path, "x")
	}
}

func TestExpectBody(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 64<<10)
	for _, c := range []struct {
		body, expect string
		reason       probe.Reason
		detail       string
	}{
		{`{"status": "up"}`, `"status": *"up"`, "", ""},
		{`{"status": "down"}`, `"status": *"up"`, probe.ReasonBody, "nothing in the body (18 bytes read) matches \"\\\"status\\\": *\\\"up\\\"\""},
		{"", "ok", probe.ReasonBody, `nothing in the body (0 bytes read) matches "ok"`},
		{long[:len(long)-2] + "ok", "ok", "", ""},
		{long + "ok", "ok", probe.ReasonBody, `nothing in the body (65536 bytes read) matches "ok"`},
	} {
		target := target(t, handler(t, func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(c.body)) }))
		target.ExpectBody = regexp.MustCompile(c.expect)
		if got := run(t, target); got.Reason != c.reason || got.Detail != c.detail || got.Up != (c.reason == "") || got.Status != 200 {
			t.Errorf("%s in %d bytes: got %q %q", c.expect, len(c.body), got.Reason, got.Detail)
		}
	}
}

// TestClientCertificate replaces certificate and key between probes, and half of them.
func TestClientCertificate(t *testing.T) {
	t.Parallel()
	ca := fakesite.NewCA("Test CA")
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(ca.PEM)
	tomorrow := time.Now().AddDate(0, 0, 1)
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "client.crt"), filepath.Join(dir, "client.key")
	issue := func(name string) (cert, key string) { return fakesite.PEM(ca.Issue(tomorrow, name)) }
	var name, awayName string
	listen := func(into *string, auth tls.ClientAuthType, raw string) string {
		config := &tls.Config{Certificates: []tls.Certificate{ca.Issue(tomorrow, "127.0.0.1")}, ClientAuth: auth, ClientCAs: trusted,
			VerifyConnection: func(state tls.ConnectionState) error {
				if len(state.PeerCertificates) > 0 {
					*into = state.PeerCertificates[0].Subject.CommonName
				}
				return nil
			}}
		return "https://" + site(t, fakesite.TLS(config, fakesite.Respond(raw)))
	}
	away := listen(&awayName, tls.RequestClientCert, "HTTP/1.1 200 OK\r\n\r\n")
	target := target(t, listen(&name, tls.RequireAndVerifyClientCert, "HTTP/1.1 302 Found\r\nLocation: "+away+"\r\n\r\n"))
	target.RootCAs, target.ClientCert, target.ClientKey = trusted, certFile, keyFile
	prober := probe.New(target)

	for _, want := range []string{"monitor-1", "monitor-2"} {
		cert, key := issue(want)
		write(t, certFile, cert)
		write(t, keyFile, key)
		if got, err := prober.Probe(t.Context()); err != nil || !got.Up || name != want {
			t.Errorf("%s: the site saw %q; %+v %v", want, name, got, err)
		}
	}
	if awayName != "" {
		t.Errorf("another host saw the certificate of %q", awayName)
	}
	cert, _ := issue("monitor-3")
	write(t, certFile, cert)
	_, err := prober.Probe(t.Context())
	if want := "probe could not be made: CLIENT_CERT_FILE " + certFile + " with CLIENT_KEY_FILE " + keyFile + ": tls: private key does not match public key"; err == nil || err.Error() != want {
		t.Errorf("half replaced: got %v, want %s", err, want)
	}
	os.Remove(keyFile)
	if _, err := prober.Probe(t.Context()); err == nil || !strings.Contains(err.Error(), "no such file or directory") {
		t.Errorf("no key: %v", err)
	}
}

func TestServerName(t *testing.T) {
	t.Parallel()
	ca := fakesite.NewCA("Test CA")
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(ca.PEM)
	tomorrow := time.Now().AddDate(0, 0, 1)
	secure := func(behave fakesite.Behaviour, names ...string) string {
		return "https://" + site(t, fakesite.TLS(&tls.Config{Certificates: []tls.Certificate{ca.Issue(tomorrow, names...)}}, behave))
	}
	away := secure(fakesite.Answer(200), "127.0.0.1") // another host, with a name of its own
	home := secure(fakesite.Respond("HTTP/1.1 302 Found\r\nLocation: "+away+"\r\n\r\n"), "app.example.com")
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
	}{{site(t, fakesite.Hang), ""}, {refusing(t), probe.ReasonRefused}, {"no..such.host:53", probe.ReasonDNS}} {
		got, err := probe.Connect(c.address, time.Second)(t.Context())
		if err != nil || got.Up != (c.reason == "") || got.Reason != c.reason {
			t.Errorf("%s: %+v %v, want %q", c.address, got, err, c.reason)
		}
	}
}
