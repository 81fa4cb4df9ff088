package config_test

import (
	"strings"
	"testing"

	"failover-monitor/internal/config"
)

// FuzzLoad gives Load any environment, one variable a line: it may refuse it, and must not panic.
func FuzzLoad(f *testing.F) {
	f.Add("SITE_A_HEALTH_URL=https://a/\nSITE_B_HEALTH_URL=\"https://u:p@b/?q\" # b\r\nPROBE_METHOD=GET  # x")
	f.Add("SITE_A_HEALTH_ULR=x\nSITE__X=y\nSITE_=z\n=\n\nexport =\nSITE_A_PORT=tcp://1.2.3.4:5")
	f.Add("ACCEPT_STATUS_REGEX=((((2\nPROBE_TIMEOUT_SEC=0x1p-2\nLISTEN_ADDR=[::\nHTTP_PROXY=://\nLOG_LEVEL=\xff")
	f.Fuzz(func(t *testing.T, lines string) {
		cfg, err := config.Load(strings.Split(lines, "\n"))
		if err == nil && len(cfg.Sites) < 2 {
			t.Errorf("%q: loaded with %d sites", lines, len(cfg.Sites))
		}
		if err != nil && err.Error() == "" {
			t.Errorf("%q: an error that says nothing", lines)
		}
		cfg.Settings()
	})
}
