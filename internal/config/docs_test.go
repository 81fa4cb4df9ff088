package config_test

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"failover-monitor/internal/config"
)

// TestEveryVariableInThreePlaces keeps the config structs, env.example and the tables of
// SETTINGS.md equal.
func TestEveryVariableInThreePlaces(t *testing.T) {
	t.Parallel()
	want := []string{"SITE_<X>_HEALTH_URL", "SITE_<X>_OVERRIDE"}
	for _, of := range []any{config.Serving{}, config.Deciding{}, config.Proxies{}, config.Probing{}} {
		for _, field := range reflect.VisibleFields(reflect.TypeOf(of)) {
			want = append(want, field.Tag.Get("env"))
		}
	}
	slices.Sort(want)

	var example []string
	for _, line := range exampleLines(t) {
		name, _, _ := strings.Cut(line, "=")
		example = append(example, regexp.MustCompile(`^SITE_[AB]_`).ReplaceAllString(name, "SITE_<X>_"))
	}
	slices.Sort(example)
	if example = slices.Compact(example); !slices.Equal(example, want) {
		t.Errorf("env.example has\n%q, the structs\n%q", example, want)
	}

	var table []string
	settings := read(t, "deploy/SETTINGS.md")
	for _, row := range regexp.MustCompile("(?m)^\\| (`[A-Z][^|]*) \\|").FindAllStringSubmatch(
		settings, -1) {
		for _, name := range regexp.MustCompile("`([A-Z_<>]+)`").FindAllStringSubmatch(row[1], -1) {
			table = append(table, name[1])
		}
	}
	slices.Sort(table)
	if !slices.Equal(table, want) {
		t.Errorf("the tables of SETTINGS.md have\n%q, the structs\n%q", table, want)
	}
}

// TestEnvExample reads env.example as it stands, which nobody may start, and with its two URLs
// edited. Then every commented line made a setting must load, and one that shows a default must
// show the right one.
func TestEnvExample(t *testing.T) {
	t.Parallel()
	text := read(t, "env.example")
	var active []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			active = append(active, line)
		}
	}
	asItStands := slices.Clone(active)
	for _, problem := range problems(asItStands...) {
		if !strings.HasSuffix(problem, "is the host of an example: set your own") {
			t.Error(problem)
		}
	}
	if got := problems(asItStands...); len(got) != 2 {
		t.Errorf("as it stands: %q, want a line for each of two URLs", got)
	}
	for i, line := range active {
		active[i] = strings.ReplaceAll(line, ".example.com", ".test")
	}
	plain := load(t, active...)
	if regexp.MustCompile(`(?m)^#?[A-Z_]+=.*(["'\\]|[ \t]#)|^export|\r`).MatchString(text) {
		t.Error("a line has a quote, a backslash, a comment behind its value, or export")
	}
	header, certificate := "EXTRA_HEADER_KEY=Authorization", []string{"CLIENT_CERT_FILE=/c",
		"CLIENT_KEY_FILE=/k"}
	beside := map[string][]string{ // what a setting cannot be without
		"EXTRA_HEADER_KEY": {"EXTRA_HEADER_VAL=x"}, "EXTRA_HEADER_VAL": {header},
		"EXTRA_HEADER_VAL_FILE": {header},
		"APPS": {"SITE_A_HEALTH_URL=https://{app}.a.test",
			"SITE_B_HEALTH_URL=https://{app}.b.test"},
		"CLIENT_CERT_FILE": certificate, "CLIENT_KEY_FILE": certificate,
	}
	// and no defaults
	examples := []string{"LISTEN_ADDR", "ACCEPT_STATUS_REGEX", "FAILURE_THRESHOLD",
		"SUCCESS_THRESHOLD"}
	for _, line := range exampleLines(t) {
		name, value, _ := strings.Cut(line, "=")
		// no such file here; loaded above
		if strings.HasSuffix(name, "CA_BUNDLE") || name == "WEB_CONFIG_FILE" ||
			slices.Contains(asItStands, line) {
			continue
		}
		load(t, slices.Concat(active, beside[name], []string{line})...)
		for _, s := range plain.Settings() {
			if s.Name == name && s.Value != "" && s.Value != value && !slices.Contains(examples, name) {
				t.Errorf("%s: env.example shows %q, the default is %q", name, value, s.Value)
			}
		}
	}
}

// TestInstanceExample has a port of its own as an active line, and, once its URLs are edited,
// nothing to warn of.
func TestInstanceExample(t *testing.T) {
	t.Parallel()
	var lines []string
	for line := range strings.Lines(read(t, "systemd/instance.env")) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			lines = append(lines, line)
		}
	}
	if got := problems(lines...); len(got) != 2 ||
		!strings.HasSuffix(got[0], "is the host of an example: set your own") {
		t.Errorf("as it stands: %q, want a line for each of two URLs", got)
	}
	for i, line := range lines {
		lines[i] = strings.ReplaceAll(line, ".example.com", ".test")
	}
	if cfg := load(t, lines...); cfg.ListenAddr != "0.0.0.0:8001" || cfg.Warnings != nil {
		t.Errorf("listens at %s, warnings %q", cfg.ListenAddr, cfg.Warnings)
	}
}

// exampleLines are the settings of env.example, those in comments, too.
func exampleLines(t *testing.T) []string {
	t.Helper()
	var lines []string
	for _, match := range regexp.MustCompile(`(?m)^#?([A-Z][A-Z_]*=.*)$`).FindAllStringSubmatch(
		read(t, "env.example"), -1) {
		lines = append(lines, match[1])
	}
	return lines
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../../" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
