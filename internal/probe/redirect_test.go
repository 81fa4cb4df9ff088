package probe_test

import (
	"net/http"
	"strings"
	"testing"

	"failover-monitor/internal/fakesite"
	"failover-monitor/internal/probe"
)

// seen is what a site sees of a request.
type seen struct{ Host, Authorization, Token, Referer, UserAgent string }

// recorder is a site that records a request before it answers.
func recorder(t *testing.T, into *seen, answer http.HandlerFunc) string {
	return handler(t, func(w http.ResponseWriter, r *http.Request) {
		*into = seen{r.Host, r.Header.Get("Authorization"), r.Header.Get("X-Token"),
			r.Header.Get("Referer"), r.UserAgent()}
		answer(w, r)
	})
}

// TestCredentialsStayAtTheOrigin: a redirect to another origin gets no credentials.
func TestCredentialsStayAtTheOrigin(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		key, val, userinfo string
		origin, other      seen // Host and UserAgent are left out where they are as usual
	}{
		"authorization": {key: "Authorization", val: "Bearer x", origin: seen{Authorization: "Bearer x"}},
		"referer":       {key: "Referer", val: "https://x", origin: seen{Referer: "https://x"}},
		"custom header": {key: "X-Token", val: "x", origin: seen{Token: "x"}},
		"user info":     {userinfo: "user:pw@", origin: seen{Authorization: "Basic dXNlcjpwdw=="}},
		"both": {key: "X-Token", val: "x", userinfo: "user:pw@",
			origin: seen{Token: "x", Authorization: "Basic dXNlcjpwdw=="}},
		"user info wins": {key: "Authorization", val: "Bearer x", userinfo: "user:pw@",
			origin: seen{Authorization: "Basic dXNlcjpwdw=="}},
		"host":       {key: "Host", val: "app.example.com", origin: seen{Host: "app.example.com"}},
		"user agent": {key: "User-Agent", val: "secret", origin: seen{UserAgent: "secret"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var origin, other seen
			otherURL := recorder(t, &other, func(http.ResponseWriter, *http.Request) {})
			originURL := ""
			mux := http.NewServeMux()
			mux.HandleFunc("/there", func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, otherURL, http.StatusFound)
			})
			mux.HandleFunc("/protocol-relative", func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, strings.TrimPrefix(otherURL, "http:"), http.StatusFound)
			})
			mux.HandleFunc("/relative", func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "end", http.StatusFound)
			})
			mux.HandleFunc("/absolute", func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, originURL+"/end", http.StatusFound)
			})
			mux.HandleFunc("/end", func(http.ResponseWriter, *http.Request) {})
			originURL = recorder(t, &origin, mux.ServeHTTP)

			wantOrigin, wantOther := c.origin, c.other
			for _, w := range []struct {
				want *seen
				url  string
			}{{&wantOrigin, originURL}, {&wantOther, otherURL}} {
				if w.want.Host == "" {
					w.want.Host = strings.TrimPrefix(w.url, "http://")
				}
				if w.want.UserAgent == "" {
					w.want.UserAgent = "failover-monitor/test"
				}
			}
			for _, path := range []string{"/there", "/protocol-relative", "/relative", "/absolute"} {
				target := target(t, strings.Replace(originURL, "://", "://"+c.userinfo, 1)+path+"?token=secret")
				target.HeaderKey, target.HeaderVal = c.key, text(c.val)
				if got := run(t, target); !got.Up {
					t.Errorf("%s: %s %s", path, got.Reason, got.Detail)
				}
				if origin != wantOrigin {
					t.Errorf("%s: origin got %+v, want %+v", path, origin, wantOrigin)
				}
			}
			if other != wantOther {
				t.Errorf("other got %+v, want %+v", other, wantOther)
			}
		})
	}
}

func TestRedirects(t *testing.T) {
	t.Parallel()
	hops := func(n int) string { // a chain of n redirects on one site
		return handler(t, func(w http.ResponseWriter, r *http.Request) {
			if len(r.URL.Path) <= n {
				http.Redirect(w, r, r.URL.Path+"x", http.StatusMovedPermanently)
			}
		}) + "/"
	}
	elsewhere := handler(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, strings.Replace(hops(0), "127.0.0.1", "localhost", 1), http.StatusFound)
	})
	localhost := strings.Replace(handler(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			http.Redirect(w, r, "http://localhost:"+r.Host[strings.LastIndexByte(r.Host, ':')+1:]+"/end",
				http.StatusFound)
		}
	}), "127.0.0.1", "localhost", 1) + "/"
	otherPort := handler(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, hops(0), http.StatusFound)
	})
	downThere := handler(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://"+site(t, fakesite.Answer(503))+"/deep?secret", http.StatusFound)
	})
	for name, c := range map[string]struct {
		url, method string
		follow      probe.Redirects
		reason      probe.Reason
		detail      string
		status      int
	}{
		"GET follows":     {url: hops(1), method: "GET", status: 200},
		"GET follows ten": {url: hops(10), method: "GET", status: 200},
		"and no more": {url: hops(11), method: "GET", reason: probe.ReasonRedirect,
			detail: "more than 10 redirects"},
		"HEAD does not": {url: hops(1), method: "HEAD", reason: probe.ReasonStatus,
			detail: "status 301", status: 301},
		"HEAD, always": {url: hops(1), method: "HEAD", follow: probe.Always, status: 200},
		"OPTIONS does not": {url: hops(1), method: "OPTIONS", reason: probe.ReasonStatus,
			detail: "status 301", status: 301},
		"POST does not": {url: hops(1), method: "POST", reason: probe.ReasonStatus,
			detail: "status 301", status: 301},
		"GET, never": {url: hops(1), method: "GET", follow: probe.Never,
			reason: probe.ReasonStatus, detail: "status 301", status: 301},
		"same-host, same": {url: hops(2), method: "GET", follow: probe.SameHost, status: 200},
		"same-host, other": {url: elsewhere, method: "GET", follow: probe.SameHost,
			reason: probe.ReasonRedirect, detail: "redirects to another host"},
		"same-host, upper case": {url: strings.Replace(localhost, "localhost", "LOCALHOST", 1),
			method: "GET", follow: probe.SameHost, status: 200},
		"same-host, other port": {url: otherPort, method: "GET", follow: probe.SameHost, status: 200},
		"always, other":         {url: elsewhere, method: "GET", follow: probe.Always, status: 200},
		"where it ends is named": {url: downThere, method: "GET", reason: probe.ReasonStatus,
			detail: "status 503 from 127.0.0.1:", status: 503},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target := target(t, c.url)
			target.Method, target.FollowRedirects = c.method, c.follow
			got := run(t, target)
			if got.Reason != c.reason || !strings.HasPrefix(got.Detail, c.detail) ||
				got.Status != c.status || strings.Contains(got.Detail, "secret") ||
				strings.Contains(got.Detail, "after a redirect") != (name == "where it ends is named") {
				t.Errorf("got %q %q %d, want %q %q %d", got.Reason, got.Detail, got.Status, c.reason, c.detail,
					c.status)
			}
		})
	}
}

// TestRedirectCookieIsSentBack has a site ask for a cookie it has just set, as login pages do.
func TestRedirectCookieIsSentBack(t *testing.T) {
	t.Parallel()
	prober := probe.New(target(t, handler(t, func(w http.ResponseWriter, r *http.Request) {
		if cookies := r.Cookies(); len(cookies) == 0 {
			http.SetCookie(w, &http.Cookie{Name: "seen", Value: "1"})
			http.Redirect(w, r, "/", http.StatusFound)
		} else if r.URL.Path == "/first" {
			t.Error("a cookie of an earlier probe")
		}
	})+"/first"))
	for range 2 {
		if got, err := prober.Probe(t.Context()); err != nil || !got.Up {
			t.Errorf("got %+v, %v; want up", got, err)
		}
	}
}
