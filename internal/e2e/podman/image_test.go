//go:build e2e

package podman

import (
	"bytes"
	"debug/elf"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// maxSize is what the image may have: the binary and the CAs.
const maxSize = 14 << 20

func TestImage(t *testing.T) {
	for _, platform := range []struct {
		image, architecture string
		machine             elf.Machine
	}{
		{image, "amd64", elf.EM_X86_64},
		{"localhost/arm64:latest", "arm64", elf.EM_AARCH64},
	} {
		if size, err := strconv.Atoi(inspect(t, platform.image, "{{.Size}}")); err != nil ||
			size > maxSize {
			t.Errorf("%s: %d bytes, want at most %d", platform.image, size, maxSize)
		}
		facts := inspect(t, platform.image,
			"{{.Os}}/{{.Architecture}} {{.Config.User}} {{.Config.StopSignal}} "+
				"{{.Config.ExposedPorts}} {{.Config.Entrypoint}}")
		want := "linux/" + platform.architecture +
			" 65532:65532 SIGTERM map[8000/tcp:{}] [/failover-monitor]"
		if facts != want {
			t.Errorf("got %s, want %s", facts, want)
		}
		binary, err := elf.NewFile(bytes.NewReader(binaryOf(t, platform.image)))
		if err != nil {
			t.Fatal(err)
		}
		if binary.Machine != platform.machine || binary.Section(".interp") != nil {
			t.Errorf("%s: got %v, want a static %v", platform.image, binary.Machine, platform.machine)
		}
	}
}

// TestImageHasLabels: they show where the image comes from.
func TestImageHasLabels(t *testing.T) {
	for label, want := range map[string]string{
		"title": "Failover Monitor", "description": ".+", "licenses": "MIT",
		"version":  must(t, "git describe --tags --always --dirty --abbrev=12"),
		"revision": must(t, "git rev-parse HEAD"),
	} {
		got := inspect(t, image, `{{index .Labels "org.opencontainers.image.`+label+`"}}`)
		if !regexp.MustCompile("^" + want + "$").MatchString(got) {
			t.Errorf("%s: got %q, want %q", label, got, want)
		}
	}
}

// TestImageHasWhatMakeBuilds compares, bit by bit, what was compiled in the builder's /src and
// here.
func TestImageHasWhatMakeBuilds(t *testing.T) {
	if !bytes.Equal(binaryOf(t, image), []byte(read(t, "failover-monitor"))) {
		t.Error("the image's binary is not that of make build")
	}
}

// TestBuilderSeesSourcesOnly copies all that .containerignore lets through.
func TestBuilderSeesSourcesOnly(t *testing.T) {
	build := "printf 'FROM scratch\nCOPY . /\nCMD none' | podman build --quiet --ignorefile " +
		".containerignore --file - --tag localhost/context ."
	must(t, "cd ../../.. && "+build)
	files := strings.Fields(must(t, "podman export $(podman create localhost/context) | tar --list"))
	for _, file := range files {
		if !regexp.MustCompile(
			`^((cmd|internal)/.*|go\.(mod|sum)|(dev|etc|proc|run|sys)/.*)$`).MatchString(file) ||
			strings.HasSuffix(file, "_test.go") || strings.HasPrefix(file, "internal/e2e/") {
			t.Errorf("%s reaches the builder", file)
		}
	}
	if len(files) < 30 {
		t.Errorf("only %q", files)
	}
}

// binaryOf takes the program out of an image.
func binaryOf(t *testing.T, image string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "binary")
	must(t, "podman cp $(podman create --network none "+image+"):/failover-monitor "+path)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
