package config

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
)

// BodyRegexp says what a body must have in it. It matches anywhere, and ^ and $ stand for the
// beginning and the end of a line.
type BodyRegexp struct{ expr *regexp.Regexp }

const multiLine = "(?m)"

// UnmarshalText reads a regular expression.
func (r *BodyRegexp) UnmarshalText(text []byte) error {
	expr, err := regexp.Compile(multiLine + string(text))
	if err != nil {
		return fmt.Errorf("%s: not a regular expression%s; want one such as database.*ok",
			quoteExpr(text), pythonOnly(text))
	}
	r.expr = expr
	return nil
}

// String is the expression as it was written.
func (r BodyRegexp) String() string {
	if r.expr == nil {
		return ""
	}
	return strings.TrimPrefix(r.expr.String(), multiLine)
}

// Regexp is the expression, nil if there is none.
func (r BodyRegexp) Regexp() *regexp.Regexp { return r.expr }

// quoteExpr quotes an expression with as many backslashes as it has: often they are what is wrong.
func quoteExpr(text []byte) string {
	return strings.ReplaceAll(strconv.Quote(string(text)), `\\`, `\`)
}

// pythonSyntax is what Python's regular expressions have and Go's have not.
var pythonSyntax = regexp.MustCompile(`\(\?<?[=!]|\\Z|\(\?P=|\\[1-9]|\(\?[>(#]|[*+?}]\+`)

// pythonOnly says what is wrong with an expression that was made for Python, as the predecessor's
// were.
func pythonOnly(text []byte) string {
	if !pythonSyntax.Match(text) {
		return ""
	}
	return ": look-ahead, look-behind, references to groups and \\Z are Python's, and not known here"
}

// StatusRegexp says which HTTP statuses are up.
type StatusRegexp struct{ expr *regexp.Regexp }

// UnmarshalText reads a regular expression. It is matched against the status as text, from its
// first character, as Python's re.match does. One that can match no status is refused, and so is
// one with a character in it that no status has: `^2\d\d$` has become `^2dd$` by the time systemd
// hands it over, and would leave every site down for ever.
func (r *StatusRegexp) UnmarshalText(text []byte) error {
	quoted := quoteExpr(text)
	tree, err := syntax.Parse(string(text), syntax.Perl)
	if err != nil {
		if python := pythonOnly(text); python != "" {
			return fmt.Errorf("%s: not a regular expression%s; say which statuses are up, "+
				"such as ^[1-4]\\d\\d$, or ^[1-4][0-9][0-9]$ for systemd", quoted, python)
		}
		var bad *syntax.Error
		errors.As(err, &bad)
		return fmt.Errorf("%s: not a regular expression (%s); want one such as ^2[0-9][0-9]$",
			quoted, bad.Code)
	}
	compiled := StatusRegexp{regexp.MustCompile(string(text))} // which parses as above
	switch {
	case strayLiteral(tree) && bytes.Contains(text, []byte(`\\`)):
		return fmt.Errorf("%s: two backslashes ask for one in the HTTP status, and none has one; "+
			`write \d with a single one, or ^2[0-9][0-9]$ (YAML makes one of two between `+
			`double quotes only)`, quoted)
	case strayLiteral(tree) && bytes.ContainsRune(text, 'd'):
		return fmt.Errorf(`%s: asks for a "d" in an HTTP status; if you wrote \d, `+
			`systemd's EnvironmentFile took the backslash away: write ^2[0-9][0-9]$`, quoted)
	case strayLiteral(tree), !compiled.matchesAny():
		return fmt.Errorf("%s: asks for what no HTTP status has; "+
			"want one such as ^2[0-9][0-9]$ or ^(200|204)$", quoted)
	}
	*r = compiled
	return nil
}

// strayLiteral reports whether the expression asks for a character that no status has.
func strayLiteral(tree *syntax.Regexp) bool {
	if tree.Op == syntax.OpLiteral &&
		slices.ContainsFunc(tree.Rune, func(r rune) bool { return r < '0' || r > '9' }) {
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
