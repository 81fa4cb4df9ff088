package keda

import (
	"flag"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"go.yaml.in/yaml/v2"
)

var update = flag.Bool("update", false, "write testdata anew")

// cluster is site-a's without APPS.
func cluster(change ...func(*Cluster)) Cluster {
	c := Cluster{
		Command: []string{"failover-monitor", "keda", "…", "site-a"},
		Site:    "site-a", Apps: []App{{Peers: []string{"site-b"}}},
		URLs: []string{"http://monitor:8000"}, Min: 2, Max: 4, Deployment: "my-app",
	}
	for _, f := range change {
		f(&c)
	}
	return c
}

// withApps gives it some apps, and takes away what is only for one.
func withApps(names ...string) func(*Cluster) {
	return func(c *Cluster) {
		c.Deployment, c.Apps = "", nil
		for _, name := range names {
			c.Apps = append(c.Apps, App{name, []string{"site-b"}})
		}
	}
}

// objectsOf parses the objects.
func objectsOf(t *testing.T, c Cluster) (parsed []map[string]any) {
	t.Helper()
	text, err := c.YAML()
	if err != nil {
		t.Fatal(err)
	}
	for document := range strings.SplitSeq(text, "\n---\n") {
		object := make(map[string]any)
		if err := yaml.UnmarshalStrict([]byte(document), &object); err != nil {
			t.Fatalf("%v in\n%s", err, document)
		}
		parsed = append(parsed, object)
	}
	return parsed
}

// at follows keys, and takes the first of a list.
func at(value any, path ...string) any {
	for _, key := range path {
		if list, ok := value.([]any); ok {
			value = list[0]
		}
		switch parent := value.(type) {
		case map[string]any:
			value = parent[key]
		case map[any]any:
			value = parent[key]
		default:
			return nil
		}
	}
	return value
}

// TestWholeText compares all there is: several apps, a majority, authentication, more than a
// doubling. The files of deploy/keda are the rest.
func TestWholeText(t *testing.T) {
	t.Parallel()
	c := cluster(withApps("shop", "blog"), func(c *Cluster) {
		c.URLs = []string{"https://m1:8000/", "https://m2:8000", "https://m3.example.com/gate"}
		c.Command = []string{"failover-monitor", "keda", "-name", "{app}", "site-a"}
		c.Max, c.Auth, c.Namespace = 5, "tls", "prod"
	})
	got, err := c.YAML()
	if err != nil {
		t.Fatal(err)
	}
	const file = "testdata/majority.yaml"
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("is not %s:\n%s", file, got)
	}
	if again, _ := c.YAML(); again != got {
		t.Error("the same cluster gives another text")
	}
}

// TestNames looks at what each app gets.
func TestNames(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		cluster Cluster
		want    string // namespace/ScaledObject → Deployment, and the path that it asks for
	}{
		{"without APPS", cluster(), "/my-app → my-app /metric/site-a"},
		{"a name", cluster(func(c *Cluster) { c.Name, c.Namespace = "failover", "prod" }),
			"prod/failover → my-app /metric/site-a"},
		{"apps", cluster(withApps("shop", "blog")),
			"/shop → shop /metric/shop/site-a, /blog → blog /metric/blog/site-a"},
		{"a namespace for each", cluster(withApps("shop", "blog"), func(c *Cluster) {
			c.Namespace, c.Deployment = "{app}-prod", "web"
		}), "shop-prod/web → web /metric/shop/site-a, blog-prod/web → web /metric/blog/site-a"},
		{"one app", cluster(withApps("shop"), func(c *Cluster) { c.Deployment = "web" }),
			"/web → web /metric/shop/site-a"},
		{"names", cluster(withApps("shop"), func(c *Cluster) {
			c.Deployment, c.Name = "{app}.web", "failover-{app}-{app}"
		}), "/failover-shop-shop → shop.web /metric/shop/site-a"},
		{"what YAML takes for another type", cluster(withApps("404", "1e3", "true", "no", "2026-11-26")),
			"/404 → 404 /metric/404/site-a, /1e3 → 1e3 /metric/1e3/site-a, " +
				"/true → true /metric/true/site-a, /no → no /metric/no/site-a, " +
				"/2026-11-26 → 2026-11-26 /metric/2026-11-26/site-a"},
	} {
		var got []string
		for _, o := range objectsOf(t, c.cluster) {
			namespace, _ := at(o, "metadata", "namespace").(string)
			url := at(o, "spec", "triggers", "metadata", "url").(string)
			got = append(got, fmt.Sprintf("%s/%s → %s %s", namespace, at(o, "metadata", "name").(string),
				at(o, "spec", "scaleTargetRef", "name").(string),
				strings.TrimPrefix(url, "http://monitor:8000")))
		}
		if got := strings.Join(got, ", "); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

// TestOneAuthenticationForEachNamespace since all its apps can use it.
func TestOneAuthenticationForEachNamespace(t *testing.T) {
	t.Parallel()
	for namespace, want := range map[string]string{
		"":      "TriggerAuthentication ScaledObject ScaledObject",
		"prod":  "TriggerAuthentication ScaledObject ScaledObject",
		"{app}": "TriggerAuthentication ScaledObject TriggerAuthentication ScaledObject",
	} {
		var kinds []string
		for _, o := range objectsOf(t, cluster(withApps("shop", "blog"), func(c *Cluster) {
			c.Auth, c.Secret, c.Namespace = "basic", "keda", namespace
			c.URLs = []string{"https://monitor:8000"}
		})) {
			kinds = append(kinds, o["kind"].(string))
			refs := []any{at(o, "spec", "secretTargetRef", "name"),
				at(o, "spec", "triggers", "authenticationRef", "name")}
			if refs[0] != "keda" && refs[1] != "keda" {
				t.Errorf("%v does not name the Secret or what reads it", o)
			}
		}
		if got := strings.Join(kinds, " "); got != want {
			t.Errorf("%q: got %s, want %s", namespace, got, want)
		}
	}
}

// TestCommentsOnce: the first app explains all, and the others nothing.
func TestCommentsOnce(t *testing.T) {
	t.Parallel()
	one, err1 := cluster(withApps("shop")).YAML()
	three, err3 := cluster(withApps("shop", "blog", "pay")).YAML()
	if err1 != nil || err3 != nil {
		t.Fatal(err1, err3)
	}
	if a, b := strings.Count(one, "#"), strings.Count(three, "#"); a != b {
		t.Errorf("one app has %d comments, three have %d", a, b)
	}
}

// TestHeader says when there are more replicas.
func TestHeader(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]Cluster{
		"my-app runs with 2 replicas, and with 4 while site-b is down.": cluster(),
		"my-app runs with 1 replica, and with 4 while another site is down.": cluster(func(c *Cluster) {
			c.Min, c.Apps[0].Peers = 1, []string{"site-b", "site-c"}
		}),
		"shop runs with 2 replicas, and with 4 while site-b is down.": cluster(withApps("shop")),
		"each app runs with 2 replicas, and with 4 while another of its sites is down.": cluster(
			withApps("shop", "blog")),
		"# 3 of 5 monitors decide. They share nothing; 2 of them may be dead, or wrong.": cluster(
			func(c *Cluster) { c.URLs = strings.Fields("http://1 http://2 http://3 http://4 http://5") }),
	} {
		if text, err := c.YAML(); err != nil || !strings.Contains(text, want+"\n") {
			t.Errorf("%v: %q is not in\n%s", err, want, text)
		}
	}
	c := cluster(func(c *Cluster) { c.Command = []string{"keda", "-name", "it's {app}", "-max=4"} })
	if got, want := c.CommandLine(), `keda -name 'it'\''s {app}' -max=4`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestArithmetic takes every count that is accepted through the arithmetic of KEDA and the HPA: a
// value of 1 wants max, whatever KEDA does with a fourth decimal.
func TestArithmetic(t *testing.T) {
	t.Parallel()
	for most := 2; most <= 1000; most++ {
		var target float64
		fmt.Sscan(cluster(func(c *Cluster) { c.Max = most }).TargetValue(), &target)
		for _, milli := range []int64{int64(target * 1000), int64(math.Round(target * 1000))} {
			if milli < 1 {
				t.Fatalf("max %d: target %v is nothing to KEDA", most, target)
			}
			if wants := int(math.Ceil(1000 / float64(milli))); wants < most {
				t.Errorf("max %d: target %v wants %d replicas", most, target, wants)
			}
		}
	}
}

// TestStep: more than a doubling needs a policy, or the HPA takes several steps.
func TestStep(t *testing.T) {
	t.Parallel()
	for counts, want := range map[[2]int]any{{2, 4}: nil, {1, 2}: nil, {2, 5}: 5, {4, 40}: 40} {
		o := objectsOf(t, cluster(func(c *Cluster) { c.Min, c.Max = counts[0], counts[1] }))[0]
		got := at(o, "spec", "advanced", "horizontalPodAutoscalerConfig", "behavior", "scaleUp",
			"policies", "value")
		if got != want {
			t.Errorf("%v: the policy adds %v, want %v", counts, got, want)
		}
	}
}

// TestRefusals has what would not scale, or give a secret away.
func TestRefusals(t *testing.T) {
	t.Parallel()
	const tooLong = ": want at most 54 characters: KEDA puts keda-hpa- before it, and refuses more than 63"
	long := strings.Repeat("x", 55)
	var many []string
	for i := range 12 {
		many = append(many, long+fmt.Sprint(i))
	}
	urls := func(urls ...string) func(*Cluster) { return func(c *Cluster) { c.URLs = urls } }
	auth := func(auth string, urls ...string) func(*Cluster) {
		return func(c *Cluster) { c.Auth, c.URLs = auth, urls }
	}
	replicas := func(few, many int) func(*Cluster) {
		return func(c *Cluster) { c.Min, c.Max = few, many }
	}
	for _, c := range []struct {
		change func(*Cluster)
		want   string
	}{
		{replicas(2, 2), "-max=2: want more than -min=2, or nothing scales"},
		{replicas(0, 4), "-min=0: want at least 1: with 0, KEDA stops the app while all sites are up"},
		{replicas(-1, 4), "-min=-1: want at least 1: with 0, KEDA stops the app while all sites are up"},
		{replicas(2, 1001), "-max=1001: want at most 1000: 1 / max is targetValue, and KEDA keeps " +
			"three decimals"},
		{replicas(10, 11), "-max=11: want at least 12 with -min=10: an HPA ignores a change of 10 %"},
		{replicas(37, 40), "-max=40: want at least 41 with -min=37: an HPA ignores a change of 10 %"},
		{urls(), "-url is given 0 times: want it once, or an odd number of times, such as 3: a " +
			"majority decides"},
		{urls("http://a", "http://b"), "-url is given 2 times: want it once, or an odd number of " +
			"times, such as 3: a majority decides"},
		{urls("http://a", "http://b", "http://a/"),
			"-url=http://a is the same monitor as -url=http://a: one monitor has one vote"},
		{urls("http://m", "http://b", "http://m:80"),
			"-url=http://m:80 is the same monitor as -url=http://m: one monitor has one vote"},
		{urls("https://m", "https://M.:0443/", "https://b"),
			"-url=https://M.:0443 is the same monitor as -url=https://m: one monitor has one vote"},
		{urls("http://m/gate", "http://m//x/../gate/", "http://m/%67ate"),
			"-url=http://m//x/../gate is the same monitor as -url=http://m/gate: one monitor has one " +
				"vote\n-url=http://m/%67ate is the same monitor as -url=http://m//x/../gate: one monitor " +
				"has one vote"},
		{urls("http://[2001:db8::1]:80", "HTTP://[2001:DB8::1]", "m"),
			"-url=HTTP://[2001:DB8::1] is the same monitor as -url=http://[2001:db8::1]:80: one monitor " +
				"has one vote\n-url: \"m\": want http:// or https:// and a host"},
		{urls("monitor:8000"), `-url: "monitor:8000": want http:// or https:// and a host`},
		{urls("ftp://monitor"), `-url: "ftp://monitor": want http:// or https:// and a host`},
		{urls("http://:8000"), `-url: "http://:8000": want http:// or https:// and a host`},
		{urls("http://m:66000"), `-url: "http://m:66000": want a port up to 65535`},
		{urls("http://m/metric/site-a"),
			`-url: "http://m/metric/site-a": want it without /metric/…, which is put behind it`},
		{urls("http://m/{app}"), `-url: "http://m/{app}": want letters, digits and the signs ` +
			`-._~%:/[] only`},
		{urls("http://keda:geheim@m"), "-url: want no user and password in it: -auth basic takes them " +
			"from a Secret"},
		{urls("http://m?token=geheim"),
			"-url: want neither ? nor # in it: the path /metric/… comes behind it"},
		{urls("http://keda:geheim@m m"),
			"-url: want a URL, such as http://failover-monitor.example.com:8000"},
		{auth("basic", "http://m"), `-url: "http://m": want https with -auth basic: the password would ` +
			`be sent in clear`},
		{auth("tls", "http://m"),
			`-url: "http://m": want https with -auth tls: there is no certificate without it`},
		{auth("bearer", "https://m"), "-auth=bearer: want basic or tls"},
		{func(c *Cluster) { c.Secret = "x" }, "-secret=x: want -auth, too"},
		{func(c *Cluster) { auth("tls", "https://m")(c); c.Secret = "{app}" },
			"-secret={app}: want lower-case letters, digits, hyphens and dots, with a letter or digit at " +
				"both ends"},
		{func(c *Cluster) { c.Deployment = "" },
			"-deployment is not given: want the name of the Deployment"},
		{func(c *Cluster) { c.Deployment = "{app}" },
			"-deployment={app}: there is no {app} without APPS"},
		{func(c *Cluster) { c.Namespace = "{app}" }, "-namespace={app}: there is no {app} without APPS"},
		{func(c *Cluster) { c.Namespace = "a.b" }, "-namespace=a.b: want lower-case letters, digits " +
			"and hyphens, with a letter or digit at both ends"},
		{func(c *Cluster) { c.Deployment = "My_App" }, "-deployment=My_App: want lower-case letters, " +
			"digits, hyphens and dots, with a letter or digit at both ends"},
		{func(c *Cluster) { c.Deployment = long + long }, "-deployment=" + long + long +
			": want at most 63 characters"},
		{func(c *Cluster) { c.Name = long }, "-name=" + long + tooLong},
		{func(c *Cluster) { c.Deployment = long }, "-name is not given, so it is " + long + tooLong},
		{withApps(long), "-name is not given, so it is {app}" + tooLong + "; it is longer for " + long +
			": give another name, as in keda -name … " + long + "/site-a"},
		{withApps("shop", long, "blog", "y"+long), "-name is not given, so it is {app}" + tooLong +
			"; it is longer for " + long + ", y" + long +
			": print each app alone, these with names of their own, as in keda -name … " + long +
			"/site-a"},
		{func(c *Cluster) { withApps("shop", long[:50])(c); c.Name = "{app}-prod" },
			"-name={app}-prod" + tooLong + "; it is longer for " + long[:50] +
				": print each app alone, these with names of their own, as in keda -name … " + long[:50] +
				"/site-a"},
		{func(c *Cluster) { withApps("shop", long)(c); c.Namespace = "{app}-namespace" },
			"-namespace={app}-namespace: want at most 63 characters; it is longer for " + long +
				": print each app alone, these with names of their own, as in keda -namespace … " + long +
				"/site-a"},
		{withApps(many...), "-name is not given, so it is {app}" + tooLong + "; it is longer for " +
			strings.Join(many[:10], ", ") + " and 2 more: print each app alone, these with names of " +
			"their own, as in keda -name … " + many[0] + "/site-a"},
		{func(c *Cluster) { c.Auth, c.URLs, c.Secret = "tls", []string{"https://m"}, long+long },
			"-secret=" + long + long + ": want at most 63 characters"},
		{func(c *Cluster) { withApps("shop", "blog")(c); c.Deployment = "web" },
			"-deployment=web: shop and blog get the same, in the same namespace: put {app} into it"},
		{func(c *Cluster) { withApps("shop", "blog")(c); c.Name = "web" },
			"-name=web: shop and blog get the same, in the same namespace: put {app} into it"},
		{func(c *Cluster) { replicas(0, 0)(c); urls("m")(c); c.Auth, c.Deployment = "x", "" },
			"-min=0: want at least 1: with 0, KEDA stops the app while all sites are up\n" +
				"-url: \"m\": want http:// or https:// and a host\n-auth=x: want basic or tls\n" +
				"-deployment is not given: want the name of the Deployment"},
	} {
		text, err := cluster(c.change).YAML()
		if err == nil || err.Error() != c.want || text != "" {
			t.Errorf("got  %v\nwant %s", err, c.want)
		}
	}
	for _, accepted := range []func(*Cluster){
		replicas(2, 1000), replicas(10, 12), replicas(1, 2),
		func(c *Cluster) { replicas(2, 5000)(c); c.URLs = []string{"http://a", "http://b", "http://c"} },
		urls("http://m", "https://m", "http://m:443"), urls("http://m", "http://m/a", "http://m/A"),
		urls("https://[2001:db8::1]:8443/gate/"), func(c *Cluster) { withApps(long)(c); c.Name = "x" },
		func(c *Cluster) { c.Name = long[:54] },
	} {
		if _, err := cluster(accepted).YAML(); err != nil {
			t.Errorf("refuses: %v", err)
		}
	}
}
