package config

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// The types of this file read one value each. Their errors begin with the value in quotes, unless it
// is a secret, and say what to write instead. The loader puts the variable's name before that.

// Seconds is a length of time, written as a number of seconds: "5", "0.5".
type Seconds time.Duration

// UnmarshalText reads 0 or a number from 0.001 to 86400.
func (s *Seconds) UnmarshalText(text []byte) error {
	n, ok := parseSeconds(text)
	if !ok {
		return fmt.Errorf("%q: want seconds as a plain number, 0 or from 0.001 to 86400, such as 5 or 0.5", text)
	}
	*s = Seconds(n)
	return nil
}

// String gives the number as it would be written in an env file.
func (s Seconds) String() string {
	return strconv.FormatFloat(time.Duration(s).Seconds(), 'f', -1, 64)
}

// Timeout is a length of time over zero, written as [Seconds] are.
type Timeout time.Duration

// UnmarshalText reads a number from 0.001 to 86400.
func (t *Timeout) UnmarshalText(text []byte) error {
	n, ok := parseSeconds(text)
	if !ok || n == 0 {
		return fmt.Errorf("%q: want seconds as a plain number from 0.001 to 86400, such as 3 or 0.5", text)
	}
	*t = Timeout(n)
	return nil
}

// String gives the number as it would be written in an env file.
func (t Timeout) String() string { return Seconds(t).String() }

// parseSeconds refuses NaN, Inf, what would round to nothing, and more than a day: that was meant
// as milliseconds.
func parseSeconds(text []byte) (time.Duration, bool) {
	n, err := strconv.ParseFloat(string(text), 64)
	ok := err == nil && (n == 0 || n >= 0.001 && n <= 86400)
	return time.Duration(n * float64(time.Second)), ok
}

// Switch is a yes or a no.
type Switch bool

// UnmarshalText reads true/false, 1/0, yes/no and on/off in any case.
func (s *Switch) UnmarshalText(text []byte) error {
	switch strings.ToLower(string(text)) {
	case "true", "1", "yes", "on":
		*s = true
	case "false", "0", "no", "off":
		*s = false
	default:
		return fmt.Errorf("%q: want true or false", text)
	}
	return nil
}

// Method is the HTTP method of a probe.
type Method string

// UnmarshalText reads GET, HEAD, OPTIONS or POST in any case.
func (m *Method) UnmarshalText(text []byte) error {
	return oneOf(m, strings.ToUpper(string(text)), "GET", "HEAD", "OPTIONS", "POST")
}

// Redirects says which redirects a probe follows. Empty leaves it to the method: GET follows, the others do not.
type Redirects string

// UnmarshalText reads always, same-host or never in any case.
func (r *Redirects) UnmarshalText(text []byte) error {
	return oneOf(r, strings.ToLower(string(text)), "always", "same-host", "never")
}

// LogFormat is how log lines are written.
type LogFormat string

// UnmarshalText reads text or json in any case.
func (f *LogFormat) UnmarshalText(text []byte) error {
	return oneOf(f, strings.ToLower(string(text)), "text", "json")
}

func oneOf[T ~string](into *T, word string, allowed ...string) error {
	if !slices.Contains(allowed, word) {
		return fmt.Errorf("%q: want one of %s", word, strings.Join(allowed, ", "))
	}
	*into = T(word)
	return nil
}

// LogLevel is the least level that is logged.
type LogLevel slog.Level

// UnmarshalText reads debug, info, warn or error in any case.
func (l *LogLevel) UnmarshalText(text []byte) error {
	var word string
	if err := oneOf(&word, strings.ToLower(string(text)), "debug", "info", "warn", "error"); err != nil {
		return err
	}
	return (*slog.Level)(l).UnmarshalText([]byte(word))
}

// String gives the level as it would be written in an env file.
func (l LogLevel) String() string { return strings.ToLower(slog.Level(l).String()) }

// Port is a TCP port; 0 lets the system choose a free one, which the log then names.
type Port uint16

// UnmarshalText reads a number from 0 to 65535.
func (p *Port) UnmarshalText(text []byte) error {
	n, err := strconv.ParseUint(string(text), 10, 16)
	if err != nil {
		return fmt.Errorf("%q: want a port number, such as 8000", text)
	}
	*p = Port(n)
	return nil
}

// String gives the number.
func (p Port) String() string { return strconv.Itoa(int(p)) }

// Address is where the monitor listens, host:port. Without a host it is every address of the machine.
type Address string

// UnmarshalText reads host:port, :port or [IPv6]:port.
func (a *Address) UnmarshalText(text []byte) error {
	_, port, err := net.SplitHostPort(string(text))
	if err != nil || new(Port).UnmarshalText([]byte(port)) != nil {
		return fmt.Errorf("%q: want host:port, such as 127.0.0.1:8000 or [::]:8000", text)
	}
	*a = Address(text)
	return nil
}

// HeaderName is the name of an HTTP header.
type HeaderName string

// UnmarshalText reads a token (RFC 9110, section 5.1). The headers that frame a message are refused:
// Go's client sets them itself, and would leave ours out in silence.
func (h *HeaderName) UnmarshalText(text []byte) error {
	const want = "want the name of a request header, such as Authorization"
	name := http.CanonicalHeaderKey(string(text))
	switch {
	case !headerName.Match(text):
		return errors.New("value not shown, it may be the secret itself: " + want)
	case slices.Contains([]string{"Content-Length", "Transfer-Encoding", "Trailer", "Connection"}, name):
		return fmt.Errorf("%q: cannot be set; %s", text, want)
	}
	*h = HeaderName(name)
	return nil
}

var headerName = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")

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

// String hides the value, and only tells whether there is one.
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

// UnmarshalText reads an absolute http or https URL. Its error quotes the value only where that holds no secret.
func (u *URL) UnmarshalText(text []byte) error {
	quoted := strconv.Quote(string(text))
	if strings.ContainsAny(string(text), "@?") {
		quoted = "value not shown, it may hold a password"
	}
	parsed, err := url.Parse(string(text))
	if err != nil || !probeable(parsed) {
		return fmt.Errorf("%s: want a URL such as https://site.example.com/healthz", quoted)
	}
	parsed.Fragment, parsed.RawFragment = "", ""
	u.secret = parsed
	return nil
}

func probeable(u *url.URL) bool {
	if u.Port() != "" {
		if n, err := strconv.ParseUint(u.Port(), 10, 16); err != nil || n == 0 {
			return false
		}
	}
	return (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && !strings.Contains(u.Host, " ")
}

// String is the URL with *** in place of its secrets.
func (u URL) String() string {
	if u.secret == nil {
		return ""
	}
	shown := &url.URL{Scheme: u.secret.Scheme, Host: u.secret.Host, Path: u.secret.Path, RawPath: u.secret.RawPath}
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

// StatusRegexp says which HTTP statuses are up.
type StatusRegexp struct{ expr *regexp.Regexp }

// UnmarshalText reads a regular expression. It is matched against the status as text, from its first
// character, as Python's re.match does. One that can match no status is refused, and so is one with
// a character in it that no status has: `^2\d\d$` has become `^2dd$` by the time systemd hands it
// over, and would leave every site down for ever.
func (r *StatusRegexp) UnmarshalText(text []byte) error {
	tree, err := syntax.Parse(string(text), syntax.Perl)
	if err != nil {
		var bad *syntax.Error
		errors.As(err, &bad)
		return fmt.Errorf("%q: not a regular expression (%s); want one such as ^2[0-9][0-9]$", text, bad.Code)
	}
	compiled := StatusRegexp{regexp.MustCompile(string(text))} // which parses as above
	switch {
	case strayLiteral(tree) && bytes.ContainsRune(text, 'd'):
		return fmt.Errorf(`%q: asks for a "d" in an HTTP status; if you wrote \d, systemd's EnvironmentFile took the backslash away: write ^2[0-9][0-9]$`, text)
	case strayLiteral(tree), !compiled.matchesAny():
		return fmt.Errorf("%q: asks for what no HTTP status has; want one such as ^2[0-9][0-9]$ or ^(200|204)$", text)
	}
	*r = compiled
	return nil
}

// strayLiteral reports whether the expression asks for a character that no status has.
func strayLiteral(tree *syntax.Regexp) bool {
	if tree.Op == syntax.OpLiteral && slices.ContainsFunc(tree.Rune, func(r rune) bool { return r < '0' || r > '9' }) {
		return true
	}
	return slices.ContainsFunc(tree.Sub, strayLiteral)
}

func (r StatusRegexp) matchesAny() bool {
	for status := 100; status <= 599; status++ {
		if r.Match(status) {
			return true
		}
	}
	return false
}

// Match reports whether a status, as text, matches from its first character.
func (r StatusRegexp) Match(status int) bool {
	at := r.expr.FindStringIndex(strconv.Itoa(status)) // the leftmost match
	return at != nil && at[0] == 0
}

// String is the expression as it was written.
func (r StatusRegexp) String() string {
	if r.expr == nil {
		return ""
	}
	return r.expr.String()
}
