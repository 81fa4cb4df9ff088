//go:build e2e

package faults

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"failover-monitor/internal/e2e/rig"
	"failover-monitor/internal/fakesite"
)

// fileFaults are in the files that the monitor reads and writes.
func fileFaults(t *testing.T) []fault {
	return []fault{
		{
			name: "token file is deleted, and restored",
			environ: func(s *scene) []string {
				return []string{"EXTRA_HEADER_KEY=Authorization",
					"EXTRA_HEADER_VAL_FILE=" + s.write("token", []byte("Bearer x"))}
			},
			begin: func(s *scene) { os.Remove(filepath.Join(s.dir, "token")) },
			end:   func(s *scene) { s.write("token", []byte("Bearer y")) },
			sees:  expires,
		},
		halfReplaced(),
		dies("standard error is a full device, site dies",
			func(s *scene) *os.File { return s.open("/dev/full") }),
		fullDisk(),
		deadReader(),
		hungReader(),
	}
}

// halfReplaced replaces a client certificate, and its key only later.
func halfReplaced() fault {
	ca := rig.NewCA("Test CA")
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(ca.PEM)
	tomorrow := time.Now().AddDate(0, 0, 1)
	oldCert, oldKey := encode(ca.Issue(tomorrow, "monitor"))
	newCert, newKey := encode(ca.Issue(tomorrow, "monitor"))
	return fault{
		name: "client certificate is replaced before its key",
		environ: func(s *scene) []string {
			s.become(rig.TLS(&tls.Config{
				Certificates: []tls.Certificate{ca.Issue(tomorrow, rig.Host().String())},
				ClientAuth:   tls.RequireAndVerifyClientCert, ClientCAs: trusted,
			}, fakesite.Answer(200)))
			return []string{"SITE_B_HEALTH_URL=https://" + s.b.Address(),
				"CA_BUNDLE=" + s.write("ca.pem", ca.PEM),
				"CLIENT_CERT_FILE=" + s.write("client.crt", oldCert),
				"CLIENT_KEY_FILE=" + s.write("client.key", oldKey)}
		},
		begin: func(s *scene) { s.write("client.crt", newCert) },
		end:   func(s *scene) { s.write("client.key", newKey) },
		sees:  expires,
	}
}

// encode gives the PEM of a certificate and of its key.
func encode(issued tls.Certificate) (cert, key []byte) {
	der, err := x509.MarshalPKCS8PrivateKey(issued.PrivateKey)
	if err != nil {
		panic(err) // no such kind of key
	}
	return pem.EncodeToMemory(
			&pem.Block{Type: "CERTIFICATE", Bytes: issued.Certificate[0]}), pem.EncodeToMemory(
			&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// dies makes site B fail while nothing can be logged.
func dies(name string, stderr func(*scene) *os.File) fault {
	return fault{name: name, stderr: stderr, begin: func(s *scene) { s.b.Refuse() },
		end: (*scene).heal, sees: turns1}
}

// fullDisk fills the disk of the log. Once there is room, the log goes on.
func fullDisk() fault {
	f := dies("the log's disk is full, site dies", func(s *scene) *os.File {
		mount(s.T, "tmpfs", s.dir, "tmpfs", 0, "size=64k")
		return s.open(filepath.Join(s.dir, "log"))
	})
	die, heal := f.begin, f.end
	f.begin = func(s *scene) {
		filler := s.open(filepath.Join(s.dir, "filler"))
		if _, err := filler.Write(make([]byte, 1<<20)); !errors.Is(err, syscall.ENOSPC) {
			s.Errorf("the disk does not fill up: %v", err)
		}
		filler.Close()
		log := s.open(filepath.Join(s.dir, "log"))
		// what is left of its last page
		for _, err := log.WriteString(" "); err == nil; _, err = log.WriteString(" ") {
		}
		die(s)
	}
	f.end = func(s *scene) {
		os.Remove(filepath.Join(s.dir, "filler"))
		heal(s)
	}
	f.check = func(s *scene) {
		log, err := os.ReadFile(filepath.Join(s.dir, "log"))
		if err != nil || strings.Contains(string(log), `"to":"down"`) ||
			!strings.Contains(string(log), `"from":"down","to":"up"`) {
			s.Errorf("want the recovery in the log, and the outage not: %v\n%s", err, log)
		}
	}
	return f
}

// deadReader closes the other end of standard error.
func deadReader() fault {
	var reader *os.File
	f := dies("the log's reader dies, and then the site", func(s *scene) (writer *os.File) {
		reader, writer = s.pipe()
		go io.Copy(io.Discard, reader)
		return writer
	})
	die := f.begin
	f.begin = func(s *scene) {
		reader.Close()
		die(s)
	}
	return f
}

// hungReader leaves standard error unread until the end of the fault.
func hungReader() fault {
	var reader *os.File
	f := dies("nobody reads a log at debug, site dies", func(s *scene) (writer *os.File) {
		reader, writer = s.pipe()
		return writer
	})
	f.environ = func(*scene) []string { return []string{"LOG_LEVEL=debug"} }
	heal := f.end
	f.end = func(s *scene) {
		go io.Copy(io.Discard, reader)
		heal(s)
	}
	return f
}

// pipe is the smallest there is.
func (s *scene) pipe() (reader, writer *os.File) {
	s.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { reader.Close(); writer.Close() })
	_, _, errno := syscall.Syscall(syscall.SYS_FCNTL, writer.Fd(), syscall.F_SETPIPE_SZ, 4096)
	if errno != 0 {
		s.Fatal(errno)
	}
	return reader, writer
}

func (s *scene) open(path string) *os.File {
	s.Helper()
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { file.Close() })
	return file
}
