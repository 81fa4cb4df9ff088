package blackbox

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestWorstCasesInTheReadme asks the config command for each row of the README's table.
func TestWorstCasesInTheReadme(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile(
		`(?m)^\| ([\d.]+) \| ([\d.]+) \| (\d+) \| ([\d.]+) \| (\S+) \| (\S+) \|$`).FindAllStringSubmatch(
		string(readme), -1)
	if len(rows) != 5 {
		t.Fatalf("%d rows, want 5", len(rows))
	}
	for _, row := range rows {
		_, stdout, _ := command(t, sites("a", "b", "CACHE_TTL_SEC="+row[1], "PROBE_TIMEOUT_SEC="+row[2],
			"FAILURE_THRESHOLD="+row[3], "RETRY_INTERVAL_SEC="+row[4]), "config")
		want := "# site-b: " + row[5] + " when it hangs, " + row[6] +
			" when it refuses connections\n"
		if !strings.Contains(stdout, want) {
			t.Errorf("%s: %q is not in\n%s", row[0], want, stdout)
		}
	}
}
