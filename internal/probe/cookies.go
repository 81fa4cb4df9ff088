package probe

import (
	"encoding/hex"
	"net/http"
	"net/http/cookiejar"
	"strconv"
	"strings"
)

// cookies are those of one probe: a redirect that sets a cookie and requires it works, as in a
// browser. [cookiejar.Jar] decides which cookie is sent where, but would change or drop names and
// values that do not follow RFC 6265 to the letter, such as JSON. So the jar holds stand-ins, and
// the pairs are kept here.
type cookies struct {
	jar   *cookiejar.Jar
	pairs []string // name=value as they came; a stand-in's value is its place here
}

// store keeps the cookies that an answer sets.
func (c *cookies) store(answer *http.Response) {
	if c.jar == nil {
		c.jar, _ = cookiejar.New(nil)
	}
	for _, line := range answer.Header["Set-Cookie"] {
		pair, attributes, _ := strings.Cut(line, ";")
		name, value, valued := strings.Cut(pair, "=")
		pair = strings.TrimSpace(name)
		if name = pair; valued {
			pair += "=" + strings.TrimSpace(value)
		}
		standIn, err := http.ParseSetCookie("c" + hex.EncodeToString([]byte(name)) + "=" +
			strconv.Itoa(len(c.pairs)) + ";" + attributes)
		if err == nil && pair != "" {
			c.pairs = append(c.pairs, pair)
			c.jar.SetCookies(answer.Request.URL, []*http.Cookie{standIn})
		}
	}
}

// add gives a request the cookies that are for it, beside one that it has already.
func (c *cookies) add(req *http.Request) {
	if c.jar == nil {
		return
	}
	sent := req.Header["Cookie"]
	for _, standIn := range c.jar.Cookies(req.URL) {
		if place, err := strconv.Atoi(standIn.Value); err == nil {
			sent = append(sent[:len(sent):len(sent)], c.pairs[place])
		}
	}
	if len(sent) > 0 {
		req.Header["Cookie"] = []string{strings.Join(sent, "; ")}
	}
}
