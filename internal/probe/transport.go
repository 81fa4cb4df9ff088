package probe

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/url"
)

// transport is two of net/http's: home is for the target's own origin, where the certificate must have the
// ServerName, and gets to see ours; away, for where it redirects to, does neither. Without those settings
// they are one.
type transport struct {
	base       *url.URL
	home, away *http.Transport
}

func newTransport(target Target, base *url.URL) *transport {
	t := &transport{base: base, home: onceOnly(target)}
	t.away = t.home
	if target.ServerName == "" && target.ClientCert == "" {
		return t
	}
	t.away = onceOnly(target)
	t.home.TLSClientConfig.ServerName = target.ServerName
	if target.ClientCert != "" {
		t.home.TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return loadClientCertificate(target)
		}
	}
	return t
}

// RoundTrip sends a request the way that is for where it goes.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if sameOrigin(req.URL, t.base) {
		return t.home.RoundTrip(req)
	}
	return t.away.RoundTrip(req)
}

// CloseIdleConnections ends what is left of both.
func (t *transport) CloseIdleConnections() {
	t.home.CloseIdleConnections()
	t.away.CloseIdleConnections()
}

// onceOnly makes a transport that uses no connection twice.
func onceOnly(target Target) *http.Transport {
	t := &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer{timeout: target.Timeout}.dial,
		OnProxyConnectResponse: checkProxy,
		TLSClientConfig: &tls.Config{
			RootCAs: target.RootCAs, InsecureSkipVerify: target.SkipVerify,
			Renegotiation: tls.RenegotiateOnceAsClient, // as Apache and IIS want it where one path may have a client certificate
		},
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: maxHeader,
		Protocols:              new(http.Protocols),
	}
	t.Protocols.SetHTTP1(true)
	return t
}

// loadClientCertificate reads the certificate and its key anew: they may have been replaced.
func loadClientCertificate(target Target) (*tls.Certificate, error) {
	cert, err := tls.LoadX509KeyPair(target.ClientCert, target.ClientKey)
	if err != nil {
		return nil, ownFault{fmt.Errorf("CLIENT_CERT_FILE %s with CLIENT_KEY_FILE %s: %w", target.ClientCert, target.ClientKey, err)}
	}
	return &cert, nil
}

// checkProxy judges what a proxy says to CONNECT.
func checkProxy(_ context.Context, proxy *url.URL, _ *http.Request, resp *http.Response) error {
	if resp.StatusCode != http.StatusOK {
		return failure{ReasonUnreachable, fmt.Sprintf("the proxy %s answers %d to CONNECT", proxy.Host, resp.StatusCode)}
	}
	return nil
}
