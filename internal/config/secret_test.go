package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// TestNothingSecret prints and logs a whole configuration in every way there is.
func TestNothingSecret(t *testing.T) {
	t.Parallel()
	cfg := load(t,
		twoSites(
			"SITE_B_HEALTH_URL=https://geheim-user:geheim-pw@b.test/healthz"+
				"?token=geheim-query#geheim",
			"EXTRA_HEADER_KEY=Authorization", "EXTRA_HEADER_VAL=Bearer geheim")...)
	asJSON, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&log, nil),
		slog.NewJSONHandler(&log, nil)} {
		slog.New(handler).Info("x", "config", cfg, "site", cfg.Sites[1], "url", cfg.Sites[1].HealthURL,
			"val", cfg.Sites[1].HeaderVal)
	}
	printed := fmt.Sprintf("%v %+v %#v %s %q %x %#v", cfg, cfg, cfg.Sites[1].HeaderVal,
		cfg.Sites[1].HealthURL, cfg.Sites[1].HealthURL, cfg.Sites[1].HeaderVal, cfg)
	all := strings.Join([]string{string(asJSON), log.String(), printed, fmt.Sprint(cfg.Settings())},
		"\n")
	for _, secret := range []string{"geheim", fmt.Sprintf("%x", "geheim")} {
		if strings.Contains(all, secret) {
			t.Errorf("%q is in %s", secret, all)
		}
	}
	if want := "https://***@b.test/healthz?***"; !strings.Contains(all, want) {
		t.Errorf("%q is not in %s", want, all)
	}
}
