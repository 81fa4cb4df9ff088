package keda

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/kedacore/keda/v2/pkg/scaling"
)

//go:embed versions
var versionList string

// versions are the KEDAs that "KEDA=all make e2e-keda" runs, oldest first.
var versions = strings.Fields(versionList)

// readVersions are older ones: their CRDs are run, the rest of their source was only read.
var readVersions = []string{"2.8.2", "2.10.1", "2.14.1"}

// source is the folder of the KEDA that is compiled in: github.com/kedacore/keda/v2@v2.21.0.
var source, version = compiledIn()

func compiledIn() (folder, version string) {
	f := runtime.FuncForPC(reflect.ValueOf(scaling.NewScaleHandler).Pointer())
	file, _ := f.FileLine(f.Entry())
	folder = filepath.Join(filepath.Dir(file), "../..")
	_, version, _ = strings.Cut(filepath.Base(folder), "@v")
	return folder, version
}

// noCAPool is the first version that does not put the CAs of all triggers into one pool.
const noCAPool = "2.20.2"

// isBefore is whether the KEDA that is compiled in is older than that one, which is in the list,
// too.
func isBefore(other string) bool {
	return slices.Index(versions, version) < slices.Index(versions, other)
}

func TestVersionIsInTheList(t *testing.T) {
	if !slices.Contains(versions, version) {
		t.Errorf("KEDA %q is not in %s", version, versions)
	}
}

var needs = regexp.MustCompile(
	`Needs KEDA (\d+\.\d+) or later \(run\)(?:, or (\d+\.\d+) \(read\))?\.`)

// TestHeadersSayWhatWasRun compares the versions that each file says it needs with the first that
// takes it.
func TestHeadersSayWhatWasRun(t *testing.T) {
	for _, name := range files(t) {
		said := needs.FindStringSubmatch(strings.ReplaceAll(read(t, name), "\n#", ""))
		if said == nil {
			t.Errorf("%s does not say which KEDA it needs", name)
			continue
		}
		if want := examples[name].first(versions); said[1] != want {
			t.Errorf("%s says it needs KEDA %s; the first that took it is %s", name, said[1], want)
		}
		if want := examples[name].first(readVersions); said[2] != want {
			t.Errorf("%s says it needs KEDA %q (read), want %q", name, said[2], want)
		}
	}
}

// first is the first of these versions that takes the file, without its patch level.
func (e example) first(versions []string) string {
	for _, v := range versions {
		if e.refused[v] == "" {
			return v[:strings.LastIndex(v, ".")]
		}
	}
	return ""
}

// TestCRDsOfReadVersions: what was read of a KEDA agrees with what its CRDs have against a file.
func TestCRDsOfReadVersions(t *testing.T) {
	for _, v := range readVersions {
		schemas, err := newSchemas(download(t, v))
		if err != nil {
			t.Fatal(err)
		}
		for name, e := range examples {
			for document := range strings.SplitSeq(read(t, name), "\n---\n") {
				err := schemas.validate(document)
				if err != nil && (e.refused[v] == "" || !strings.Contains(err.Error(), e.refused[v])) {
					t.Errorf("%s: KEDA %s says %v, want %q", name, v, err, e.refused[v])
				}
			}
		}
	}
}

// download gives the folder with the source of a KEDA. No module needs it, so it does not compile.
func download(t *testing.T, version string) (folder string) {
	t.Helper()
	cmd := exec.Command("go", "mod", "download", "-json", "github.com/kedacore/keda/v2@v"+version)
	cmd.Dir = t.TempDir()
	var module struct{ Dir string }
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, &module)
	}
	if err != nil {
		t.Fatalf("%s: %v: %s", cmd, err, out)
	}
	return module.Dir
}

// TestTable compares the table in the documentation with the examples, which TestEveryTrigger
// compares with this KEDA.
func TestTable(t *testing.T) {
	text := read(t, document)
	if want := table(); !strings.Contains(text, want) {
		t.Errorf("%s has another table than\n%s", document, want)
	}
	for name, e := range examples {
		for _, reason := range e.refused {
			if !strings.Contains(text, "`"+reason+"`") {
				t.Errorf("%s does not say that %s is refused with `%s`", document, name, reason)
			}
		}
	}
}

// table is a line for each example and a column for each KEDA.
func table() string {
	all := slices.Concat(readVersions, versions)
	var text strings.Builder
	fmt.Fprintf(&text, "| file | %s |\n|---|%s\n", strings.Join(all, " | "),
		strings.Repeat("---|", len(all)))
	for _, name := range exampleNames() {
		e := examples[name]
		label := e.row
		if label == "" {
			label = fmt.Sprintf("[%s](%[1]s)", name)
		}
		fmt.Fprintf(&text, "| %s |", label)
		for _, v := range all {
			cell := "run"
			if slices.Contains(readVersions, v) {
				cell = "read"
			}
			if e.refused[v] != "" {
				cell += ": refused"
			}
			fmt.Fprintf(&text, " %s |", cell)
		}
		text.WriteString("\n")
	}
	return text.String()
}
