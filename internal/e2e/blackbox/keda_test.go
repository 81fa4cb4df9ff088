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
		{nil, []string{"-h"}, 0, "Usage: failover-monitor keda [flags] SITE or APP/SITE\n", ""},
		{nil, []string{"--help"}, 0, "Usage: failover-monitor keda [flags] SITE or APP/SITE\n", ""},
		{nil, nil, 2, "", "failover-monitor: keda: want one SITE or APP/SITE, behind all flags; got 0" + explains},
		{nil, []string{"site-a", "-max", "6"}, 2, "",
			"failover-monitor: keda: want one SITE or APP/SITE, behind all flags; got 3" + explains},
		{nil, []string{"http://keda:geheim@m"}, 2, "",
			"failover-monitor: keda: want SITE or APP/SITE behind all flags, not a URL" + explains},
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
	for args, want := range map[string]string{
		"site-d":      `keda: "site-d": no such site; there are site-a, site-b, site-c`,
		"shp/site-a":  `keda: "shp/site-a": no such app; there are shop, blog, pay`,
		"blog/site-c": `keda: "blog/site-c": no such site of blog; there are site-a, site-b`,
		"-deployment web site-c": "-deployment=web: shop and pay get the same, in the same namespace: " +
			"put {app} into it",
		"-url http://M.:80 -url http://n site-a": "-url=http://M.:80 is the same monitor as " +
			"-url=http://m: one monitor has one vote",
	} {
		refused(t, environ, args, want)
	}
}

// refused runs the command with a -url and some more, and expects one mistake.
func refused(t *testing.T, environ []string, args, want string) {
	t.Helper()
	all := append([]string{"keda", "-url", "http://m"}, strings.Fields(args)...)
	code, stdout, stderr := command(t, environ, all...)
	if want = "failover-monitor: " + want + "\n"; code != 2 || stdout != "" || stderr != want {
		t.Errorf("%s: exit code %d, %q, %q; want 2, %q", args, code, stdout, stderr, want)
	}
}

// TestKEDAOfOneApp: an app is printed alone, with the same comments, and as it is among all of them.
func TestKEDAOfOneApp(t *testing.T) {
	t.Parallel()
	environ := appSites("shop,blog", "a.test", "b.test")
	printed := func(args ...string) (header, object string) {
		t.Helper()
		code, text, stderr := command(t, environ, append([]string{"keda", "-url", "http://m"}, args...)...)
		header, object, found := strings.Cut(text, "apiVersion: ")
		if code != 0 || stderr != "" || !found {
			t.Fatalf("%q: exit code %d, %q, %q", args, code, stderr, text)
		}
		return header, object
	}
	_, all := printed("site-a")
	first, second, _ := strings.Cut(all, "---\napiVersion: ")
	header, shop := printed("shop/site-a")
	want := "# Made by: failover-monitor keda -url http://m shop/site-a\n#\n" +
		"# The cluster of site-a: shop runs with 2 replicas, and with 4 while site-b is down.\n"
	if !strings.HasPrefix(header, want) || shop != first {
		t.Errorf("shop alone is\n%s%s\nwant\n%s%s", header, shop, want, first)
	}
	_, blog := printed("blog/site-a")
	if got := regexp.MustCompile(`(?m)^ *#.*\n`).ReplaceAllString(blog, ""); got == blog || got != second {
		t.Errorf("blog alone is\n%s\nwant comments in\n%s", blog, second)
	}
	_, blog = printed("-max", "9", "-deployment", "web", "blog/site-a")
	for _, line := range []string{"maxReplicaCount: 9\n", "name: web\n",
		"url: \"http://m/metric/blog/site-a\"\n"} {
		if strings.Count(blog, line) == 0 {
			t.Errorf("%q is not in\n%s", line, blog)
		}
	}
}

// TestKEDAOfLongNames: whatever the command refuses, it takes with the flag that it names.
func TestKEDAOfLongNames(t *testing.T) {
	t.Parallel()
	b, c := strings.Repeat("b", 63), strings.Repeat("c", 55)
	environ := appSites("shop,"+b+","+c, "a.test", "b.test")
	tooLong := "-name is not given, so it is {app}: want at most 54 characters: KEDA puts keda-hpa- " +
		"before it, and refuses more than 63; it is longer for "
	refused(t, environ, "site-a", tooLong+b+", "+c+": print each app alone, these with names of their "+
		"own, as in keda -name … "+b+"/site-a")
	refused(t, environ, c+"/site-a", tooLong+c+": give another name, as in keda -name … "+c+"/site-a")
	for _, args := range [][]string{{"shop/site-a"}, {"-name", "b", b + "/site-a"},
		{"-name", "c", c + "/site-a"}} {
		code, _, stderr := command(t, environ, append([]string{"keda", "-url", "http://m"}, args...)...)
		if code != 0 || stderr != "" {
			t.Errorf("%q: exit code %d, %q", args, code, stderr)
		}
	}
}
