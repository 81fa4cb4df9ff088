package blackbox

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestUneditedExample starts every command with env.example as it is. It does nothing, and says which
// settings to set.
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
		want += fmt.Sprintf("failover-monitor: SITE_%s_HEALTH_URL=\"https://site-%s.example.com/healthz\": "+
			"site-%s.example.com is the host of an example: set your own\n", strings.ToUpper(site), site, site)
	}
	for _, name := range []string{"serve", "check", "config"} {
		if code, stdout, stderr := command(t, environ, name); code != 2 || stdout != "" || stderr != want {
			t.Errorf("%s: exit code %d, %q\n got %s\nwant %s", name, code, stdout, stderr, want)
		}
	}
}
