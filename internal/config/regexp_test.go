package config_test

import (
	"testing"
)

// TestBodyRegexp: ^ and $ match at every line.
func TestBodyRegexp(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, body string
		want          bool
	}{
		{"^OK$", "OK", true}, {"^OK$", "a\nOK\nb", true}, {"^OK$", "NOT OK", false},
		{"(?i)^ok$", "x\nOK", true}, {`\Aok`, "x\nok", false}, {"a.b", "a\nb", false},
	} {
		cfg := load(t, twoSites("EXPECT_BODY_REGEX="+c.pattern)...)
		if got := cfg.Defaults.ExpectBody.Regexp().MatchString(c.body); got != c.want ||
			cfg.Defaults.ExpectBody.String() != c.pattern {
			t.Errorf("%s (shown as %s) on %q: %v, want %v", c.pattern, cfg.Defaults.ExpectBody, c.body, got,
				c.want)
		}
	}
}

func TestStatusRegexpMatchesFromTheStart(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern string
		status  int
		want    bool
	}{
		{"2", 200, true}, {"2", 302, false}, {`^2\d\d$`, 204, true}, {`^2\d\d$`, 2045, false},
		{"200|301", 301, true}, {"200|301", 1301, false}, {`\Q200`, 200, true}, {"4|3", 234, false},
	} {
		cfg := load(t, twoSites("ACCEPT_STATUS_REGEX="+c.pattern)...)
		if got := cfg.Defaults.AcceptStatus.Match(c.status); got != c.want {
			t.Errorf("%s on %d: %v, want %v", c.pattern, c.status, got, c.want)
		}
	}
}
