package config

import (
	"bytes"
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"unicode"
)

// The files that a probe needs are read anew when they change, so that a renewed token or
// certificate needs no restart. An error is the monitor's own fault, and says nothing about a site.

const (
	maxToken  = 16 << 10 // bytes; servers take 8 KiB of headers and little more
	maxPEM    = 1 << 20  // of a certificate or key
	maxBundle = 64 << 20
)

// readFile reads a regular file.
func readFile(path string, most int64) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular() || info.Size() > most:
		return nil, fmt.Errorf("%s: want a file of at most %d bytes", path, most)
	case isDeleted(info):
		return nil, fmt.Errorf(
			"%s was replaced, and this container still has the old copy: mount its folder, not the file",
			path)
	}
	return os.ReadFile(path)
}

// isDeleted is whether a file has no name any more. It can be seen all the same where it is mounted
// by itself: a container keeps the file that it was started with, when another takes its place
// outside.
func isDeleted(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Nlink == 0
}

// HeaderValue is what to send in the extra header: EXTRA_HEADER_VAL, or the line in the file.
func (p Probing) HeaderValue() (string, error) {
	if p.HeaderValFile == "" {
		return p.HeaderVal.Reveal(), nil
	}
	content, err := readFile(p.HeaderValFile, maxToken)
	if err != nil {
		return "", fmt.Errorf("EXTRA_HEADER_VAL_FILE: %w", err)
	}
	token := strings.TrimSpace(strings.TrimPrefix(string(content), "\ufeff"))
	if token == "" || strings.ContainsFunc(token, unicode.IsControl) {
		return "", fmt.Errorf("EXTRA_HEADER_VAL_FILE: %s: want one line of text in it", p.HeaderValFile)
	}
	return token, nil
}

// ClientCertificate is shown to a site that asks for one.
func (p Probing) ClientCertificate() (*tls.Certificate, error) {
	read := func() (tls.Certificate, error) {
		cert, err := readFile(p.ClientCert, maxPEM)
		if err != nil {
			return tls.Certificate{}, err
		}
		key, err := readFile(p.ClientKey, maxPEM)
		if err != nil {
			return tls.Certificate{}, err
		}
		return tls.X509KeyPair(cert, key)
	}
	pair, err := read()
	if err != nil {
		return nil, fmt.Errorf("CLIENT_CERT_FILE %s with CLIENT_KEY_FILE %s: %w", p.ClientCert,
			p.ClientKey, err)
	}
	return &pair, nil
}

// CABundle is a PEM file, or a directory of such files, whose certificates are trusted beside the
// system's. Many sites share one.
type CABundle struct {
	path string

	mu     sync.Mutex
	state  string // of the files, when they were read
	pool   *x509.CertPool
	broken int // certificates that could not be read, and files that may not be
}

// Pool has the certificates of the bundle and of the system.
func (b *CABundle) Pool() (*x509.CertPool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	files, state, err := b.files()
	if err == nil && (b.pool == nil || state != b.state) {
		b.pool, err = b.load(files)
		b.state = state
	}
	if err != nil {
		b.pool = nil
		return nil, fmt.Errorf("CA_BUNDLE %s: %w", b.path, err)
	}
	return b.pool, nil
}

// files lists the bundle's files, and a state that changes when they do. Subdirectories, as
// Kubernetes makes them, are left out.
func (b *CABundle) files() (paths []string, state string, err error) {
	info, err := os.Stat(b.path)
	if err != nil {
		return nil, "", errors.Unwrap(err) // without the path, which the caller names
	}
	all := []string{b.path}
	if info.IsDir() {
		entries, err := os.ReadDir(b.path)
		if err != nil {
			return nil, "", errors.Unwrap(err)
		}
		all = nil
		for _, entry := range entries {
			all = append(all, filepath.Join(b.path, entry.Name()))
		}
	}
	for _, path := range all {
		info, err := os.Stat(path)
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		paths = append(paths, path)
		stat, _ := info.Sys().(*syscall.Stat_t)
		state += fmt.Sprintln(path, info.ModTime().UnixNano(), info.Size(), info.Mode(), stat.Ino,
			stat.Nlink)
	}
	return paths, state, nil
}

func (b *CABundle) load(files []string) (*x509.CertPool, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	var denied error
	found := 0
	b.broken = 0
	for _, path := range files {
		content, err := readFile(path, maxBundle)
		if path != b.path && errors.Is(err, fs.ErrPermission) { // one of many in a directory
			b.broken++
			denied = err
			continue
		}
		if err != nil {
			return nil, err
		}
		added, begun := addCAs(pool, content)
		found, b.broken = found+added, b.broken+begun-added
		// it is just being written
		if bytes.LastIndex(content, []byte("-----BEGIN ")) >
			bytes.LastIndex(content, []byte("-----END ")) {
			return nil, fmt.Errorf("%s breaks off in the middle of a certificate", path)
		}
	}
	if found == 0 {
		return nil, cmp.Or(denied, errors.New("holds no certificate"))
	}
	return pool, nil
}

// certificateKinds are OpenSSL's names for a certificate in a PEM file.
var certificateKinds = []string{"CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"}

// addCAs adds certificates to a pool. It counts, too, which [x509.CertPool.AppendCertsFromPEM] does
// not: those that are broken are left out.
func addCAs(pool *x509.CertPool, content []byte) (added, begun int) {
	content = bytes.TrimPrefix(content, []byte("\ufeff"))
	for _, kind := range certificateKinds {
		begun += bytes.Count(content, []byte("-----BEGIN "+kind+"-----"))
	}
	for block, rest := pem.Decode(content); block != nil; block, rest = pem.Decode(rest) {
		if !slices.Contains(certificateKinds, block.Type) {
			continue
		}
		var der asn1.RawValue
		// without what a trusted certificate is trusted for, which is behind it
		asn1.Unmarshal(block.Bytes, &der)
		if certificate, err := x509.ParseCertificate(der.FullBytes); err == nil {
			pool.AddCert(certificate)
			added++
		}
	}
	return added, begun
}
