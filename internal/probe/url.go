package probe

import (
	"fmt"
	"net"
	"net/url"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
)

var defaultPorts = map[string]string{
	"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080",
}

// port is the port of a URL, also where it is the default of the scheme.
func port(u *url.URL) string {
	if port := strings.TrimLeft(u.Port(), "0"); port != "" {
		return port
	}
	return defaultPorts[u.Scheme]
}

// host is the host of a URL as certificates and virtual hosts know it: in lower case, ASCII, and
// without the trailing dot that only name servers want.
func host(u *url.URL) string {
	name, zone, _ := strings.Cut(u.Hostname(), "%")
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	if zone != "" { // of a link-local IPv6 address: an interface, whose name has its own case
		return name + "%" + zone
	}
	if strings.ContainsFunc(name, func(r rune) bool { return r > unicode.MaxASCII }) {
		if ascii, err := idna.Lookup.ToASCII(name); err == nil {
			return ascii
		}
	}
	return name
}

// address is the host of a URL as it is looked up, and its port.
func address(u *url.URL) (name, number string) {
	name = host(u)
	if strings.HasSuffix(u.Hostname(), ".") {
		name += "."
	}
	return name, port(u)
}

// hostHeader is what stands in the Host header for a URL. It leaves out the default port, since
// some servers compare the whole header with a virtual host's name.
func hostHeader(u *url.URL) string {
	switch name := host(u); {
	case port(u) != defaultPorts[u.Scheme]:
		return net.JoinHostPort(name, port(u))
	case strings.Contains(name, ":"):
		return "[" + name + "]"
	default:
		return name
	}
}

// sameOrigin is whether credentials for the one may go to the other: the same scheme, host and
// port, or the upgrade of a host from http at its default port to https at its default port.
func sameOrigin(to, from *url.URL) bool {
	if host(to) != host(from) {
		return false
	}
	upgraded := from.Scheme == "http" && port(from) == "80" && to.Scheme == "https" &&
		port(to) == "443"
	return upgraded || to.Scheme == from.Scheme && port(to) == port(from)
}

// sameServer is whether two URLs lead to one server: the same host and port, where the default
// ports of http and https count as one.
func sameServer(a, b *url.URL) bool {
	web := func(u *url.URL) string {
		if p := port(u); p != "443" {
			return p
		}
		return "80"
	}
	return host(a) == host(b) && web(a) == web(b)
}

// escapeQuery escapes in a query what may not stand in one (RFC 3986, section 3.4): net/http sends
// it as it is.
func escapeQuery(query string) string {
	var text strings.Builder
	for _, c := range []byte(query) {
		if c <= ' ' || c > '~' || strings.IndexByte("\"<>\\^`{|}", c) >= 0 {
			fmt.Fprintf(&text, "%%%02X", c)
		} else {
			text.WriteByte(c)
		}
	}
	return text.String()
}
