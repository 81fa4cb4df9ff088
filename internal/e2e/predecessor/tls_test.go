//go:build e2e

package predecessor

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"time"

	"failover-monitor/internal/e2e/rig"
	"failover-monitor/internal/fakesite"
)

const (
	commonName = "A certificate with a common name and no other names"
	goHasNot   = "A server that offers only what Go lacks"
)

// tlsSites are odd in their certificates and handshakes.
func tlsSites(t *testing.T) (sites []site) {
	ca, expired, rekeyed := rig.NewCA("Corp Root"), rig.NewCAUntil("Old Root",
		time.Now().AddDate(0, 0, -1)), rig.NewCA("Corp Root")
	bundle := func(ca *rig.CA) string { return file(t, "ca.pem", ca.PEM) }
	tomorrow := time.Now().AddDate(0, 0, 1)
	shows := func(cert tls.Certificate, changes ...func(*tls.Config)) string {
		config := &tls.Config{Certificates: []tls.Certificate{cert}}
		for _, change := range changes {
			change(config)
		}
		return "https://" + rig.Site(t, rig.TLS(config, fakesite.Answer(200))).Address()
	}
	local := ca.Issue(tomorrow, "127.0.0.1")
	selfSigned, selfSignedPEM := rig.SelfSigned(tomorrow, "127.0.0.1")
	suites := func(ids ...uint16) func(*tls.Config) {
		return func(c *tls.Config) { c.CipherSuites, c.MaxVersion = ids, tls.VersionTLS12 }
	}
	rsaCert := rsaCertificate(t, nil)
	localhost := func(s string) string { return strings.Replace(s, "127.0.0.1", "localhost", 1) }
	wantsALPN := func(c *tls.Config) {
		c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			if len(hello.SupportedProtos) == 0 {
				return nil, net.ErrClosed
			}
			return nil, nil
		}
	}
	bare := rsaCertificate(t, &x509.Certificate{Subject: pkix.Name{CommonName: "localhost"}})
	barePEM, _ := rig.PEM(bare)
	return []site{
		{name: "TLS of a private authority", url: shows(local), verify: bundle(ca)},
		{name: "TLS of an unknown authority", url: shows(local)},
		{name: "TLS, unverified", url: shows(local), verify: false},
		{name: "TLS of an authority that was re-keyed", url: shows(rekeyed.Issue(tomorrow, "127.0.0.1")),
			verify: bundle(ca)},
		{name: "TLS of an authority that has expired", url: shows(expired.Issue(tomorrow, "127.0.0.1")),
			verify: bundle(expired)},
		{name: "TLS that has expired", url: shows(ca.Issue(time.Now().AddDate(0, 0, -1), "127.0.0.1")),
			verify: bundle(ca)},
		{name: "TLS for another name", url: shows(ca.Issue(tomorrow, "other.example")),
			verify: bundle(ca)},
		{name: "TLS for a name", url: localhost(shows(ca.Issue(tomorrow, "localhost"))),
			verify: bundle(ca)},
		{name: "TLS with an address for a name", url: shows(ca.Issue(tomorrow, "localhost")),
			verify: bundle(ca)},
		{name: "TLS, self-signed, in the bundle", url: shows(selfSigned),
			verify: file(t, "self.pem", selfSignedPEM)},
		{name: "TLS with a common name alone", url: localhost(shows(bare)),
			verify: file(t, "bare.pem", []byte(barePEM)), differs: commonName},
		{name: "TLS 1.2", url: shows(local, func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }),
			verify: bundle(ca)},
		{name: "TLS 1.1",
			url: shows(local, func(c *tls.Config) {
				c.MinVersion, c.MaxVersion = tls.VersionTLS10,
					tls.VersionTLS11
			}), verify: bundle(ca)},
		{name: "ECDHE-RSA-AES128-SHA256",
			url: shows(rsaCert, suites(tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256)), verify: false},
		{name: "ECDHE-RSA-AES128-SHA",
			url: shows(rsaCert, suites(tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA)), verify: false},
		{name: "ECDHE-RSA-AES256-GCM-SHA384",
			url: shows(rsaCert, suites(tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384)), verify: false},
		{name: "ECDHE-RSA-CHACHA20-POLY1305",
			url: shows(rsaCert, suites(tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256)), verify: false},
		{name: "AES128-GCM-SHA256", url: shows(rsaCert, suites(tls.TLS_RSA_WITH_AES_128_GCM_SHA256)),
			verify: false},
		{name: "AES128-SHA", url: shows(rsaCert, suites(tls.TLS_RSA_WITH_AES_128_CBC_SHA)),
			verify: false},
		{name: "AES128-SHA256", url: shows(rsaCert, suites(tls.TLS_RSA_WITH_AES_128_CBC_SHA256)),
			verify: false},
		{name: "DHE-RSA-AES128-GCM-SHA256", url: openSSL(t, rsaCert, "-tls1_2", "-cipher",
			"DHE-RSA-AES128-GCM-SHA256"), verify: false, differs: goHasNot},
		{name: "AES256-GCM-SHA384 of OpenSSL", url: openSSL(t, rsaCert, "-tls1_2", "-cipher",
			"AES256-GCM-SHA384"), verify: false},
		{name: "X448 alone", url: openSSL(t, rsaCert, "-groups", "X448"), verify: false,
			differs: goHasNot},
		{name: "ffdhe2048 alone", url: openSSL(t, rsaCert, "-groups", "ffdhe2048"), verify: false,
			differs: goHasNot},
		{name: "AES-CCM alone", url: openSSL(t, rsaCert, "-tls1_2", "-cipher", "AES128-CCM"),
			verify: false, differs: goHasNot},
		{name: "P-521 alone", url: openSSL(t, rsaCert, "-groups", "P-521"), verify: false},
		{name: "wants ALPN", url: shows(local, wantsALPN), verify: bundle(ca)},
		{name: "HTTP/2 alone in ALPN", url: openSSL(t, rsaCert, "-alpn", "h2"), verify: false},
		{name: "wants a client certificate",
			url:    shows(local, func(c *tls.Config) { c.ClientAuth = tls.RequireAnyClientCert }),
			verify: bundle(ca)},
		{name: "no TLS where it is expected", url: strings.Replace(shows(local), "https", "http", 1)},
		{name: "TLS where none is expected", url: "https://" + rig.Site(t,
			fakesite.Answer(200)).Address()},
		{name: "hangs in TLS", url: "https://" + rig.Site(t, fakesite.Hang).Address()},
	}
}

// rsaCertificate is self-signed for 127.0.0.1, unless it is for another.
func rsaCertificate(t *testing.T, template *x509.Certificate) tls.Certificate {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	if template == nil {
		template = &x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	}
	template.SerialNumber, template.NotBefore, template.NotAfter = big.NewInt(1), time.Now().AddDate(0,
		0, -1), time.Now().AddDate(0, 0, 1)
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// openSSL is a site of OpenSSL's, for what Go's own server does not have.
func openSSL(t *testing.T, cert tls.Certificate, args ...string) string {
	t.Helper()
	certificate, key := rig.PEM(cert)
	address := rig.FreeAddress(t)
	server := exec.Command("openssl",
		append(
			[]string{"s_server", "-accept", address, "-cert", file(t, "server.pem", []byte(certificate+key)),
				"-www", "-quiet"}, args...)...)
	if err := server.Start(); err != nil {
		t.Fatalf("%v; make e2e-predecessor installs openssl", err)
	}
	t.Cleanup(func() { server.Process.Kill(); server.Wait() })
	rig.AwaitListening(t, address)
	return (&url.URL{Scheme: "https", Host: address, Path: "/"}).String()
}
