//go:build e2e

package predecessor

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"failover-monitor/internal/e2e/rig"
	"failover-monitor/internal/fakesite"
)

// How the documents call the differences.
const (
	letter  = "HTTP/1.1 to the letter"
	tooMuch = "`Transfer-Encoding: chunked` twice; more than 4 KiB behind a chunk's length; " +
		"more than 256 KiB of headers"
	slowHops  = "Redirects, each of which takes a while"
	cutOff    = "breaks off in its headers or its body"
	notGzip   = "A body that is not gzip"
	deadline  = "one deadline over everything"
	tenTimes  = "More than ten redirects"
	earlyHint = "`103 Early Hints`"
	elsewhere = "The extra header after a redirect to another host or port"
	notASCII  = "A header value that is not ASCII"
)

func says(t *testing.T, answer string) string {
	return "http://" + rig.Site(t, fakesite.Respond(answer)).Address()
}

func web(t *testing.T, handler http.HandlerFunc) string {
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s.URL
}

// zipped is an answer with a compressed body, or a part of it, and something behind that.
func zipped(part float64, behind string) string {
	var body bytes.Buffer
	zip := gzip.NewWriter(&body)
	io.WriteString(zip, "ok")
	zip.Close()
	text := body.String()[:int(part*float64(body.Len()))] + behind
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s",
		len(text), text)
}

// httpSites are odd in what they answer.
func httpSites(t *testing.T) (sites []site) {
	const ok = "HTTP/1.1 200 OK\r\n"
	add := func(name, answer string, more ...func(*site)) {
		s := site{name: name, url: says(t, answer)}
		for _, change := range more {
			change(&s)
		}
		sites = append(sites, s)
	}
	differs := func(how string, up bool) func(*site) {
		return func(s *site) { s.differs, s.up = how, up }
	}
	accepts := func(regex string) func(*site) { return func(s *site) { s.regex = regex } }

	add("200", ok+"Content-Length: 2\r\n\r\nok")
	add("204", "HTTP/1.1 204 No Content\r\n\r\n")
	add("204 with a body", "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok")
	add("404", "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
	add("503", "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
	add("401 is well", "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
		accepts("^(2..|401)$"))
	add("2 is a prefix", "HTTP/1.1 204 No Content\r\n\r\n", accepts("2"))
	add("status 999", "HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n", accepts("^(2..|999)$"))
	add("HTTP/1.0", "HTTP/1.0 200 OK\r\n\r\nok")
	add("no reason phrase", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n")
	add("line ends without carriage returns", "HTTP/1.1 200 OK\nContent-Length: 2\n\nok")
	add("a folded header", ok+"X-A: b\r\n c\r\nContent-Length: 0\r\n\r\n")
	add("a header with umlauts", ok+"X-A: \xe4\xf6\r\nContent-Length: 0\r\n\r\n")
	add("an empty header", ok+"X-A:\r\nContent-Length: 0\r\n\r\n")
	add("a header without a colon", ok+"no colon\r\nContent-Length: 0\r\n\r\n", differs(letter, false))
	add("a blank before a colon", ok+"X-A : b\r\nContent-Length: 0\r\n\r\n")
	add("a blank in a header's name", ok+"X A: b\r\nContent-Length: 0\r\n\r\n")
	add("a control character in a header", ok+"X-A: b\x01c\r\nContent-Length: 0\r\n\r\n",
		differs(letter, false))
	add("two equal lengths", ok+"Content-Length: 2\r\nContent-Length: 2\r\n\r\nok")
	add("two lengths", ok+"Content-Length: 1\r\nContent-Length: 2\r\n\r\nok")
	add("a length that is no number", ok+"Content-Length: many\r\n\r\nok", differs(letter, false))
	add("Transfer-Encoding: identity", ok+"Transfer-Encoding: identity\r\nContent-Length: 2\r\n\r\nok",
		differs(letter, false))
	add("Transfer-Encoding: gzip, chunked",
		ok+"Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", differs(letter, false))
	add("chunked twice",
		ok+"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
		differs(tooMuch, false))
	add("5 KiB behind a chunk's length",
		ok+"Transfer-Encoding: chunked\r\n\r\n2;x="+strings.Repeat("y", 5<<10)+"\r\nok\r\n0\r\n\r\n",
		differs(tooMuch, false))
	add("300 KiB of headers", ok+strings.Repeat("X-A: "+strings.Repeat("b", 60<<10)+"\r\n",
		5)+"Content-Length: 0\r\n\r\n", differs(tooMuch, false))
	add("chunks", ok+"Transfer-Encoding: Chunked\r\n\r\n2;x=y\r\nok\r\n0\r\nX: y\r\n\r\n")
	add("a bad chunk", ok+"Transfer-Encoding: chunked\r\n\r\nzz\r\n")
	add("no last chunk", ok+"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n")
	add("a body that is too short", ok+"Content-Length: 100\r\n\r\nok", differs(cutOff, false))
	add("a body that is too long", ok+"Content-Length: 1\r\n\r\nok")
	add("gzip", zipped(1, ""))
	add("gzip with something behind it", zipped(1, "\r\n"))
	add("no gzip, whatever the header says",
		ok+"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\nok", differs(notGzip, true))
	add("half of gzip", zipped(0.5, ""))
	add("brotli, which nobody knows", ok+"Content-Encoding: br\r\nContent-Length: 2\r\n\r\nok")
	add("103 before 200",
		"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"+ok+"Content-Length: 0\r\n\r\n",
		differs(earlyHint, true))
	add("100 before 200", "HTTP/1.1 100 Continue\r\n\r\n"+ok+"Content-Length: 0\r\n\r\n")
	add("101", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")
	add("HTTP/0.9", "ok\n")
	add("HTTP/2 as text", "HTTP/2.0 200 OK\r\n\r\n")
	add("ICY", "ICY 200 OK\r\n\r\n")
	add("nothing", "")
	add("half of the headers", ok+"X-A: b\r\n", differs(cutOff, false))
	add("SSH", "SSH-2.0-OpenSSH_9.2\r\n")

	raw := func(name string, behave fakesite.Behaviour, more ...func(*site)) {
		add(name, "",
			append(more, func(s *site) { s.url = "http://" + rig.Site(t, behave).Address() })...)
	}
	raw("answers before it reads",
		func(conn net.Conn) { io.WriteString(conn, "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nok\n") })
	raw("hangs", fakesite.Hang)
	raw("resets", rig.Reset)
	raw("a byte of header at a time, without end",
		rig.Drip("HTTP/1.1 200 OK\r\nX-Slow: ", "x", timeout*time.Second/4))
	raw("a byte of header at a time", dripThatEnds, differs(deadline, false))
	add("refuses", "", func(s *site) {
		closed := rig.Site(t, fakesite.Hang)
		closed.Refuse()
		s.url = "http://" + closed.Address()
	})
	add("no such name", "", func(s *site) { s.url = "http://no..such.host/" })
	return sites
}

// dripThatEnds sends its headers for longer than the timeout, a byte at a time, and then the rest.
func dripThatEnds(conn net.Conn) {
	fakesite.Respond("HTTP/1.1 200 OK\r\nX-Slow: ")(conn)
	for range 8 {
		time.Sleep(timeout * time.Second / 4)
		io.WriteString(conn, "x")
	}
	io.WriteString(conn, "\r\nContent-Length: 0\r\n\r\n")
}

// redirectingSites redirect the probe.
func redirectingSites(t *testing.T) []site {
	well := web(t, func(http.ResponseWriter, *http.Request) {})
	to := func(location string) string {
		return says(t, "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: "+location+"\r\n\r\n")
	}
	hops := func(n int) string {
		return web(t, func(w http.ResponseWriter, r *http.Request) {
			if len(r.URL.Path) <= n {
				http.Redirect(w, r, r.URL.Path+"x", http.StatusMovedPermanently)
			}
		}) + "/"
	}
	cookie := func(line, back string) string {
		return web(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Cookie") != back {
				w.Header()["Set-Cookie"] = []string{line}
				http.Redirect(w, r, "/again", http.StatusFound)
			}
		})
	}
	path := func(want, location string) string {
		return web(t, func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/":
				w.Header()["Location"] = []string{location}
				w.WriteHeader(http.StatusFound)
			case want:
			default:
				w.WriteHeader(http.StatusNotFound)
			}
		})
	}
	slow := web(t, func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(timeout * time.Second * 3 / 5)
		if r.URL.Path == "/" {
			http.Redirect(w, r, "/end", http.StatusFound)
		}
	}) + "/"
	return []site{
		{name: "redirects", url: to(well)},
		{name: "redirects, HEAD", url: to(well), method: "HEAD"},
		{name: "redirects, HEAD, and that is well", url: to(well), method: "HEAD", regex: "^302$"},
		{name: "redirects without a location",
			url: says(t, "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n")},
		{name: "redirects to an empty location", url: to("")},
		{name: "redirects by mail", url: to("mailto:ops@example.com")},
		{name: "redirects to a broken URL", url: to("http://[::1")},
		{name: "redirects in a circle", url: to("/")},
		{name: "redirects that take a while", url: slow, differs: slowHops},
		{name: "10 redirects", url: hops(10)},
		{name: "20 redirects", url: hops(20), differs: tenTimes},
		{name: "40 redirects", url: hops(40)},
		{name: "redirects without a scheme", url: to(strings.TrimPrefix(well, "http:"))},
		{name: "redirects in capitals", url: to(strings.Replace(well, "http", "HTTP", 1))},
		{name: "redirects to a blank", url: path("/a b", "/a b")},
		{name: "redirects to a percent sign", url: path("/100%/x", "/100%/x")},
		{name: "redirects to umlauts", url: path("/ä", "/ä")},
		{name: "redirects to a fragment", url: path("/x", "/x#y")},
		{name: "a plain cookie", url: cookie("a=1; Path=/", "a=1")},
		{name: "a cookie of JSON", url: cookie(`prefs={"lang":"de","v":2}; Path=/`,
			`prefs={"lang":"de","v":2}`)},
		{name: "a cookie in quotes", url: cookie(`id="a b"; Path=/`, `id="a b"`)},
		{name: "a cookie with brackets in its name", url: cookie("s[id]=1; Path=/", "s[id]=1")},
		{name: "a cookie with equals signs", url: cookie("t=a,b=c==; Path=/", "t=a,b=c==")},
		{name: "a cookie for another path", url: cookie("a=1; Path=/other", "")},
	}
}

// requestSites check the request.
func requestSites(t *testing.T) []site {
	when := func(like func(*http.Request) bool) string {
		return web(t, func(w http.ResponseWriter, r *http.Request) {
			if !like(r) {
				w.WriteHeader(http.StatusForbidden)
			}
		})
	}
	login := func(user, password string) func(*http.Request) bool {
		return func(r *http.Request) bool {
			u, p, _ := r.BasicAuth()
			return u == user && p == password
		}
	}
	with := func(url, userinfo string) string {
		return strings.Replace(url, "://", "://"+userinfo+"@", 1)
	}
	other := func(s string) string { return strings.Replace(s, "127.0.0.1", "localhost", 1) }
	keeps := when(func(r *http.Request) bool { return r.Header.Get("X-Token") == "t" })
	return []site{
		{name: "wants Accept",
			url: when(func(r *http.Request) bool { return r.Header.Get("Accept") == "*/*" })},
		{name: "wants a user agent",
			url: when(func(r *http.Request) bool { return r.UserAgent() != "" })},
		{name: "wants a password", url: with(when(login("user", "pw")), "user:pw")},
		{name: "wants a password with a percent sign", url: with(when(login("u", "50%off")), "u:50%off")},
		{name: "wants an escaped password", url: with(when(login("u", "a/b@c")), "u:a%2Fb%40c")},
		{name: "wants a token",
			url:     when(func(r *http.Request) bool { return r.Header.Get("X-Token") == "t" }),
			headers: map[string]string{"X-Token": "t"}},
		{name: "a token, and a redirect to another host",
			url: web(t, func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, other(keeps), http.StatusFound)
			}),
			headers: map[string]string{"X-Token": "t"}, differs: elsewhere},
		{name: "wants UTF-8 in a header",
			url:     when(func(r *http.Request) bool { return r.Header.Get("X-Token") == "\xc3\xa4" }),
			headers: map[string]string{"X-Token": "ä"}, differs: notASCII, up: true},
		{name: "wants Latin-1 in a header",
			url:     when(func(r *http.Request) bool { return r.Header.Get("X-Token") == "\xe4" }),
			headers: map[string]string{"X-Token": "ä"}, differs: notASCII},
		{name: "a percent sign in the path",
			url: when(func(r *http.Request) bool { return r.URL.Path == "/100%/healthz" }) +
				"/100%/healthz"},
		{name: "dots in the path",
			url: when(func(r *http.Request) bool { return r.RequestURI == "/healthz" }) + "/a/../healthz"},
		{name: "a query",
			url: when(func(r *http.Request) bool { return r.URL.Query().Get("full") == "yes no" }) +
				"/?full=yes no"},
		{name: "HEAD", url: when(func(r *http.Request) bool { return r.Method == "HEAD" }),
			method: "HEAD"},
		{name: "the port in the host",
			url: when(func(r *http.Request) bool { return strings.HasPrefix(r.Host, "localhost:") })},
	}
}
