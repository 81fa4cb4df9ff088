package main

import (
	"flag"
	"fmt"
	"strings"
	"testing"

	"failover-monitor/internal/config"
)

// TestAppsWith finds the apps that have a site, or one of them, and their other sites.
func TestAppsWith(t *testing.T) {
	t.Parallel()
	parse := func(ids string) (sites []config.Site) {
		for id := range strings.FieldsSeq(ids) {
			app, name, found := strings.Cut(id, "/")
			if !found {
				app, name = "", id
			}
			sites = append(sites, config.Site{App: app, Name: name})
		}
		return sites
	}
	const apps = "shop/site-a shop/site-b blog/site-b blog/site-c pay/site-a pay/site-b pay/site-c"
	var names []string
	for i := range 12 {
		names = append(names, fmt.Sprint("app", i))
	}
	many := strings.Join(names, "/site-a ") + "/site-a"
	for _, c := range []struct{ sites, site, want string }{
		{"site-a site-b", "site-a", "[{ [site-b]}]"},
		{"site-a site-b site-c", "site-b", "[{ [site-a site-c]}]"},
		{apps, "site-a", "[{shop [site-b]} {pay [site-b site-c]}]"},
		{apps, "site-b", "[{shop [site-a]} {blog [site-c]} {pay [site-a site-c]}]"},
		{apps, "shop/site-a", "[{shop [site-b]}]"},
		{apps, "pay/site-b", "[{pay [site-a site-c]}]"},
		{apps, "shop", `"shop": no such site; there are site-a, site-b, site-c`},
		{apps, "site-d", `"site-d": no such site; there are site-a, site-b, site-c`},
		{apps, "shop/site-c", `"shop/site-c": no such site of shop; there are site-a, site-b`},
		{apps, "shop/", `"shop/": no such site of shop; there are site-a, site-b`},
		{apps, "shp/site-a", `"shp/site-a": no such app; there are shop, blog, pay`},
		{apps, "/site-a", `"/site-a": no such app; there are shop, blog, pay`},
		{apps, "shop/site-a/", `"shop/site-a/": no such site of shop; there are site-a, site-b`},
		{"site-a site-b", "shop/site-a", `"shop/site-a": no such site; there are site-a, site-b`},
		{"site-a site-b", "/site-a", `"/site-a": no such site; there are site-a, site-b`},
		{many, "x/site-a", `"x/site-a": no such app; there are ` + strings.Join(names[:10], ", ") +
			" and 2 more"},
	} {
		found, err := appsWith(c.site, parse(c.sites))
		got := fmt.Sprint(found)
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s of %s: got %s, want %s", c.site, c.sites, got, c.want)
		}
	}
}

// TestKEDAUsage: the help has a line for each flag.
func TestKEDAUsage(t *testing.T) {
	t.Parallel()
	_, flags := kedaFlags()
	count := 0
	flags.VisitAll(func(f *flag.Flag) {
		count++
		if !strings.Contains(kedaUsage, "\n  -"+f.Name+" ") {
			t.Errorf("-%s is not in\n%s", f.Name, kedaUsage)
		}
	})
	if lines := strings.Count(kedaUsage, "\n  -"); lines != count {
		t.Errorf("%d flags, and %d lines about them", count, lines)
	}
}
