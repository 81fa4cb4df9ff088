package probe

import (
	"fmt"
	"net/http"
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

// checkRedirect decides whether a redirect is followed, as http.Client.CheckRedirect does.
func (p *Prober) checkRedirect(next *http.Request, via []*http.Request) error {
	policy := p.target.FollowRedirects
	switch {
	case policy == Never, policy == "" && p.target.Method != http.MethodGet:
		return http.ErrUseLastResponse
	case next.URL.Host == "", next.URL.Scheme != "http" && next.URL.Scheme != "https":
		return failure{ReasonRedirect, "redirects to what is no http or https URL"}
	case policy == SameHost && !strings.EqualFold(next.URL.Hostname(), p.base.Hostname()):
		return failure{ReasonRedirect, "redirects to another host"}
	case len(via) > maxRedirects:
		return failure{ReasonRedirect, fmt.Sprintf("more than %d redirects", maxRedirects)}
	}
	return nil
}
