package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The types of this file read one value each. Their errors begin with the value in quotes, unless
// it is a secret, and say what to write instead. The loader puts the variable's name before that.

// Seconds is a length of time, written as a number of seconds: "5", "0.5".
type Seconds time.Duration

// UnmarshalText reads 0 or a number from 0.001 to 86400.
func (s *Seconds) UnmarshalText(text []byte) error {
	n, ok := parseSeconds(text)
	if !ok {
		return fmt.Errorf(
			"%q: want seconds as a plain number, 0 or from 0.001 to 86400, such as 5 or 0.5", text)
	}
	*s = Seconds(n)
	return nil
}

// String gives the number as it would be written in an env file.
func (s Seconds) String() string {
	return strconv.FormatFloat(time.Duration(s).Seconds(), 'f', -1, 64)
}

// PositiveSeconds are more than zero, and written as [Seconds] are.
type PositiveSeconds time.Duration

// UnmarshalText reads a number from 0.001 to 86400.
func (s *PositiveSeconds) UnmarshalText(text []byte) error {
	n, ok := parseSeconds(text)
	if !ok || n == 0 {
		return fmt.Errorf("%q: want seconds as a plain number from 0.001 to 86400, such as 3 or 0.5",
			text)
	}
	*s = PositiveSeconds(n)
	return nil
}

// String gives the number as it would be written in an env file.
func (s PositiveSeconds) String() string { return Seconds(s).String() }

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

// Redirects says which redirects a probe follows. Empty leaves it to the method: GET follows, the
// others do not.
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

// AllDownPolicy is how polls are answered while all sites are down.
type AllDownPolicy string

// UnmarshalText reads scale or error in any case.
func (p *AllDownPolicy) UnmarshalText(text []byte) error {
	return oneOf(p, strings.ToLower(string(text)), "scale", "error")
}

// Override pins a verdict.
type Override string

// UnmarshalText reads up or down in any case.
func (o *Override) UnmarshalText(text []byte) error {
	return oneOf(o, strings.ToLower(string(text)), "up", "down")
}

// Count is how many results in a row.
type Count int

// UnmarshalText reads a whole number from 1 to 1000.
func (c *Count) UnmarshalText(text []byte) error {
	n, err := strconv.Atoi(string(text))
	if err != nil || n < 1 || n > 1000 {
		return fmt.Errorf("%q: want a whole number from 1 to 1000", text)
	}
	*c = Count(n)
	return nil
}

// LogLevel is the least level that is logged.
type LogLevel slog.Level

// UnmarshalText reads debug, info, warn or error in any case.
func (l *LogLevel) UnmarshalText(text []byte) error {
	var word string
	err := oneOf(&word, strings.ToLower(string(text)), "debug", "info", "warn", "error")
	if err != nil {
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
		return fmt.Errorf("%q: want a port number up to 65535, such as 8000", text)
	}
	*p = Port(n)
	return nil
}

// String gives the number.
func (p Port) String() string { return strconv.Itoa(int(p)) }

// Address is where the monitor listens, host:port. Without a host it is every address of the
// machine.
type Address string

// UnmarshalText reads host:port, :port or [IPv6]:port.
func (a *Address) UnmarshalText(text []byte) error {
	host, port, err := net.SplitHostPort(string(text))
	if err != nil || strings.ContainsAny(host, " /") || new(Port).UnmarshalText([]byte(port)) != nil {
		return fmt.Errorf("%q: want host:port, such as 127.0.0.1:8000 or [::]:8000", text)
	}
	*a = Address(text)
	return nil
}

// ServerName is the name that a certificate must have.
type ServerName string

// UnmarshalText reads a host name or an IP address, without a port.
func (n *ServerName) UnmarshalText(text []byte) error {
	if !hostOnly.Match(text) && net.ParseIP(string(text)) == nil {
		return fmt.Errorf("%q: want a host name without a port, such as app.example.com", text)
	}
	*n = ServerName(text)
	return nil
}

// hostOnly may have {app} in it, in a name for all apps.
var hostOnly = regexp.MustCompile(`^([A-Za-z0-9._-]|\{app\})+$`)

// HeaderName is the name of an HTTP header.
type HeaderName string

// UnmarshalText reads a token (RFC 9110, section 5.1). The headers that frame a message are
// refused: Go's client sets them itself, and would leave ours out in silence.
func (h *HeaderName) UnmarshalText(text []byte) error {
	const want = "want the name of a request header, such as Authorization"
	name := http.CanonicalHeaderKey(string(text))
	switch {
	case !headerName.Match(text):
		return errors.New("value not shown, it may be the secret itself: " + want)
	case slices.Contains([]string{"Content-Length", "Transfer-Encoding", "Trailer", "Connection"},
		name):
		return fmt.Errorf("%q: cannot be set; %s", text, want)
	}
	*h = HeaderName(name)
	return nil
}

var headerName = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")
