package probe

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
)

// credentials are the headers that only the target itself may see.
func (p *Prober) credentials() (http.Header, error) {
	headers := make(http.Header)
	if p.target.HeaderKey != "" {
		value, err := p.target.HeaderVal()
		if err != nil {
			return nil, err
		}
		headers.Set(p.target.HeaderKey, value)
	}
	// it replaces a header Authorization, as it did with requests
	if user := p.target.URL.User; user != nil {
		password, _ := user.Password()
		(&http.Request{Header: headers}).SetBasicAuth(user.Username(), password)
	}
	return headers, nil
}

// isCredential is whether a header proves the monitor's identity; the others only describe a
// request.
func isCredential(key string) bool {
	return !slices.Contains([]string{"Host", "User-Agent", "Accept"}, key)
}

// authorize gives a request, the first or a redirected one, its headers. The client has copied the
// first one's to a redirected one: what the target alone may see is taken off again elsewhere.
func (c *client) authorize(req *http.Request) {
	own := sameOrigin(req.URL, c.base)
	req.Header.Del("Referer") // the client's own would carry the health URL's query along
	req.Header.Del("Cookie")
	for key, values := range c.headers {
		req.Header.Del(key)
		if own {
			req.Header[key] = values
		}
	}
	req.Host = hostHeader(req.URL)
	if own && c.headers.Get("Host") != "" { // net/http takes it from there alone
		req.Host = c.headers.Get("Host")
	}
	for key, value := range map[string]string{"User-Agent": c.target.UserAgent, "Accept": "*/*"} {
		if req.Header.Get(key) == "" {
			req.Header.Set(key, value)
		}
	}
	if c.target.ExpectBody != nil && req.Header.Get("Accept-Encoding") == "" {
		req.Header.Set("Accept-Encoding", "gzip")
	}
	c.cookies.add(req)
}

// carried is whether the request to the health URL had credentials with it, which the site can
// refuse.
func (c *client) carried() bool {
	return c.trace.showedCert || slices.ContainsFunc(slices.Collect(maps.Keys(c.headers)),
		isCredential)
}

func refuses(status int) bool {
	return status == http.StatusUnauthorized || status == http.StatusForbidden
}

// statusFailure is an answer whose status is not accepted.
func (c *client) statusFailure(resp *http.Response) error {
	t := &c.trace
	own := sameOrigin(resp.Request.URL, c.base)
	detail := fmt.Sprintf("status %d", resp.StatusCode)
	if via := t.via(); via != "" {
		detail += " from " + t.address + via
	}
	refused := refuses(resp.StatusCode)
	switch {
	case refused && own && c.carried():
		return failure{ReasonCredentials, detail + ": the site refuses the monitor's credentials"}
	case refused && c.carried():
		detail += ", where the credentials were left out: they stay at the health URL's host and port"
	case resp.StatusCode == http.StatusProxyAuthRequired && t.proxy != "":
		detail += ": the proxy asks for a user and password"
	}
	return failure{ReasonStatus, detail}
}
