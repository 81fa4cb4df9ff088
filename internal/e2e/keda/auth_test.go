package keda

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"
)

// webConfig is the setting of a web config file with a certificate of the authority for the
// monitor.
func webConfig(t *testing.T, ca *authority, more string) (setting string) {
	t.Helper()
	cert, key := ca.issue(t)
	text := fmt.Sprintf("tls_server_config:\n  cert_file: %s\n  key_file: %s\n%s",
		file(t, "tls.crt", cert), file(t, "tls.key", key), more)
	return "WEB_CONFIG_FILE=" + file(t, "web.yml", text)
}

const password = "correct horse battery staple"

func basicAuth(t *testing.T, w *world) replacements {
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	m := w.start(t, webConfig(t, public, fmt.Sprintf("basic_auth_users:\n  keda: %s\n", hash)))
	return replacements{
		hosts:   map[string]string{monitorHost: m.address},
		secrets: map[string]string{"username": "keda", "password": password},
	}
}

func clientCertificate(t *testing.T, w *world) replacements {
	private, err := newAuthority()
	if err != nil {
		t.Fatal(err)
	}
	m := w.start(t, webConfig(t, private, fmt.Sprintf(
		"  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: %s\n",
		file(t, "ca.crt", private.pem))))
	cert, key := private.issue(t)
	return replacements{
		hosts:   map[string]string{monitorHost: m.address},
		secrets: map[string]string{"tls.crt": cert, "tls.key": key, "ca.crt": private.pem},
	}
}

// refused checks that KEDA gets no value with these secrets, and why.
func refused(t *testing.T, file string, with replacements, reason string) {
	t.Helper()
	value, err := apply(t, file, with).ask(t, 0)
	if value != unknown || !strings.Contains(err.Error(), reason) {
		t.Errorf("got %s (%v), want an error with %q", value, err, reason)
	}
}

func TestWrongPasswordIsAnError(t *testing.T) {
	t.Parallel()
	with := basicAuth(t, newWorld(t, "site-a"))
	apply(t, "basic-auth.yaml", with).until(t, 0, "0", unknown)
	for _, wrong := range []map[string]string{
		{"username": "keda", "password": "wrong"},
		{"username": "somebody", "password": password},
		{"username": "keda", "password": ""},
	} {
		refused(t, "basic-auth.yaml", replacements{with.hosts, wrong}, "api returned 401")
	}
}

func TestWrongCertificateIsAnError(t *testing.T) {
	t.Parallel()
	with := clientCertificate(t, newWorld(t, "site-a"))
	apply(t, "client-certificate.yaml", with).until(t, 0, "0", unknown)
	cert, key := public.issue(t)
	foreign := map[string]string{"tls.crt": cert, "tls.key": key, "ca.crt": with.secrets["ca.crt"]}
	refused(t, "client-certificate.yaml", replacements{with.hosts, foreign}, "tls:")
	none := map[string]string{"tls.crt": "", "tls.key": "", "ca.crt": with.secrets["ca.crt"]}
	reason := "are required when tls auth is enabled"
	if isBefore("2.18.3") {
		reason = "no cert given"
	}
	refused(t, "client-certificate.yaml", replacements{with.hosts, none}, reason)
}

// TestCAOfAnotherTrigger shows a fault of older KEDAs: they put the CAs of all triggers into one
// pool, and ignore what is not PEM. Whoever holds the key of one such CA can then tell every app in
// the cluster to scale.
func TestCAOfAnotherTrigger(t *testing.T) {
	t.Parallel()
	with := clientCertificate(t, newWorld(t, "site-a"))
	apply(t, "client-certificate.yaml", with).until(t, 0, "0", unknown)
	cert, key := with.secrets["tls.crt"], with.secrets["tls.key"]
	for _, ca := range []string{public.pem, "no PEM"} {
		wrong := map[string]string{"tls.crt": cert, "tls.key": key, "ca.crt": ca}
		want := unknown
		if isBefore(noCAPool) {
			want = "0"
		}
		value, err := apply(t, "client-certificate.yaml", replacements{with.hosts, wrong}).ask(t, 0)
		if value != want {
			t.Errorf("with the CA %.8q: got %s (%v), want %s", ca, value, err, want)
		}
	}
}

// Somebody else than KEDA, without a certificate.
func TestNoCertificateIsAnError(t *testing.T) {
	t.Parallel()
	with := clientCertificate(t, newWorld(t, "site-a"))
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(with.secrets["ca.crt"]))
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	for _, path := range []string{"/metric/site-a", "/metrics", "/status", "/healthz", "/"} {
		resp, err := client.Get("https://" + with.hosts[monitorHost] + path)
		if err == nil {
			resp.Body.Close()
			t.Errorf("%s answered %s", path, resp.Status)
		} else if !strings.Contains(err.Error(), "certificate required") {
			t.Errorf("%s: %v", path, err)
		}
	}
}
