package server

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/prometheus/exporter-toolkit/web"
	"go.yaml.in/yaml/v2"
)

// WebGuard keeps out what a web configuration kept out at the start. The exporter-toolkit reads the
// file anew all the time. While a person edits the file, it may name no user or ask for no
// certificate, and then the toolkit lets all requests in.
type WebGuard struct {
	path     string
	changed  time.Time // modification time of the file
	tls      bool      // the file names a certificate for the server
	password bool      // the file names a user
	client   clientAuth
}

// clientAuth is how client certificates are checked: the settings of the file about them.
type clientAuth struct{ kind, ca, caText, names string }

func readGuard(path string) (WebGuard, error) {
	g := WebGuard{path: path}
	info, err := os.Stat(path)
	if err != nil {
		return g, err
	}
	g.changed = info.ModTime()
	content, err := os.ReadFile(path)
	if err != nil {
		return g, err
	}
	var c web.Config
	err = yaml.Unmarshal(content, &c)
	t := c.TLSConfig
	g.tls, g.password = t.TLSCert != "" || t.TLSCertPath != "", len(c.Users) > 0
	g.client = clientAuth{
		t.ClientAuth, t.ClientCAs, t.ClientCAsText, strings.Join(t.ClientAllowedSans, "\n"),
	}
	return g, err
}

// settleTime is how long after a change of the file all requests are refused: the toolkit may have
// read half of the change.
const settleTime = time.Second

// check gives an error for a request that must be refused although the toolkit has let it in: the
// file does not keep out what it kept out at the start, or has just been changed.
func (g *WebGuard) check(r *http.Request) error {
	now, err := readGuard(g.path)
	switch since := time.Since(now.changed); {
	case err != nil: // its text may cite a password
		return errors.New("WEB_CONFIG_FILE cannot be used; the command config says what is wrong with it")
	case g.password && !now.password, g.client.kind != "" && now.client != g.client:
		return errors.New("WEB_CONFIG_FILE does not ask for what it asked for at the start; " +
			"restart the monitor if that is meant")
	case !now.changed.Equal(g.changed) && since >= 0 && since < settleTime:
		return errors.New("WEB_CONFIG_FILE has just been changed; wait a second")
	case strings.HasPrefix(g.client.kind, "Require") &&
		(r.TLS == nil || len(r.TLS.PeerCertificates) == 0),
		g.client.kind == "RequireAndVerifyClientCert" && len(r.TLS.VerifiedChains) == 0:
		return errors.New("WEB_CONFIG_FILE asks for a client certificate, " +
			"and a connection from before it did has none")
	}
	return nil
}

// NewWebGuard checks a web configuration before the exporter-toolkit uses it. The error says what
// is wrong with the file, and the warning what is dangerous; neither cites it. The guard is nil
// without a file.
func NewWebGuard(path string) (guard *WebGuard, warning string, err error) {
	if path == "" {
		return nil, "", nil
	}
	refuse := func(why string) error { return fmt.Errorf("WEB_CONFIG_FILE=%q: %s", path, why) }
	if err := web.Validate(path); err != nil {
		if strings.Contains(err.Error(), "bcrypt") { // the error cites the value
			return nil, "", refuse("a value of basic_auth_users is no bcrypt hash; " +
				"make one with htpasswd -nB NAME")
		}
		return nil, "", refuse(withoutCitations(err) +
			"; want a file that Prometheus would take as --web.config.file")
	}
	g, err := readGuard(path)
	switch {
	case err == nil && g.tls:
	case err == nil && g.password:
		warning = "WEB_CONFIG_FILE asks for passwords without TLS: they cross the network for all to read"
	default:
		return nil, "", refuse("asks for neither TLS nor passwords; want cert_file in " +
			"tls_server_config, or a user in basic_auth_users, or the setting left out")
	}
	return &g, warning, nil
}

// cited matches what YAML's errors cite of a file: values, and names of anchors.
var cited = regexp.MustCompile("(?s)`.*`|'.*'")

// withoutCitations is the text of an error about a web configuration, in one line and without what
// it cites of the file, which may be a password.
func withoutCitations(err error) string {
	return strings.Join(strings.Fields(cited.ReplaceAllString(err.Error(), "***")), " ")
}
