package probe

import "time"

// Reason is why a site is down. It is empty for one that is up.
type Reason string

// The reasons. A failed probe has exactly one of them.
const (
	ReasonDNS         Reason = "dns"            // the name cannot be resolved
	ReasonRefused     Reason = "refused"        // nothing listens there
	ReasonUnreachable Reason = "unreachable"    // no route, or refused by a firewall or proxy
	ReasonReset       Reason = "reset"          // the connection was torn down before an answer
	ReasonTimeout     Reason = "timeout"        // not done by the deadline, at whatever step
	ReasonTLSExpired  Reason = "tls_expired"    // a certificate is not valid today
	ReasonTLSUnknown  Reason = "tls_unknown_ca" // no trusted authority has signed the certificate
	ReasonTLSName     Reason = "tls_name"       // the certificate is for another name
	ReasonTLS         Reason = "tls"            // any other failure of the TLS handshake
	ReasonRedirect    Reason = "redirect"       // too many redirects, or one that may not be followed
	ReasonStatus      Reason = "status"         // the status is not an accepted one
	ReasonCredentials Reason = "credentials"    // 401 or 403 to a probe that carried credentials
	ReasonBody        Reason = "body"           // the body does not match
	ReasonProtocol    Reason = "protocol"       // the answer is not, or not wholly, HTTP
)

// Result is what one probe found. The durations are zero for a step that did not happen; with
// redirects each is the sum over all requests.
type Result struct {
	Up           bool
	Reason       Reason // empty when up
	Detail       string // the reason in words, without secrets; empty when up
	Status       int    // HTTP status, 0 without an answer
	Address      string // ip:port of the last connection; a proxy's where one is used
	RedirectedTo string // scheme://host:port of the last redirect; empty if there was none
	Began        time.Time
	Duration     time.Duration // of the whole probe

	DNS       time.Duration // name lookup
	Connect   time.Duration // TCP, and the tunnel through a proxy
	TLS       time.Duration // handshake
	FirstByte time.Duration // from the request sent to the first byte of the answer

	CertNotAfter time.Time // when the site's own certificate expires, valid or not; zero without TLS
}
