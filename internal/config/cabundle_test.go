package config_test

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"failover-monitor/internal/e2e/rig"
)

// TestBrokenCABundle has an unreadable certificate before a good one: the good one is trusted, and
// a warning counts the other. A byte order mark is ignored.
func TestBrokenCABundle(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ca.pem")
	pem := rig.NewCA("Test CA").PEM
	half := pem[:len(pem)/2]
	for want, content := range map[string][]byte{
		"CA_BUNDLE=\"" + path +
			"\": certificates in it that cannot be read: 1; they are not trusted": slices.Concat(half,
			[]byte("\n"), pem),
		"": slices.Concat([]byte("\ufeff"), pem),
	} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(warnings(load(t, twoSites("CA_BUNDLE="+path)...)), "|"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestCABundle(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	dir = filepath.Join(dir, "ca[1]") // no pattern
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	bundle, ca := filepath.Join(dir, "ca.pem"), rig.NewCA("Test CA").PEM
	if err := os.WriteFile(bundle, ca, 0o600); err != nil {
		t.Fatal(err)
	}
	err := os.WriteFile(filepath.Join(dir, "README"), []byte("not a certificate"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	both, _ := x509.SystemCertPool()
	both.AppendCertsFromPEM(ca)
	for _, line := range []string{"CA_BUNDLE=" + bundle, "REQUESTS_CA_BUNDLE=" + dir} {
		cfg := load(t, twoSites(line)...)
		if got := warnings(cfg); len(got) > 0 {
			t.Errorf("%s: %q", line, got)
		}
		pool, err := cfg.Sites[0].Bundle.Pool()
		if err != nil || !both.Equal(pool) {
			t.Errorf("%s: the certificate was not added to the system's: %v", line, err)
		}
		if cfg.Sites[0].Bundle != cfg.Sites[1].Bundle {
			t.Errorf("%s: loaded once for each site", line)
		}
	}
	load(t, twoSites("CA_BUNDLE="+bundle, "REQUESTS_CA_BUNDLE="+bundle)...)
	got := problems(twoSites("CA_BUNDLE="+bundle, "REQUESTS_CA_BUNDLE="+dir)...)
	want := `REQUESTS_CA_BUNDLE="` + dir + `" and CA_BUNDLE="` + bundle +
		`": both name the CA bundle: keep one of them`
	if len(got) != 1 || got[0] != want {
		t.Errorf("two different bundles: %q, want %q", got, want)
	}
	cfg := load(t, twoSites("REQUESTS_CA_BUNDLE="+dir, "SITE_B_CA_BUNDLE="+bundle)...)
	if b := cfg.Sites[1].Probing; b.CABundle != bundle || b.RequestsCA != "" {
		t.Errorf("site-b: CA_BUNDLE %q and REQUESTS_CA_BUNDLE %q, want its own alone", b.CABundle,
			b.RequestsCA)
	}
}
