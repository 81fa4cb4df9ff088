package probe

import (
	"fmt"
	"net/http"
	"net/url"
)

// maxRedirects is also the limit of Go's own client.
const maxRedirects = 10

// Redirects says which redirects a probe follows. Without one of these, GET follows up to ten and
// the other methods none, as the predecessor did.
type Redirects string

// A redirect that is not followed is an answer like any other: its status counts. One that SameHost
// forbids is a failure.
const (
	Always   Redirects = "always"
	SameHost Redirects = "same-host"
	Never    Redirects = "never"
)

// followRedirect is [http.Client]'s CheckRedirect: it decides whether a redirect is followed, and
// makes its request ready.
func (c *client) followRedirect(next *http.Request, via []*http.Request) error {
	policy := c.target.FollowRedirects
	switch {
	case policy == Never, policy == "" && c.target.Method != http.MethodGet:
		return http.ErrUseLastResponse
	case next.URL.Host == "", next.URL.Scheme != "http" && next.URL.Scheme != "https":
		return failure{ReasonRedirect, "redirects to what is no http or https URL"}
	case policy == SameHost && host(next.URL) != host(c.base):
		return failure{ReasonRedirect, "redirects to another host"}
	case len(via) > maxRedirects:
		return failure{ReasonRedirect, fmt.Sprintf("more than %d redirects", maxRedirects)}
	}
	if other := c.target.otherSite(next.URL); other != "" && !sameServer(next.URL, c.base) {
		return failure{ReasonRedirect, fmt.Sprintf("redirects to %s, which cannot answer for it", other)}
	}
	next.Response.Body.Close() // it is not read, and may hang
	next.Response.Body = http.NoBody
	c.trace.redirect(next.URL)
	c.cookies.store(next.Response)
	next.URL.RawQuery = escapeQuery(next.URL.RawQuery)
	c.authorize(next)
	return nil
}

// otherSite is the other site whose server a URL leads to; empty if that is a server of this site,
// or of none.
func (t Target) otherSite(u *url.URL) (other string) {
	for _, s := range t.Sites {
		switch {
		case !sameServer(u, s.URL):
		case s.Name == t.Site:
			return ""
		default:
			other = s.ID
		}
	}
	return other
}
