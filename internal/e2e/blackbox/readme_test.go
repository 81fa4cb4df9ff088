package blackbox

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestWorstCasesInDocs asks the config command for each row of the table in SETTINGS.md, and for the
// one that the front page has in its text.
func TestWorstCasesInDocs(t *testing.T) {
	t.Parallel()
	row := regexp.MustCompile(`(?m)^\| ([\d.]+) \| ([\d.]+) \| (\d+) \| ([\d.]+) \| (\S+)s \| (\S+)s \|$`)
	rows := row.FindAllStringSubmatch(read(t, "deploy/SETTINGS.md"), -1)
	if len(rows) != 5 {
		t.Fatalf("%d rows, want 5", len(rows))
	}
	sentence := regexp.MustCompile("With `FAILURE_THRESHOLD=(.+)`, A is told 1 at most (.+) s after B begins to hang, " +
		"and at most (.+) s after it begins to refuse connections")
	said := sentence.FindStringSubmatch(strings.ReplaceAll(read(t, "README.md"), "\n", " "))
	if said == nil {
		t.Fatalf("README.md does not say: %v", sentence)
	}
	rows = append(rows, []string{said[0], "5", "3", said[1], "1", said[2], said[3]})
	for _, row := range rows {
		_, stdout, _ := command(t, sites("a", "b", "CACHE_TTL_SEC="+row[1], "PROBE_TIMEOUT_SEC="+row[2],
			"FAILURE_THRESHOLD="+row[3], "RETRY_INTERVAL_SEC="+row[4]), "config")
		want := fmt.Sprintf("# site-b: %ss when it hangs, %ss when it refuses connections\n", row[5], row[6])
		if !strings.Contains(stdout, want) {
			t.Errorf("%s: %q is not in\n%s", row[0], want, stdout)
		}
	}
}

// read is the text of a file of the project.
func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../../../" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
