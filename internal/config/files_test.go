package config_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"failover-monitor/internal/config"
	"failover-monitor/internal/e2e/rig"
)

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestTokenFile replaces the file: it is read anew each time.
func TestTokenFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "token")
	p := config.Probing{HeaderValFile: path}
	for _, content := range []string{"first", "second\n", "  third \r\n\n", "\ufefffourth"} {
		write(t, path, []byte(content))
		if got, err := p.HeaderValue(); err != nil || got != strings.Trim(content, "\ufeff \r\n") {
			t.Errorf("%q: got %q, %v", content, got, err)
		}
	}
	for name, c := range map[string]struct {
		make func() error
		want string
	}{
		"empty": {func() error { return os.WriteFile(path, []byte(" \n"), 0o600) },
			path + ": want one line of text in it"},
		"two lines": {func() error { return os.WriteFile(path, []byte("geheim\ngeheim"), 0o600) },
			path + ": want one line of text in it"},
		"huge": {func() error { return os.WriteFile(path, make([]byte, 20<<10), 0o600) },
			path + ": want a file of at most 16384 bytes"},
		"missing": {func() error { return os.Remove(path) },
			"stat " + path + ": no such file or directory"},
		"directory": {func() error { os.Remove(path); return os.Mkdir(path, 0o700) },
			path + ": want a file of at most 16384 bytes"},
		"pipe": {func() error { os.Remove(path); return syscall.Mkfifo(path, 0o600) },
			path + ": want a file of at most 16384 bytes"},
	} {
		if err := c.make(); err != nil {
			t.Fatal(err)
		}
		if got, err := p.HeaderValue(); got != "" || err == nil ||
			err.Error() != "EXTRA_HEADER_VAL_FILE: "+c.want {
			t.Errorf("%s: got %q, %v; want %s", name, got, err, c.want)
		}
		os.Remove(path)
		write(t, path, []byte("x"))
	}
}

// deleted is a file that can be read and has no name any more, as one that is mounted into a
// container by itself and replaced outside.
func deleted(t *testing.T, content []byte) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "file")
	write(t, path, content)
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("/proc/self/fd/%d", file.Fd())
}

func TestDeletedFiles(t *testing.T) {
	t.Parallel()
	ca := rig.NewCA("Test CA")
	cert, key := rig.PEM(ca.Issue(time.Now().AddDate(0, 0, 1), "monitor"))
	const want = " was replaced, and this container still has the old copy: " +
		"mount its folder, not the file"
	keyFile := filepath.Join(t.TempDir(), "key")
	write(t, keyFile, []byte(key))

	token := deleted(t, []byte("Bearer x"))
	if _, err := (config.Probing{HeaderValFile: token}).HeaderValue(); err == nil ||
		err.Error() != "EXTRA_HEADER_VAL_FILE: "+token+want {
		t.Errorf("token: %v", err)
	}
	certFile := deleted(t, []byte(cert))
	_, err := (config.Probing{ClientCert: certFile, ClientKey: keyFile}).ClientCertificate()
	if err == nil || !strings.HasSuffix(err.Error(), certFile+want) {
		t.Errorf("client certificate: %v", err)
	}
	if got := problems(twoSites("CA_BUNDLE=" + deleted(t, ca.PEM))...); len(got) != 1 ||
		!strings.Contains(got[0], want) {
		t.Errorf("CA bundle: %q", got)
	}
}

// TestClientCertificate replaces certificate and key, and half of them.
func TestClientCertificate(t *testing.T) {
	t.Parallel()
	ca := rig.NewCA("Test CA")
	dir := t.TempDir()
	p := config.Probing{ClientCert: filepath.Join(dir, "client.crt"),
		ClientKey: filepath.Join(dir, "client.key")}
	issue := func(name string) (cert, key string) {
		return rig.PEM(ca.Issue(time.Now().AddDate(0, 0, 1), name))
	}
	for _, name := range []string{"monitor-1", "monitor-2"} {
		cert, key := issue(name)
		write(t, p.ClientCert, []byte(cert))
		write(t, p.ClientKey, []byte(key))
		if got, err := p.ClientCertificate(); err != nil || got.Leaf.Subject.CommonName != name {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
	cert, _ := issue("monitor-3")
	write(t, p.ClientCert, []byte(cert))
	_, err := p.ClientCertificate()
	want := "CLIENT_CERT_FILE " + p.ClientCert + " with CLIENT_KEY_FILE " + p.ClientKey +
		": tls: private key does not match public key"
	if err == nil || err.Error() != want {
		t.Errorf("half replaced: got %v, want %s", err, want)
	}
	os.Remove(p.ClientKey)
	if _, err := p.ClientCertificate(); err == nil ||
		!strings.Contains(err.Error(), "no such file or directory") {
		t.Errorf("no key: %v", err)
	}
}

// TestCABundleIsReplaced has another CA in the file, or in another file of the directory, than at
// the start: it is trusted from then on. What cannot be used is an error, until it can.
func TestCABundleIsReplaced(t *testing.T) {
	t.Parallel()
	old, renewed := rig.NewCA("Old CA"), rig.NewCA("New CA")
	for name, of := range map[string]func(file string) string{
		"file":      func(file string) string { return file },
		"directory": filepath.Dir,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "ca.pem")
			write(t, file, old.PEM)
			bundle := load(t, twoSites("CA_BUNDLE="+of(file))...).Sites[0].Bundle
			trusts := func(ca *rig.CA) bool {
				t.Helper()
				pool, err := bundle.Pool()
				if err != nil {
					t.Fatal(err)
				}
				return ca.Verifies(pool)
			}
			if !trusts(old) || trusts(renewed) {
				t.Error("at the start it trusts another CA than that in the file")
			}
			write(t, file, renewed.PEM)
			if trusts(old) || !trusts(renewed) {
				t.Error("replaced: it does not trust the new CA alone")
			}
			for broken, want := range map[string]string{
				"":                              "holds no certificate",
				"nothing":                       "holds no certificate",
				string(old.PEM[:200]):           "breaks off in the middle of a certificate",
				string(old.PEM) + "-----BEGIN ": "breaks off in the middle of a certificate",
			} {
				write(t, file, []byte(broken))
				if _, err := bundle.Pool(); err == nil ||
					!strings.HasPrefix(err.Error(), "CA_BUNDLE "+of(file)+": ") ||
					!strings.HasSuffix(err.Error(), want) {
					t.Errorf("%q: %v, want %s", broken, err, want)
				}
			}
			os.Remove(file)
			if _, err := bundle.Pool(); err == nil {
				t.Error("deleted: no error")
			}
			write(t, file+".new", old.PEM)
			os.Rename(file+".new", file)
			if !trusts(old) || trusts(renewed) {
				t.Error("repaired: it does not trust the CA in the file")
			}
		})
	}
}

// TestCABundleOfOpenSSL has certificates under the other names that OpenSSL gives them.
func TestCABundleOfOpenSSL(t *testing.T) {
	t.Parallel()
	ca := rig.NewCA("Test CA")
	path := filepath.Join(t.TempDir(), "ca.pem")
	for _, kind := range []string{"X509 CERTIFICATE", "TRUSTED CERTIFICATE"} {
		write(t, path, bytes.ReplaceAll(ca.PEM, []byte("CERTIFICATE"), []byte(kind)))
		pool, err := load(t, twoSites("CA_BUNDLE="+path)...).Sites[0].Bundle.Pool()
		if err != nil || !ca.Verifies(pool) {
			t.Errorf("%s: %v, or not trusted", kind, err)
		}
	}
}

// FuzzToken reads the token from a file with any content: it is one line of text, or refused in
// words that do not quote it.
func FuzzToken(f *testing.F) {
	for _, content := range []string{"Bearer x", "Bearer x\n", " x \r\n\r\n", "", "\n", "a\nb",
		"a\x00b", "\xff\xfe", "\u2028", "ä",
		strings.Repeat("x", 16<<10), strings.Repeat("x", 16<<10+1), "\x7f", "a\tb", "\u0085x"} {
		f.Add([]byte(content))
	}
	path := filepath.Join(f.TempDir(), "token")
	f.Fuzz(func(t *testing.T, content []byte) {
		write(t, path, content)
		token, err := config.Probing{HeaderValFile: path}.HeaderValue()
		trimmed := string(bytes.TrimSpace(content))
		switch {
		case err != nil && len(trimmed) > 3 && strings.Contains(err.Error(), trimmed):
			t.Errorf("the token is in the error: %v", err)
		case err == nil && token != strings.TrimSpace(strings.TrimPrefix(string(content), "\ufeff")):
			t.Errorf("got %q", token)
		case err == nil && strings.ContainsAny(token, "\r\n\x00"):
			t.Errorf("%q is no line of text", token)
		}
	})
}
