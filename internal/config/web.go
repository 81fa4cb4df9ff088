package config

import (
	"os"
	"regexp"
	"strings"

	"github.com/prometheus/exporter-toolkit/web"
)

// checkWebConfig refuses a file that the exporter-toolkit could not serve with.
func (l *loader) checkWebConfig(path string) {
	if path == "" {
		return
	}
	switch err := web.Validate(path); {
	case err == nil:
		l.checkGuard(path)
	case strings.Contains(err.Error(), "bcrypt"): // and cites it
		l.report("WEB_CONFIG_FILE=%q: a value of basic_auth_users is no bcrypt hash; make one with htpasswd -nB NAME", path)
	default:
		l.report("WEB_CONFIG_FILE=%q: %s; want a file that Prometheus would take as --web.config.file", path, withoutCitations(err))
	}
}

// checkGuard looks at what a file that could be served with keeps out.
func (l *loader) checkGuard(path string) {
	content, _ := os.ReadFile(path) // which has just been read
	switch {
	case hasTLS.Match(content):
	case hasPasswords.Match(content):
		l.warn("WEB_CONFIG_FILE asks for passwords without TLS: they cross the network for all to read")
	default:
		l.report("WEB_CONFIG_FILE=%q: asks for neither TLS nor passwords; want tls_server_config or basic_auth_users in it, or the setting left out", path)
	}
}

var (
	hasTLS       = regexp.MustCompile(`(?m)^tls_server_config:`)
	hasPasswords = regexp.MustCompile(`(?m)^basic_auth_users:`)
)

// cited is what YAML's errors show of a file: values, and what it takes for the name of an anchor.
var cited = regexp.MustCompile("(?s)`.*`|'.*'")

// withoutCitations is the text of an error about a web configuration in one line, without what it cites
// of the file: that may be a password.
func withoutCitations(err error) string {
	return strings.Join(strings.Fields(cited.ReplaceAllString(err.Error(), mask)), " ")
}
