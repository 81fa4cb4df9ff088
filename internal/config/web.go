package config

import (
	"regexp"
	"strings"

	"github.com/prometheus/exporter-toolkit/web"
)

// checkWebConfig refuses a file that the exporter-toolkit could not serve with.
func (l *loader) checkWebConfig(path string) {
	err := web.Validate(path)
	switch {
	case err == nil:
	case strings.Contains(err.Error(), "bcrypt"): // and cites it
		l.report("WEB_CONFIG_FILE=%q: a value of basic_auth_users is no bcrypt hash; make one with htpasswd -nB NAME", path)
	default:
		l.report("WEB_CONFIG_FILE=%q: %s; want a file that Prometheus would take as --web.config.file", path, withoutCitations(err))
	}
}

// cited is what YAML's errors show of a file: values, and what it takes for the name of an anchor.
var cited = regexp.MustCompile("(?s)`.*`|'.*'")

// withoutCitations is the text of an error about a web configuration in one line, without what it cites
// of the file: that may be a password.
func withoutCitations(err error) string {
	return strings.Join(strings.Fields(cited.ReplaceAllString(err.Error(), mask)), " ")
}
