package config

import (
	"os"
	"regexp"
	"strings"

	"github.com/prometheus/exporter-toolkit/web"
	"go.yaml.in/yaml/v2"
)

// Guard is what a web configuration keeps out.
type Guard struct {
	TLS        bool // who listens in, or plays the monitor
	ClientCert bool // who has no client certificate
	Passwords  bool // who has no password
}

// ReadGuard reads it from the file. Its error may cite a password.
func ReadGuard(path string) (Guard, error) {
	var c web.Config
	content, err := os.ReadFile(path)
	if err == nil {
		err = yaml.Unmarshal(content, &c)
	}
	return Guard{
		TLS:        c.TLSConfig.TLSCert != "" || c.TLSConfig.TLSCertPath != "",
		ClientCert: c.TLSConfig.ClientAuth == "RequireAnyClientCert" || c.TLSConfig.ClientAuth == "RequireAndVerifyClientCert",
		Passwords:  len(c.Users) > 0,
	}, err
}

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
	switch guard, err := ReadGuard(path); {
	case err == nil && guard.TLS:
	case err == nil && guard.Passwords:
		l.warn("WEB_CONFIG_FILE asks for passwords without TLS: they cross the network for all to read")
	default:
		l.report("WEB_CONFIG_FILE=%q: asks for neither TLS nor passwords; want cert_file in tls_server_config, or a user in basic_auth_users, or the setting left out", path)
	}
}

// cited is what YAML's errors show of a file: values, and what it takes for the name of an anchor.
var cited = regexp.MustCompile("(?s)`.*`|'.*'")

// withoutCitations is the text of an error about a web configuration in one line, without what it cites
// of the file: that may be a password.
func withoutCitations(err error) string {
	return strings.Join(strings.Fields(cited.ReplaceAllString(err.Error(), mask)), " ")
}
