package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"failover-monitor/internal/config"
	"failover-monitor/internal/keda"
	"failover-monitor/internal/names"
)

const kedaUsage = `Usage: failover-monitor keda [flags] SITE or APP/SITE

Prints the KEDA objects of that site's cluster, a ScaledObject for each app that has the site, for
kubectl apply -f - or for Git. APP/SITE prints that app's alone. It takes apps and sites from the
settings.

  -url URL          of the monitor, as the cluster reaches it; three times, with three of them, for
                    the majority of three monitors, which needs KEDA 2.20
  -min N            replicas while the other sites are up (2)
  -max N            replicas while another one is down (4)
  -deployment NAME  that scales; with APPS {app} if it is not given
  -name NAME        of the ScaledObject; that of the Deployment if it is not given
  -namespace NAME   of both; kubectl's own if it is not given
  -auth basic|tls   the monitor wants a password, or a client certificate
  -secret NAME      where KEDA finds it (failover-monitor): username and password; or tls.crt,
                    tls.key and ca.crt

{app} in -deployment, -name and -namespace stands for the name of each app in APPS.
`

// list is a flag that may be given several times.
type list []string

func (l *list) String() string     { return strings.Join(*l, " ") }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }

// printKEDA prints the KEDA objects of one site's cluster.
func printKEDA(ctx context.Context, p process, args []string) int {
	c, err := parseKEDA(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(p.stdout, kedaUsage)
		return exitOK
	}
	if err != nil {
		return p.fail(exitUsage, fmt.Errorf(
			"keda: %w; \"failover-monitor keda -h\" explains the flags", err))
	}
	return p.withConfig(ctx, func(_ context.Context, p process, s setup) int {
		if c.Apps, err = appsWith(c.Site, s.Sites); err != nil {
			return p.fail(exitUsage, fmt.Errorf("keda: %w", err))
		}
		c.Site = path.Base(c.Site) // without the app
		objects, err := c.YAML()
		if err != nil {
			return p.fail(exitUsage, err)
		}
		fmt.Fprint(p.stdout, objects)
		return exitOK
	})
}

// parseKEDA reads the arguments of the command.
func parseKEDA(args []string) (*keda.Cluster, error) {
	c, flags := kedaFlags()
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	// What is not a site might be a URL with a password.
	if strings.Contains(flags.Arg(0), "://") {
		return nil, errors.New("want SITE or APP/SITE behind all flags, not a URL")
	}
	if flags.NArg() != 1 {
		return nil, fmt.Errorf("want one SITE or APP/SITE, behind all flags; got %d", flags.NArg())
	}
	c.Command, c.Site = append([]string{"failover-monitor", "keda"}, args...), flags.Arg(0)
	return c, nil
}

// kedaFlags are what kedaUsage explains, and where their values go.
func kedaFlags() (*keda.Cluster, *flag.FlagSet) {
	c, flags := new(keda.Cluster), flag.NewFlagSet("keda", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Var((*list)(&c.URLs), "url", "")
	flags.IntVar(&c.Min, "min", 2, "")
	flags.IntVar(&c.Max, "max", 4, "")
	flags.StringVar(&c.Deployment, "deployment", "", "")
	flags.StringVar(&c.Name, "name", "", "")
	flags.StringVar(&c.Namespace, "namespace", "", "")
	flags.StringVar(&c.Auth, "auth", "", "")
	flags.StringVar(&c.Secret, "secret", "", "")
	return c, flags
}

// appsWith gives the app that APP/SITE names, or all apps that have SITE, each with its other
// sites.
func appsWith(named string, all []config.Site) (apps []keda.App, err error) {
	peers := make(map[string][]string) // by app
	for _, s := range all {
		if s.Name == named || s.ID() == named {
			apps = append(apps, keda.App{Name: s.App})
		} else {
			peers[s.App] = append(peers[s.App], s.Name)
		}
	}
	if apps == nil {
		return nil, explainNoSite(named, all)
	}
	for i, app := range apps {
		apps[i].Peers = peers[app.Name]
	}
	return apps, nil
}

// explainNoSite says which sites there are, if need be of an app, or which apps.
func explainNoSite(named string, all []config.Site) error {
	app, _, ofApp := strings.Cut(named, "/")
	ofApp = ofApp && all[0].App != ""
	var apps, there []string
	for _, s := range all {
		apps = append(apps, s.App)
		if !ofApp || s.App == app {
			there = append(there, s.Name)
		}
	}
	what := "site"
	switch {
	case there == nil:
		what, there = "app", apps
	case ofApp:
		what = "site of " + app
	default:
		slices.Sort(there) // all apps have much the same sites
	}
	return fmt.Errorf("%q: no such %s; there are %s", named, what,
		names.List(slices.Compact(there), names.Short))
}
