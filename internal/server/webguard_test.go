package server_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"failover-monitor/internal/server"
)

// TestWebGuard has a row for each mistake in a file. The error cites nothing of the file.
func TestWebGuard(t *testing.T) {
	t.Parallel()
	const (
		open = "asks for neither TLS nor passwords; want cert_file in tls_server_config, or a user " +
			"in basic_auth_users, or the setting left out"
		hash   = "$2a$04$jTQuHwypU6MdhEeWkuNg0.KORPdN8G3.k.4YAjbask/mKGPWBztyK"
		take   = "; want a file that Prometheus would take as --web.config.file"
		noHash = "a value of basic_auth_users is no bcrypt hash; make one with htpasswd -nB NAME"
	)
	path := filepath.Join(t.TempDir(), "web.yml")
	for _, c := range []struct{ content, want string }{
		{"", open},
		{"basic_auth_users:\n", open},
		{"basic_auth_users: {}\n", open},
		{"basic_auth_users:\n#  keda: " + hash + "\n", open},
		{"tls_server_config:\n", open},
		{"tls_server_config: {min_version: TLS13}\n", open},
		{"basic_auth_users:\n  keda: " + hash + "\n", ""},
		{"{\"basic_auth_users\": {keda: " + hash + "}}\n", ""},
		{"basic_auth_users:\n  keda: geheim\n", noHash},
		{"basic_auth_users:\n  keda: $2a$04$geheim\n", noHash},
		{"basic_auth_users: geheim\n",
			"yaml: unmarshal errors: line 1: cannot unmarshal !!str *** into map[string]config.Secret" +
				take},
		{"basic_auth_users:\n  keda: *geheim\n", "yaml: unknown anchor *** referenced" + take},
		{"tls_server_config: \"a`geheim\"\n",
			"yaml: unmarshal errors: line 1: cannot unmarshal !!str *** into web.TLSConfig" + take},
		{"basic_auth_user: {}\n",
			"yaml: unmarshal errors: line 1: field basic_auth_user not found in type web.Config" + take},
		{"tls_server_config:\n  cert_file: /no.crt\n  key_file: /k\n",
			"failed to read cert_file (/no.crt): open /no.crt: no such file or directory" + take},
		{"tls_server_config:\n  client_ca_file: /no.pem\n",
			"missing one of cert or cert_file" + take},
	} {
		if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		guard, warning, err := server.NewWebGuard(path)
		if c.want == "" {
			if err != nil || guard == nil || !strings.Contains(warning, "passwords without TLS") {
				t.Errorf("%q: %v, warning %q", c.content, err, warning)
			}
		} else if err == nil || err.Error() != "WEB_CONFIG_FILE=\""+path+"\": "+c.want {
			t.Errorf("%q: got %v, want %q", c.content, err, c.want)
		}
	}
}
