package probe

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

// explainTLS explains the errors of certificates and handshakes; the reason is empty for others.
func explainTLS(err error, t *trace) (Reason, string) {
	var (
		invalid x509.CertificateInvalidError
		unknown x509.UnknownAuthorityError
		name    x509.HostnameError
		op      *net.OpError
		noTLS   tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return ReasonTLSExpired, explainExpired(invalid.Cert, err) + t.shownBy()
	case errors.As(err, &unknown):
		return ReasonTLSUnknown, explainUnknown(unknown) + t.shownBy()
	case errors.As(err, &name) && len(certificateNames(name.Certificate)) == 0:
		return ReasonTLSName, "certificate has no names in it; a common name alone does not count" +
			t.shownBy()
	case errors.As(err, &name):
		names := certificateNames(name.Certificate)
		return ReasonTLSName, fmt.Sprintf("certificate is for other names: %q", names) + t.shownBy()
	case errors.Is(err, http.ErrSchemeMismatch), errors.As(err, &noTLS):
		return ReasonTLS, "the URL says https, and no TLS is spoken there" + t.via()
	case errors.As(err, &op) && op.Op == "remote error": // an alert, with TLS 1.3 after the handshake
		return ReasonTLS, "TLS handshake failed: " + explainAlert(op.Error()) + t.via()
	case t.step == handshaking:
		return ReasonTLS, "TLS handshake failed: " + withoutURL(err).Error() + t.via()
	}
	return "", ""
}

// explainExpired says which certificate is not valid today. It names the monitor's clock where that
// may be what is wrong.
func explainExpired(cert *x509.Certificate, err error) string {
	what := "certificate"
	if !isLeaf(cert, err) {
		what = fmt.Sprintf("the certificate of the authority %q", cert.Subject.CommonName)
	}
	if now := time.Now(); now.Before(cert.NotBefore) {
		return fmt.Sprintf("%s is not valid before %s, and the monitor's clock says %s",
			what, cert.NotBefore.Format(time.DateOnly), now.UTC().Format(time.DateOnly))
	}
	return what + " expired on " + cert.NotAfter.Format(time.DateOnly)
}

// explainUnknown says why no authority counts that has the issuer's name, if there is one. Go has
// that in its error's text alone.
func explainUnknown(err x509.UnknownAuthorityError) string {
	detail := fmt.Sprintf("certificate is signed by an unknown authority, %q",
		err.Cert.Issuer.CommonName)
	_, hint, found := strings.Cut(err.Error(), "(possibly because of ")
	switch {
	case !found:
		return detail
	case strings.Contains(hint, "insecure algorithm"):
		return detail + ": one of that name is trusted, " +
			"but signs with an algorithm that is not safe any more, such as SHA-1"
	case strings.Contains(hint, "cannot sign"), strings.Contains(hint, "not authorized to sign"):
		return detail + ": one of that name is trusted, " +
			"but its certificate does not allow it to sign others (CA, keyCertSign)"
	case strings.Contains(hint, "verification"), strings.Contains(hint, "does not match"):
		return detail + ": one of that name is trusted, but with another key; perhaps it was renewed"
	}
	return detail + ": one of that name is trusted, but did not sign it"
}

// explainAlert adds to a TLS alert what it means most often.
func explainAlert(alert string) string {
	switch {
	case strings.HasSuffix(alert, "handshake failure"):
		return alert + ": most often, no cipher suite in common, as with a server that has DHE alone"
	case strings.HasSuffix(alert, "protocol version not supported"):
		return alert + ": the monitor speaks TLS 1.2 and 1.3"
	}
	return alert
}

// certificateNames are the first few names and addresses that a certificate is for.
func certificateNames(cert *x509.Certificate) []string {
	names := cert.DNSNames
	for _, ip := range cert.IPAddresses {
		names = append(names, ip.String())
	}
	return names[:min(len(names), 5)]
}

// isLeaf is whether a certificate is the one that the server showed for itself, and no authority's.
func isLeaf(cert *x509.Certificate, err error) bool {
	var bad *tls.CertificateVerificationError
	return !errors.As(err, &bad) || len(bad.UnverifiedCertificates) == 0 ||
		bad.UnverifiedCertificates[0].Equal(cert)
}
