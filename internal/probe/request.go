package probe

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// Redirects says which redirects a probe follows. Without one of these, GET follows up to ten and the
// other methods none, as the predecessor did.
type Redirects string

// A redirect that is not followed is an answer like any other: its status counts. One that SameHost
// forbids is a failure.
const (
	Always   Redirects = "always"
	SameHost Redirects = "same-host"
	Never    Redirects = "never"
)

// credentials are the headers that only the target itself may see.
func credentials(target Target) http.Header {
	headers := make(http.Header)
	if user := target.URL.User; user != nil {
		password, _ := user.Password()
		req := http.Request{Header: headers}
		req.SetBasicAuth(user.Username(), password)
	}
	if target.HeaderKey != "" {
		headers.Set(target.HeaderKey, target.HeaderVal)
	}
	return headers
}

// authorize gives a request, the first or a redirected one, its headers. The client has copied the
// first one's to a redirected one: what the target alone may see is taken off again elsewhere.
func (p *Prober) authorize(req *http.Request) {
	own := sameOrigin(req.URL, p.target.URL)
	req.Header.Del("Referer") // the client's own would carry the health URL's query along
	for key, values := range p.headers {
		req.Header.Del(key)
		if own {
			req.Header[key] = values
		}
	}
	req.Host = ""
	if own {
		req.Host = p.headers.Get("Host") // net/http takes it from there alone
	}
	if req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", p.target.UserAgent)
	}
}

// sameOrigin is whether credentials for the one may go to the other: the same host and port, and
// never from https to http.
func sameOrigin(to, from *url.URL) bool {
	return hostPort(to) == hostPort(from) && (to.Scheme == from.Scheme || to.Scheme == "https")
}

func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

// redirect decides on a redirect before it is followed, as http.Client.CheckRedirect.
func (p *Prober) redirect(next *http.Request, via []*http.Request) error {
	policy := p.target.FollowRedirects
	switch {
	case policy == Never, policy == "" && p.target.Method != http.MethodGet:
		return http.ErrUseLastResponse
	case next.URL.Host == "", next.URL.Scheme != "http" && next.URL.Scheme != "https":
		return failure{ReasonRedirect, "redirects to what is no http or https URL"}
	case policy == SameHost && !strings.EqualFold(next.URL.Hostname(), p.target.URL.Hostname()):
		return failure{ReasonRedirect, "redirects to another host"}
	case len(via) > maxRedirects:
		return failure{ReasonRedirect, fmt.Sprintf("more than %d redirects", maxRedirects)}
	}
	p.authorize(next)
	return nil
}

// checkProxy judges what a proxy says to CONNECT.
func checkProxy(_ context.Context, proxy *url.URL, _ *http.Request, resp *http.Response) error {
	if resp.StatusCode != http.StatusOK {
		return failure{ReasonUnreachable, fmt.Sprintf("the proxy %s answers %d to CONNECT", proxy.Host, resp.StatusCode)}
	}
	return nil
}
