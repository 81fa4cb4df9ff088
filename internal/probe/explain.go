package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"
)

// failure is a fault that we find ourselves, where the HTTP client would see none.
type failure struct {
	reason Reason
	detail string
}

func (f failure) Error() string { return f.detail }

// ownFault is an error of the monitor's own: a file that it cannot use.
type ownFault struct{ error }

// bodyError is a body that could not be read to its end.
type bodyError struct{ cause error }

func (e bodyError) Error() string { return e.cause.Error() }
func (e bodyError) Unwrap() error { return e.cause }

// explain gives the one reason why a probe failed, and the reason in words. The words are our own
// wherever an error quotes what the peer sent: a peer can send back a secret that we sent to it.
func explain(err error, at *steps, timeout time.Duration) (Reason, string) {
	var (
		own    failure
		lookup *net.DNSError
		netErr net.Error
		body   bodyError
		late   = errors.Is(err, context.DeadlineExceeded)
	)
	switch {
	case errors.As(err, &own):
		return own.reason, own.detail
	case errors.As(err, &lookup) && !late && at.redirected():
		return ReasonDNS, lookup.Err + ", " + at.String()
	case errors.As(err, &lookup) && !late:
		return ReasonDNS, lookup.Error()
	case late, errors.As(err, &netErr) && netErr.Timeout():
		return ReasonTimeout, fmt.Sprintf("no good answer within %v, still %s", timeout, at)
	case errors.As(err, &body):
		return ReasonProtocol, "the body breaks off or is malformed"
	case errors.Is(err, syscall.ECONNREFUSED):
		return ReasonRefused, "connection refused, " + at.String()
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return ReasonReset, "connection reset, " + at.String()
	}
	if reason, detail := explainTLS(err, at); reason != "" {
		return reason, detail
	}
	var (
		errno syscall.Errno
		op    *net.OpError
	)
	switch {
	case at.is(connecting) && errors.As(err, &errno):
		return ReasonUnreachable, errno.Error() + ", " + at.String()
	case errors.As(err, &op) && strings.HasPrefix(op.Op, "socks"):
		return ReasonUnreachable, "the SOCKS proxy cannot connect, " + at.String()
	}
	return explainHTTP(err, at)
}

// explainTLS knows the errors of certificates and handshakes.
func explainTLS(err error, at *steps) (Reason, string) {
	var (
		invalid x509.CertificateInvalidError
		unknown x509.UnknownAuthorityError
		name    x509.HostnameError
		op      *net.OpError
		noTLS   tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		if time.Now().Before(invalid.Cert.NotBefore) {
			return ReasonTLSExpired, "certificate is not valid before " + invalid.Cert.NotBefore.Format(time.DateOnly)
		}
		return ReasonTLSExpired, "certificate expired on " + invalid.Cert.NotAfter.Format(time.DateOnly)
	case errors.As(err, &unknown):
		return ReasonTLSUnknown, fmt.Sprintf("certificate is signed by an unknown authority, %q", unknown.Cert.Issuer.CommonName)
	case errors.As(err, &name) && len(certificateNames(name.Certificate)) == 0:
		return ReasonTLSName, "certificate has no names in it; a common name alone does not count"
	case errors.As(err, &name):
		return ReasonTLSName, fmt.Sprintf("certificate is for other names: %q", certificateNames(name.Certificate))
	case errors.Is(err, http.ErrSchemeMismatch), errors.As(err, &noTLS):
		return ReasonTLS, "the URL says https, and no TLS is spoken there"
	case errors.As(err, &op) && op.Op == "remote error": // an alert, with TLS 1.3 after the handshake
		return ReasonTLS, "TLS handshake failed: " + op.Error()
	case at.is(handshaking):
		return ReasonTLS, "TLS handshake failed: " + withoutURL(err).Error()
	}
	return "", ""
}

// certificateNames are the first few names and addresses that a certificate is for.
func certificateNames(cert *x509.Certificate) []string {
	names := cert.DNSNames
	for _, ip := range cert.IPAddresses {
		names = append(names, ip.String())
	}
	return names[:min(len(names), 5)]
}

// explainHTTP is for what is left once there was a connection: an answer that is not HTTP.
func explainHTTP(err error, at *steps) (Reason, string) {
	says := func(part string) bool { return strings.Contains(err.Error(), part) } // net/http has no types for these
	switch {
	case says("failed to parse Location header"):
		return ReasonRedirect, "redirects to what is no URL"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), says("server closed idle connection"):
		return ReasonProtocol, "connection closed without a whole answer, " + at.String()
	case says("headers exceeded"):
		return ReasonProtocol, fmt.Sprintf("more than %d bytes of headers, %s", maxHeader, at)
	}
	return ReasonProtocol, "the answer is not HTTP/1.1, " + at.String()
}

// isOwnFault is whether no site can be blamed: a file of the monitor's own cannot be used, the probe
// did not even begin, or the machine lacks file descriptors, memory, a port or an address to connect from.
func isOwnFault(err error, at *steps) bool {
	var own ownFault
	if errors.As(err, &own) {
		return true
	}
	if err != nil && at.is(starting) && !errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	var lookup *net.DNSError // it keeps its cause as text alone
	errors.As(err, &lookup)
	return slices.ContainsFunc([]syscall.Errno{
		syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EADDRNOTAVAIL,
	}, func(lack syscall.Errno) bool {
		return errors.Is(err, lack) || lookup != nil && strings.HasSuffix(lookup.Err, lack.Error())
	})
}

// withoutURL takes the URL off an error of http.Client: its query is a secret.
func withoutURL(err error) error {
	var named *url.Error
	if errors.As(err, &named) {
		return named.Err
	}
	return err
}
