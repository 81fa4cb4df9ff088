package blackbox

import (
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
)

// TestKEDAFiles runs the command that each file of deploy/keda says it was made by, and compares.
func TestKEDAFiles(t *testing.T) {
	t.Parallel()
	const folder = "deploy/keda"
	entries, err := os.ReadDir(path.Join(projectRoot, folder))
	if err != nil {
		t.Fatal(err)
	}
	madeBy := regexp.MustCompile(`^# Made by: failover-monitor (keda .*)\n`)
	made := 0
	for _, entry := range entries {
		want := read(t, path.Join(folder, entry.Name()))
		by := madeBy.FindStringSubmatch(want)
		if by == nil {
			continue
		}
		made++
		code, got, stderr := command(t, sites("a", "b"), strings.Fields(by[1])...)
		if code != 0 || stderr != "" || got != want {
			t.Errorf("%s: exit code %d, %q, and not what %s prints:\n%s", entry.Name(), code, stderr, by[1],
				got)
		}
	}
	if made != 6 {
		t.Errorf("%d files say that the command keda made them, want 6", made)
	}
}

// TestKEDACommand has the command's help and its mistakes.
func TestKEDACommand(t *testing.T) {
	t.Parallel()
	const explains = "; \"failover-monitor keda -h\" explains the flags\n"
	flags := []string{"-url", "http://monitor:8000", "-deployment", "my-app"}
	for _, c := range []struct {
		environ, args  []string
		code           int
		stdout, stderr string // how they begin
	}{
		{nil, []string{"-h"}, 0, "Usage: failover-monitor keda [flags] SITE\n", ""},
		{nil, []string{"--help"}, 0, "Usage: failover-monitor keda [flags] SITE\n", ""},
		{nil, nil, 2, "", "failover-monitor: keda: want one SITE, behind all flags; got 0" + explains},
		{nil, []string{"site-a", "-max", "6"}, 2, "",
			"failover-monitor: keda: want one SITE, behind all flags; got 3" + explains},
		{nil, []string{"-maximum", "6", "site-a"}, 2, "",
			"failover-monitor: keda: flag provided but not defined: -maximum" + explains},
		{nil, []string{"-max", "six", "site-a"}, 2, "",
			"failover-monitor: keda: invalid value \"six\" for flag -max: parse error" + explains},
		{nil, append(flags, "site-a"), 2, "",
			"failover-monitor: SITE_A_HEALTH_URL and SITE_B_HEALTH_URL are not set: "},
		{sites("a", "b"), append(flags, "site-c"), 2, "",
			"failover-monitor: keda: \"site-c\": no such site; there are site-a, site-b\n"},
		{sites("a", "b"), append(flags, "-max", "2", "-min", "2", "site-a"), 2, "",
			"failover-monitor: -max=2: want more than -min=2, or nothing scales\n"},
		{sites("a", "b"), []string{"-deployment", "a", "-url", "http://keda:geheim@m", "site-a"}, 2, "",
			"failover-monitor: -url: want no user and password in it: "},
	} {
		code, stdout, stderr := command(t, c.environ, append([]string{"keda"}, c.args...)...)
		if code != c.code || !strings.HasPrefix(stdout, c.stdout) || (stdout == "") != (c.stdout == "") ||
			!strings.HasPrefix(stderr, c.stderr) || (stderr == "") != (c.stderr == "") {
			t.Errorf("%q: exit code %d, %q, %q; want %d, %q…, %q…", c.args, code, stdout, stderr, c.code,
				c.stdout, c.stderr)
		}
	}
}

// TestKEDAOfApps asks the monitor at each URL that the command prints, for the apps that have the
// site.
func TestKEDAOfApps(t *testing.T) {
	t.Parallel()
	up := "http://" + healthy(t)
	environ := []string{
		"APPS=shop,blog,pay", "LISTEN_ADDR=127.0.0.1:0", "SITE_A_HEALTH_URL=" + up + "/{app}/a",
		"SITE_B_HEALTH_URL=" + up + "/{app}/b", "SITE_C_HEALTH_URL=" + up + "/{app}/c",
		"APP_BLOG_SITE_C_HEALTH_URL=none",
	}
	m := start(t, environ...)
	for site, apps := range map[string]string{
		"site-a": "shop blog pay", "site-b": "shop blog pay", "site-c": "shop pay",
	} {
		url := "http://" + m.Address
		code, text, stderr := command(t, environ, "keda", "-url", url, site)
		if code != 0 || stderr != "" {
			t.Fatalf("%s: exit code %d, %q", site, code, stderr)
		}
		var asked []string
		for _, path := range submatches(regexp.MustCompile(`url: "`+url+`(.*)"\n`), text) {
			asked = append(asked, strings.Split(path, "/")[2])
			name := strings.TrimPrefix(path, "/metric/")
			m.WantValue(t, name, "0")
		}
		if got := strings.Join(asked, " "); got != apps {
			t.Errorf("%s: objects for %s, want %s", site, got, apps)
		}
	}
	code, _, stderr := command(t, environ, "keda", "-url", "http://m", "site-d")
	want := "failover-monitor: keda: \"site-d\": no such site; there are site-a, site-b, site-c\n"
	if code != 2 || stderr != want {
		t.Errorf("exit code %d, %q; want 2, %q", code, stderr, want)
	}
	code, _, stderr = command(t, environ, "keda", "-url", "http://m", "-deployment", "web", "site-c")
	want = "failover-monitor: -deployment=web: shop and pay get the same, in the same namespace: " +
		"put {app} into it\n"
	if code != 2 || stderr != want {
		t.Errorf("exit code %d, %q; want 2, %q", code, stderr, want)
	}
}
