package blackbox

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"failover-monitor/internal/e2e/rig"
	"failover-monitor/internal/fakesite"
)

const (
	serverTLS = "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n"
	clientTLS = serverTLS +
		"  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n"
	// geheim
	passwords = "basic_auth_users:\n" +
		"  keda: $2a$04$jTQuHwypU6MdhEeWkuNg0.KORPdN8G3.k.4YAjbask/mKGPWBztyK\n"
)

// guarded is a monitor with a web configuration.
type guarded struct {
	*rig.Monitor
	environ []string
	tls     bool
	dir     string // of the web configuration and its certificates
	ca      *rig.CA
}

// guard starts one, in front of a site that is up and one that is down.
func guard(t *testing.T, webConfig string) guarded {
	t.Helper()
	g := guarded{tls: strings.Contains(webConfig, "tls_server_config"), dir: t.TempDir(),
		ca: rig.NewCA("Test CA")}
	g.install(t, "first.example.com")
	g.write(t, "ca.pem", string(g.ca.PEM))
	g.write(t, "web.yml", webConfig)
	g.environ = []string{"LISTEN_ADDR=" + rig.FreeAddress(t),
		"WEB_CONFIG_FILE=" + filepath.Join(g.dir, "web.yml"), "LOG_LEVEL=debug"}
	g.Monitor = start(t, append(sites(healthy(t), site(t, fakesite.Answer(500))), g.environ...)...)
	g.Verdict(t, "site-b", "down")
	g.ask(t, "/", visitor{}) // whatever the answer, the monitor has read its web configuration by then
	return g
}

func (g guarded) write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(g.dir, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// install writes a new server certificate, which has this name beside its address.
func (g guarded) install(t *testing.T, name string) {
	t.Helper()
	certificate, key := rig.PEM(g.ca.Issue(time.Now().AddDate(0, 0, 1), rig.Host().String(), name))
	g.write(t, "server.crt", certificate)
	g.write(t, "server.key", key)
}

// visitor is a client with a password, a certificate, or neither.
type visitor struct {
	password    string // none if empty
	certificate *tls.Certificate
}

// URL is that of a path, with TLS where the monitor has it.
func (g guarded) URL(path string) string {
	if g.tls {
		return "https://" + g.Address + path
	}
	return g.Monitor.URL(path)
}

// ask gives the status code and body of the answer, or the error, and the certificate that was
// shown.
func (g guarded) ask(t *testing.T, path string, v visitor) (
	code int, body string, shown *x509.Certificate, err error,
) {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(g.ca.PEM)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true}
	if v.certificate != nil {
		transport.TLSClientConfig.Certificates = []tls.Certificate{*v.certificate}
	}
	req, _ := http.NewRequest("GET", g.URL(path), nil)
	if v.password != "" {
		req.SetBasicAuth("keda", v.password)
	}
	resp, err := (&http.Client{Transport: transport, Timeout: 3 * time.Second}).Do(req)
	if err != nil {
		return 0, "", nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if resp.TLS != nil {
		shown = resp.TLS.PeerCertificates[0]
	}
	return resp.StatusCode, string(text), shown, err
}

// TestWebConfig sends each kind of client to each endpoint of each kind of guarded monitor: without
// the right credentials it gets no value and no explanation. The command healthcheck needs none.
func TestWebConfig(t *testing.T) {
	t.Parallel()
	endpoints := []string{"/metric/site-a", "/healthz", "/status", "/metrics", "/", "/nothing"}
	for name, c := range map[string]struct {
		config string
		wants  func(v map[string]visitor) (welcome visitor, refused []visitor)
		code   int // of the refused clients; 0 for a TLS error
	}{
		"password": {passwords, func(v map[string]visitor) (visitor, []visitor) {
			return v["password"], []visitor{v["none"], v["wrong"]}
		}, http.StatusUnauthorized},
		"TLS and password": {serverTLS + passwords, func(v map[string]visitor) (visitor, []visitor) {
			return v["password"], []visitor{v["none"], v["wrong"]}
		}, http.StatusUnauthorized},
		"client certificate": {clientTLS, func(v map[string]visitor) (visitor, []visitor) {
			return v["certificate"], []visitor{v["none"], v["password"], v["expired"], v["stranger"]}
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := guard(t, c.config)
			issue := func(ca *rig.CA, until time.Time) visitor {
				issued := ca.Issue(until, "keda")
				return visitor{certificate: &issued}
			}
			tomorrow, yesterday := time.Now().AddDate(0, 0, 1), time.Now().AddDate(0, 0, -1)
			welcome, refused := c.wants(map[string]visitor{
				"none": {}, "password": {password: "geheim"}, "wrong": {password: "falsch"},
				"certificate": issue(g.ca, tomorrow), "expired": issue(g.ca, yesterday),
				"stranger": issue(rig.NewCA("Test CA"), tomorrow),
			})
			if code, body, _, err := g.ask(t, "/metric/site-a", welcome); err != nil || code != 200 ||
				body != "{\"value\":1}\n" {
				t.Errorf("welcome: %d %q %v, want the value 1", code, body, err)
			}
			for _, path := range endpoints {
				for _, v := range refused {
					code, body, _, err := g.ask(t, path, v)
					if code != c.code || (err == nil) != (code != 0) || code != 0 && body != "Unauthorized\n" {
						t.Errorf("%s: %d %q %v, want %d and not a word", path, code, body, err, c.code)
					}
				}
			}
			if code, stdout, stderr := command(t, g.environ, "healthcheck"); code != 0 || stdout != "ok\n" {
				t.Errorf("healthcheck: exit code %d, %q, %q", code, stdout, stderr)
			}
		})
	}
}

// TestCertificateSwap replaces the certificate file: the next connection gets the new certificate.
func TestCertificateSwap(t *testing.T) {
	t.Parallel()
	g := guard(t, serverTLS)
	for _, name := range []string{"first.example.com", "second.example.com"} {
		g.install(t, name)
		if _, body, shown, err := g.ask(t, "/metric/site-a", visitor{}); err != nil ||
			body != "{\"value\":1}\n" || shown.VerifyHostname(name) != nil {
			t.Errorf("want the value 1 and a certificate for %s, got %q %v", name, body, err)
		}
	}
}

// TestBrokenWebConfig breaks the file while the monitor runs: no client gets a value, and the log
// says so without quoting the file.
func TestBrokenWebConfig(t *testing.T) {
	t.Parallel()
	for _, good := range []string{passwords, serverTLS + passwords} {
		for _, broken := range []string{"basic_auth_users: geheim\n",
			"basic_auth_users:\n  keda: *geheim\n"} {
			g := guard(t, good)
			g.write(t, "web.yml", broken)
			if code, body, _, err := g.ask(t, "/metric/site-a", visitor{password: "geheim"}); code == 200 ||
				strings.Contains(body, "value") {
				t.Errorf("broken: %d %q %v", code, body, err)
			}
			g.WaitFor(t, func(l rig.LogLine) bool {
				return l.Level == "ERROR" && strings.HasPrefix(l.Msg, "WEB_CONFIG_FILE cannot be used")
			})
			if strings.Contains(g.Log(), "geheim") {
				t.Errorf("a secret is in\n%s", g.Log())
			}
			_, _, stderr := command(t, append(sites("a", "b"), g.environ...), "config")
			if strings.Contains(stderr, "geheim") || !strings.Contains(stderr, "WEB_CONFIG_FILE=") {
				t.Errorf("config says %q", stderr)
			}
			g.write(t, "web.yml", good)
			g.settles(t)
		}
	}
}

// TestLooserWebConfig removes a protection from the file, as an editor that writes in place may do
// for a moment: a client that was refused before still gets no value, and the log says so.
func TestLooserWebConfig(t *testing.T) {
	t.Parallel()
	anyClient := strings.Replace(clientTLS, "RequireAndVerifyClientCert", "RequireAnyClientCert", 1)
	for name, c := range map[string]struct{ before, after string }{
		"emptied":                   {passwords, ""},
		"without users":             {passwords, "basic_auth_users:\n"},
		"TLS, without users":        {serverTLS + passwords, serverTLS},
		"without client CA":         {clientTLS, serverTLS},
		"another name of the same":  {strings.Replace(anyClient, "Any", "", 1), serverTLS},
		"any client":                {clientTLS, anyClient},
		"passwords for certificate": {clientTLS, serverTLS + passwords},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := guard(t, c.before)
			g.write(t, "web.yml", c.after)
			stranger := rig.NewCA("Test CA").Issue(time.Now().AddDate(0, 0, 1), "keda")
			for _, v := range []visitor{{}, {password: "geheim"}, {password: "falsch"},
				{certificate: &stranger}} {
				if code, body, _, err := g.ask(t, "/metric/site-a", v); code != 500 && code != 401 &&
					err == nil || strings.Contains(body, "value") {
					t.Errorf("%+v: %d %q %v, want 500 or 401", v, code, body, err)
				}
			}
			g.WaitFor(t, func(l rig.LogLine) bool {
				return l.Level == "ERROR" && l.Msg == "nobody is answered"
			})
		})
	}
}

// TestWebConfigWrittenInPlace empties the file and writes it again, over and over: no client
// without a password gets a value in between.
func TestWebConfigWrittenInPlace(t *testing.T) {
	t.Parallel()
	g := guard(t, passwords)
	var asking sync.WaitGroup
	done := make(chan struct{})
	for range 4 {
		asking.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if code, body, _, err := g.ask(t, "/metric/site-a", visitor{}); err == nil && code == 200 {
					t.Errorf("got %q without a password", body)
					return
				}
			}
		})
	}
	for range 1500 {
		g.write(t, "web.yml", "")
		time.Sleep(300 * time.Microsecond)
		g.write(t, "web.yml", passwords)
	}
	close(done)
	asking.Wait()
	g.settles(t)
}

// settles waits until a client with the password is answered again.
func (g guarded) settles(t *testing.T) {
	t.Helper()
	until(t, "it answers again", func() bool {
		code, _, _, err := g.ask(t, "/metric/site-a", visitor{password: "geheim"})
		return err == nil && code == 200
	})
}
