package config

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// The types of this file hold secrets, and show none.

// Secret is a value that is never shown. Only Reveal gives it back.
type Secret string

const mask = "***"

// UnmarshalText refuses control characters, which no header can carry.
func (s *Secret) UnmarshalText(text []byte) error {
	if bytes.ContainsFunc(text, unicode.IsControl) {
		return errors.New("value not shown: has a control character in it, want one line of text")
	}
	*s = Secret(text)
	return nil
}

// String hides the value, and only shows whether there is one.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return mask
}

// GoString hides the value from %#v.
func (s Secret) GoString() string { return s.String() }

// MarshalText hides the value from encoders, where a Stringer inside a struct is not asked.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Reveal is the value itself.
func (s Secret) Reveal() string { return string(s) }

// URL is a health URL. Its user, password and query are secrets.
type URL struct{ secret *url.URL }

// UnmarshalText reads an absolute http or https URL. Its error quotes the value only where that
// holds no secret.
func (u *URL) UnmarshalText(text []byte) error {
	parsed, err := parseURL(string(text))
	if err != nil || !probeable(parsed) {
		return fmt.Errorf("%s: want a URL such as https://site.example.com/healthz%s",
			quoteURL(string(text)), inPasswords(string(text)))
	}
	parsed.Fragment, parsed.RawFragment = "", ""
	u.secret = new(url.URL).ResolveReference(parsed) // without /../
	return nil
}

var (
	percent     = regexp.MustCompile("%([0-9A-Fa-f]{2})?")
	userinfo    = regexp.MustCompile("^[A-Za-z0-9+.-]+://[^/?#]*@")
	notUserinfo = regexp.MustCompile("[^A-Za-z0-9._~!$&'()*+,;=:@/%-]") // RFC 3986, section 3.2.1
)

// parseURL reads a URL as most clients do: a percent sign that begins no escape stands for itself,
// and so does whatever [url.Parse] would refuse in a user or password.
func parseURL(text string) (*url.URL, error) {
	text = userinfo.ReplaceAllStringFunc(text, func(start string) string {
		return notUserinfo.ReplaceAllStringFunc(start, url.PathEscape)
	})
	return url.Parse(percent.ReplaceAllStringFunc(text, func(match string) string {
		if match == "%" {
			return "%25"
		}
		return match
	}))
}

// inPasswords says how to write what would end a user or password, if the URL may have one.
func inPasswords(text string) string {
	if strings.Contains(text, "@") {
		return "; in a user or password write %2F for /, %3F for ?, %23 for # and %40 for @"
	}
	return ""
}

// quoteURL quotes what should have been a URL, unless there may be a secret in it.
func quoteURL(text string) string {
	if strings.ContainsAny(text, "@?") {
		return "value not shown, it may hold a password"
	}
	return strconv.Quote(text)
}

func probeable(u *url.URL) bool { return (u.Scheme == "http" || u.Scheme == "https") && hasHost(u) }

// connectable is whether a witness that only has to accept a connection says where, and nothing
// else.
func connectable(u *url.URL) bool {
	return u.Scheme == "tcp" && hasHost(u) && u.Port() != "" && (u.Path == "" || u.Path == "/") &&
		*u == url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
}

// hasHost is whether a URL has a host that there can be, and a port, if any, that one can connect
// to.
func hasHost(u *url.URL) bool {
	if u.Port() != "" {
		if n, err := strconv.ParseUint(u.Port(), 10, 16); err != nil || n == 0 {
			return false
		}
	}
	twice := strings.HasSuffix(u.Host, ":") && strings.HasPrefix(u.Path, "//") // https://https://…
	return u.Hostname() != "" && !twice && !strings.ContainsAny(u.Host, " <>\"$*,;")
}

// String is the URL with *** in place of its secrets.
func (u URL) String() string {
	if u.secret == nil {
		return ""
	}
	shown := &url.URL{
		Scheme: u.secret.Scheme, Host: u.secret.Host, Path: u.secret.Path, RawPath: u.secret.RawPath,
	}
	text := shown.String()
	if u.secret.User != nil {
		text = strings.Replace(text, "://", "://"+mask+"@", 1)
	}
	if u.secret.RawQuery != "" {
		text += "?" + mask
	}
	return text
}

// GoString hides the secrets from %#v.
func (u URL) GoString() string { return u.String() }

// MarshalText hides the secrets from encoders.
func (u URL) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// Reveal is the URL itself, nil if there is none.
func (u URL) Reveal() *url.URL { return u.secret }

// Proxy is the URL of a proxy. Its user and password are secrets.
type Proxy struct{ url string }

// UnmarshalText reads a URL, or host:port for one that begins with http://.
func (p *Proxy) UnmarshalText(text []byte) error {
	value := string(text)
	if !strings.Contains(value, "/") {
		value = "http://" + value
	}
	parsed, err := parseURL(value)
	if err != nil || !hasHost(parsed) ||
		!slices.Contains([]string{"http", "https", "socks5", "socks5h"}, parsed.Scheme) {
		return fmt.Errorf("%s: want a URL such as http://proxy.example.com:3128%s",
			quoteURL(string(text)), inPasswords(string(text)))
	}
	p.url = parsed.String()
	return nil
}

// String is the URL with *** in place of its secrets.
func (p Proxy) String() string {
	parsed, err := url.Parse(p.url)
	if err != nil || p.url == "" {
		return ""
	}
	return URL{parsed}.String()
}

// GoString hides the secrets from %#v.
func (p Proxy) GoString() string { return p.String() }

// MarshalText hides the secrets from encoders.
func (p Proxy) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

func (p Proxy) reveal() string { return p.url }

// Witnesses are the addresses that show whether the monitor itself has a network.
type Witnesses []URL

// UnmarshalText reads http://, https:// and tcp://host:port URLs with commas between them.
func (w *Witnesses) UnmarshalText(text []byte) error {
	for item := range strings.SplitSeq(string(text), ",") {
		var one URL
		item = strings.TrimSpace(item)
		if parsed, err := url.Parse(item); err == nil && connectable(parsed) {
			one.secret = parsed
		} else if one.UnmarshalText([]byte(item)) != nil {
			if item == "" { // a comma too many
				item = string(text)
			}
			return fmt.Errorf("%s: want URLs such as https://www.example.com or tcp://10.0.0.53:53, "+
				"with commas between them", quoteURL(item))
		}
		*w = append(*w, one)
	}
	return nil
}

// String lists them without secrets.
func (w Witnesses) String() string {
	var shown []string
	for _, u := range w {
		shown = append(shown, u.String())
	}
	return strings.Join(shown, ",")
}
