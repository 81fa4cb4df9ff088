package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWebConfig refuses what could not be served with, and cites nothing of it.
func TestWebConfig(t *testing.T) {
	t.Parallel()
	const (
		open   = "asks for neither TLS nor passwords; want cert_file in tls_server_config, or a user in basic_auth_users, or the setting left out"
		hash   = "$2a$04$jTQuHwypU6MdhEeWkuNg0.KORPdN8G3.k.4YAjbask/mKGPWBztyK"
		take   = "; want a file that Prometheus would take as --web.config.file"
		noHash = "a value of basic_auth_users is no bcrypt hash; make one with htpasswd -nB NAME"
	)
	path := filepath.Join(t.TempDir(), "web.yml")
	for content, want := range map[string]string{
		"":                       open,
		"basic_auth_users:\n":    open,
		"basic_auth_users: {}\n": open,
		"basic_auth_users:\n#  keda: " + hash + "\n":                 open,
		"tls_server_config:\n":                                       open,
		"tls_server_config: {min_version: TLS13}\n":                  open,
		"basic_auth_users:\n  keda: " + hash + "\n":                  "",
		"{\"basic_auth_users\": {keda: " + hash + "}}\n":             "",
		"basic_auth_users:\n  keda: geheim\n":                        noHash,
		"basic_auth_users:\n  keda: $2a$04$geheim\n":                 noHash,
		"basic_auth_users: geheim\n":                                 "yaml: unmarshal errors: line 1: cannot unmarshal !!str *** into map[string]config.Secret" + take,
		"basic_auth_users:\n  keda: *geheim\n":                       "yaml: unknown anchor *** referenced" + take,
		"tls_server_config: \"a`geheim\"\n":                          "yaml: unmarshal errors: line 1: cannot unmarshal !!str *** into web.TLSConfig" + take,
		"basic_auth_user: {}\n":                                      "yaml: unmarshal errors: line 1: field basic_auth_user not found in type web.Config" + take,
		"tls_server_config:\n  cert_file: /no.crt\n  key_file: /k\n": "failed to read cert_file (/no.crt): open /no.crt: no such file or directory" + take,
		"tls_server_config:\n  client_ca_file: /no.pem\n":            "missing one of cert or cert_file" + take,
	} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		got := problems(twoSites("WEB_CONFIG_FILE=" + path)...)
		if want == "" && got == nil {
			if warnings := load(t, twoSites("WEB_CONFIG_FILE="+path)...).Warnings; len(warnings) != 1 || !strings.Contains(warnings[0], "passwords without TLS") {
				t.Errorf("%q: warnings %q", content, warnings)
			}
			continue
		}
		if len(got) != 1 || got[0] != "WEB_CONFIG_FILE=\""+path+"\": "+want {
			t.Errorf("%q: got %q, want %q", content, got, want)
		}
	}
}
