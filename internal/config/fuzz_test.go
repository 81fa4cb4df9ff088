package config_test

import (
	"bytes"
	"crypto/x509"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"failover-monitor/internal/config"
	"failover-monitor/internal/e2e/rig"
)

// FuzzLoad gives Load any environment, one variable a line: it may refuse it, and must not panic.
func FuzzLoad(f *testing.F) {
	f.Add(
		"SITE_A_HEALTH_URL=https://a/\nSITE_B_HEALTH_URL=\"https://u:p@b/?q\" # " +
			"b\r\nPROBE_METHOD=GET  # x")
	f.Add("SITE_A_HEALTH_ULR=x\nSITE__X=y\nSITE_=z\n=\n\nexport =\nSITE_A_PORT=tcp://1.2.3.4:5")
	f.Add(
		"ACCEPT_STATUS_REGEX=((((2\nPROBE_TIMEOUT_SEC=0x1p-2\nLISTEN_ADDR=[::\n" +
			"HTTP_PROXY=://\nLOG_LEVEL=\xff")
	f.Fuzz(func(t *testing.T, lines string) {
		cfg, err := config.Load(strings.Split(lines, "\n"))
		if err == nil && len(cfg.Sites) < 2 {
			t.Errorf("%q: loaded with %d sites", lines, len(cfg.Sites))
		}
		if err != nil && err.Error() == "" {
			t.Errorf("%q: an error that says nothing", lines)
		}
		cfg.Settings()
	})
}

// FuzzCABundle loads a CA bundle of any bytes: they hold a certificate, or are refused in words
// that do not quote them.
func FuzzCABundle(f *testing.F) {
	ca := rig.NewCA("Test CA").PEM
	f.Add(ca)
	f.Add(append(ca, ca[:len(ca)/2]...))
	f.Add(append([]byte("\ufeff"), ca...))
	f.Add(bytes.ReplaceAll(ca, []byte("\n"), []byte("\r\n")))
	f.Add([]byte(strings.Replace(string(ca), "CERTIFICATE", "TRUSTED CERTIFICATE", 2)))
	f.Add([]byte("-----BEGIN PRIVATE KEY-----\ngeheim\n-----END PRIVATE KEY-----\n"))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))
	f.Add([]byte("\xff\xfe"))
	f.Add([]byte(""))
	path := filepath.Join(f.TempDir(), "ca.pem")
	f.Fuzz(func(t *testing.T, bundle []byte) {
		if err := os.WriteFile(path, bundle, 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, err := config.Load([]string{"SITE_A_HEALTH_URL=https://a", "SITE_B_HEALTH_URL=https://b",
			"CA_BUNDLE=" + path})
		holds := x509.NewCertPool().AppendCertsFromPEM(bytes.TrimPrefix(bundle, []byte("\ufeff")))
		whole := bytes.LastIndex(bundle, []byte("-----BEGIN ")) <= bytes.LastIndex(bundle,
			[]byte("-----END "))
		if holds && whole && err != nil {
			t.Errorf("it holds a certificate: %v", err)
		}
		const want = `^CA_BUNDLE=".*": (holds no certificate|.* breaks off in the middle of a ` +
			`certificate); want a PEM file with a certificate, or a directory of such files, that ` +
			`the monitor can see and read$`
		if err != nil && !regexp.MustCompile(want).MatchString(err.Error()) {
			t.Errorf("got %v", err)
		}
		if err == nil && cfg.Sites[1].Bundle == nil {
			t.Error("loaded, and not used")
		}
	})
}
