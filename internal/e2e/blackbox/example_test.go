package blackbox

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestUneditedExample starts every command with env.example as it is. Each does nothing, and says
// which settings to set.
func TestUneditedExample(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../env.example")
	if err != nil {
		t.Fatal(err)
	}
	var environ []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			environ = append(environ, line)
		}
	}
	want := ""
	for _, site := range []string{"a", "b"} {
		host := "site-" + site + ".example.com"
		want += fmt.Sprintf("failover-monitor: SITE_%s_HEALTH_URL=\"https://%s/healthz\": "+
			"%s is the host of an example: set your own\n", strings.ToUpper(site), host, host)
	}
	for _, name := range []string{"serve", "check", "config"} {
		code, stdout, stderr := command(t, environ, name)
		if code != 2 || stdout != "" || stderr != want {
			t.Errorf("%s: exit code %d, %q\n got %s\nwant %s", name, code, stdout, stderr, want)
		}
	}
}
