package blackbox

import (
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"failover-monitor/internal/e2e/rig"
)

// projectRoot is where the README is.
const projectRoot = "../../.."

// TestWorstCasesInDocs asks the config command for each row of the table in SETTINGS.md, and for
// the one that the front page has in its text.
func TestWorstCasesInDocs(t *testing.T) {
	t.Parallel()
	const number, seconds = ` ([\d.]+) \|`, ` (\S+)s \|`
	row := regexp.MustCompile(`(?m)^\|` + strings.Repeat(number, 4) + strings.Repeat(seconds, 2) + `$`)
	rows := row.FindAllStringSubmatch(read(t, "deploy/SETTINGS.md"), -1)
	if len(rows) != 5 {
		t.Fatalf("%d rows, want 5", len(rows))
	}
	sentence := regexp.MustCompile("With `FAILURE_THRESHOLD=(.+)`, the value for A is 1 at most (.+) s " +
		"after B begins to hang, and (.+) s after it begins to refuse connections")
	said := sentence.FindStringSubmatch(strings.ReplaceAll(read(t, "README.md"), "\n", " "))
	if said == nil {
		t.Fatalf("README.md does not say: %v", sentence)
	}
	rows = append(rows, []string{said[0], "5", "3", said[1], "1", said[2], said[3]})
	for _, row := range rows {
		_, stdout, _ := command(t, sites("a", "b", "CACHE_TTL_SEC="+row[1], "PROBE_TIMEOUT_SEC="+row[2],
			"FAILURE_THRESHOLD="+row[3], "RETRY_INTERVAL_SEC="+row[4]), "config")
		want := fmt.Sprintf("# site-b: %ss when it hangs, %ss when it refuses connections\n",
			row[5], row[6])
		if !strings.Contains(stdout, want) {
			t.Errorf("%s: %q is not in\n%s", row[0], want, stdout)
		}
	}
}

// TestLinks follows each link from a document to a file or a heading.
func TestLinks(t *testing.T) {
	t.Parallel()
	documents := documents(t)
	if !slices.Contains(documents, "README.md") || len(documents) < 9 {
		t.Fatalf("the documents are %q", documents)
	}
	for _, document := range documents {
		for _, link := range links(read(t, document)) {
			file, anchor, hasAnchor := strings.Cut(link, "#")
			target := document
			if file != "" {
				target = path.Join(path.Dir(document), file)
			}
			if _, err := fs.Stat(os.DirFS(projectRoot), target); err != nil {
				t.Errorf("%s: %s: %v", document, link, err)
			} else if hasAnchor && !slices.Contains(anchors(read(t, target)), anchor) {
				t.Errorf("%s: %s: no such heading", document, link)
			}
		}
	}
}

// TestEachDocumentIsLinked expects a link to each document from another one.
func TestEachDocumentIsLinked(t *testing.T) {
	t.Parallel()
	linked := map[string]bool{"README.md": true}
	for _, document := range documents(t) {
		for _, link := range links(read(t, document)) {
			file, _, _ := strings.Cut(link, "#")
			if target := path.Join(path.Dir(document), file); target != document {
				linked[target] = true
			}
		}
	}
	for _, document := range documents(t) {
		if !linked[document] {
			t.Errorf("no document has a link to %s", document)
		}
	}
}

// TestDemoOfTheFrontPage runs the commands of the README's demo, in turn.
func TestDemoOfTheFrontPage(t *testing.T) {
	curl := regexp.MustCompile(`(?m)^    curl -s 127\.0\.0\.1:800(\d)(/\S+) +# .*?(\{.*\})?(:.*)?$`)
	commands := curl.FindAllStringSubmatch(read(t, "README.md"), -1)
	if len(commands) != 4 {
		t.Fatalf("%d commands, want 4", len(commands))
	}
	port, err := rig.FreePorts("127.0.0.1", 4)
	if err != nil {
		t.Fatal(err)
	}
	demo := exec.Command(binary, "demo")
	demo.Env = []string{rig.NoExitSleep, fmt.Sprint("PORT=", port)}
	if err := demo.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { demo.Process.Kill(); demo.Wait() })
	rig.AwaitListening(t, fmt.Sprintf("127.0.0.1:%d", port+3))
	for _, c := range commands {
		url := fmt.Sprintf("http://127.0.0.1:%d%s", port+int(c[1][0]-'0'), c[2])
		var body string
		for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
			if body = get(t, url); c[3] == "" || body == c[3]+"\n" || time.Now().After(deadline) {
				break
			}
		}
		if want := c[3]; want != "" && body != want+"\n" {
			t.Errorf("%s: got %q, want %q", c[0], body, want)
		}
	}
}

// get is the body of an answer that must be a 200.
func get(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %v, %v", url, resp.Status, err)
	}
	return string(body)
}

// TestRunbook expects of each alert a runbook_url that leads to its heading, and a row with its
// severity in the table of alerts. All runbook_urls have the same address, so that one replacement
// changes them all.
func TestRunbook(t *testing.T) {
	t.Parallel()
	const file = "deploy/prometheus/RUNBOOK.md"
	headings, table := anchors(read(t, file)), read(t, "deploy/prometheus/README.md")
	var bases []string
	alerts := strings.Split(read(t, "deploy/prometheus/alerts.yml"), "\n      - alert: ")[1:]
	for _, alert := range alerts {
		name, _, _ := strings.Cut(alert, "\n")
		anchor := strings.ToLower(name)
		url := regexp.MustCompile(`\n          runbook_url: (https://\S+)\n`).FindStringSubmatch(alert)
		if url == nil || !strings.HasSuffix(url[1], "/"+file+"#"+anchor) {
			t.Errorf("%s: runbook_url is %q, want one that leads to %s#%s", name, url, file, anchor)
			continue
		}
		bases = append(bases, strings.TrimSuffix(url[1], "#"+anchor))
		if !slices.Contains(headings, anchor) {
			t.Errorf("%s: no heading in %s", name, file)
		}
		severity := regexp.MustCompile(`severity: (\w+)`).FindStringSubmatch(alert)
		row := fmt.Sprintf("\n| [`%s`](RUNBOOK.md#%s) | %s |", name, anchor, severity[1])
		if !strings.Contains(table, row) {
			t.Errorf("%s: no row %q in the table of alerts", name, row)
		}
	}
	if bases = slices.Compact(bases); len(bases) != 1 {
		t.Errorf("the addresses of the runbook are %q", bases)
	}
	if rows := strings.Count(table, "](RUNBOOK.md#"); len(alerts) == 0 || rows != len(alerts) {
		t.Errorf("%d alerts, and %d rows in their table", len(alerts), rows)
	}
}

// TestMetricsTable compares the table of metrics with what the monitor has.
func TestMetricsTable(t *testing.T) {
	t.Parallel()
	row := regexp.MustCompile("(?m)^\\| `(failover_\\w+)` \\|")
	table := submatches(row, read(t, "deploy/prometheus/README.md"))
	name := regexp.MustCompile(`"(failover_\w+)"`)
	metrics := submatches(name, read(t, "internal/server/metrics.go"))
	slices.Sort(metrics)
	if slices.Sort(table); !slices.Equal(table, metrics) {
		t.Errorf("the table has\n%q, the monitor\n%q", table, metrics)
	}
}

// TestPodmanRun expects the same command in both documents that have it: make e2e-podman runs it.
func TestPodmanRun(t *testing.T) {
	t.Parallel()
	run := regexp.MustCompile(`(?s)\n    podman run -d .*?:latest\n`)
	readme, deploy := run.FindString(read(t, "README.md")), run.FindString(read(t, "deploy/README.md"))
	if readme == "" || readme != deploy {
		t.Errorf("README.md has %q, deploy/README.md %q", readme, deploy)
	}
}

// documents are the paths of all Markdown files of the project.
func documents(t *testing.T) (paths []string) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(projectRoot), ".",
		func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.IsDir() && path != "." && strings.HasPrefix(entry.Name(), ".") {
				return fs.SkipDir
			}
			if strings.HasSuffix(path, ".md") {
				paths = append(paths, path)
			}
			return err
		})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// links are where the links of a document lead to in this project.
func links(document string) []string {
	all := submatches(regexp.MustCompile(`\]\(([^)]*)\)`), document)
	return slices.DeleteFunc(all,
		func(link string) bool { return strings.HasPrefix(link, "https://") })
}

// anchors are where a link can lead to in a document: its headings, as GitHub and GitLab write
// them.
func anchors(document string) (names []string) {
	for _, heading := range submatches(regexp.MustCompile(`(?m)^#+ (.*)$`), document) {
		name := regexp.MustCompile(`[^\pL\pN _-]`).ReplaceAllString(strings.ToLower(heading), "")
		names = append(names, strings.ReplaceAll(name, " ", "-"))
	}
	return names
}

// submatches are what the only group of an expression matches.
func submatches(of *regexp.Regexp, text string) (found []string) {
	for _, match := range of.FindAllStringSubmatch(text, -1) {
		found = append(found, match[1])
	}
	return found
}

// read is the text of a file of the project.
func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(path.Join(projectRoot, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
