package probe

import (
	"crypto/tls"
	"net/url"
	"slices"
	"strings"
)

// tlsConfig is for a handshake with the host of a URL. Only the target's own origin gets to see the
// client certificate, and must have the server name of the settings.
func (c *client) tlsConfig(with *url.URL) (*tls.Config, error) {
	config := &tls.Config{
		ServerName:         host(with),
		InsecureSkipVerify: c.target.SkipVerify,
		NextProtos:         []string{"http/1.1"}, // some listeners drop clients that offer nothing
		CipherSuites:       cipherSuites(),
		CurvePreferences:   smallCurves,
		MaxVersion:         c.newestTLS,
		// Apache and IIS renegotiate where one path needs a client certificate.
		Renegotiation: tls.RenegotiateOnceAsClient,
	}
	if c.target.RootCAs != nil {
		roots, err := c.target.RootCAs()
		if err != nil {
			return nil, ownFault{err}
		}
		config.RootCAs = roots
	}
	if c.trace.atProxy || !sameOrigin(with, c.base) {
		return config, nil
	}
	if c.target.ServerName != "" {
		config.ServerName = c.target.ServerName
	}
	if c.target.ClientCert != nil {
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			cert, err := c.target.ClientCert()
			if err != nil {
				return nil, ownFault{err}
			}
			c.trace.showedCert = true
			return cert, nil
		}
	}
	return config, nil
}

// smallCurves leaves out the post-quantum key shares, which do not fit into one segment with the
// rest of a ClientHello: some middleboxes drop or stall one that comes in two.
var smallCurves = []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384, tls.CurveP521}

// cipherSuites are those for TLS 1.2 that the predecessor's client had and Go has, also such as Go
// does not offer by itself: a monitor must see what clients see that are less strict.
func cipherSuites() (ids []uint16) {
	for _, suite := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		if strings.HasPrefix(suite.Name, "TLS_ECDHE_") ||
			strings.HasPrefix(suite.Name, "TLS_RSA_WITH_AES_") {
			ids = append(ids, suite.ID)
		}
	}
	return ids
}
