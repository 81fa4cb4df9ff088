package keda

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"

	"failover-monitor/internal/names"
)

// check gives a line for each mistake.
func (c Cluster) check() error {
	return errors.Join(c.checkReplicas(), errors.Join(c.checkURLs()...), c.checkAuth(), c.checkNames())
}

func (c Cluster) checkReplicas() error {
	switch {
	case c.Min < 1:
		return fmt.Errorf("-min=%d: want at least 1: with 0, KEDA stops the app while all sites are up",
			c.Min)
	case c.Max <= c.Min:
		return fmt.Errorf("-max=%d: want more than -min=%d, or nothing scales", c.Max, c.Min)
	case c.Max > math.MaxInt32:
		return fmt.Errorf("-max=%d: want at most %d", c.Max, math.MaxInt32)
	case c.Max > milli && !c.HasMajority(): // whose formula gives replicas
		return fmt.Errorf("-max=%d: want at most %d: 1 / max is targetValue, and KEDA keeps three "+
			"decimals", c.Max, milli)
	case 10*c.Max <= 11*c.Min:
		return fmt.Errorf("-max=%d: want at least %d with -min=%d: an HPA ignores a change of 10 %%",
			c.Max, 11*c.Min/10+1, c.Min)
	}
	return nil
}

func (c Cluster) checkURLs() (faults []error) {
	given := make(map[string]string) // URLs by their canonical form
	if len(c.URLs)%2 == 0 {
		faults = append(faults, fmt.Errorf(
			"-url is given %d times: want it once, or an odd number of times, such as 3: a majority decides",
			len(c.URLs)))
	}
	for _, text := range c.URLs {
		if problem := c.urlProblem(text); problem != "" {
			faults = append(faults, errors.New("-url: "+problem))
			continue
		}
		form := canonical(text)
		if other, taken := given[form]; taken {
			faults = append(faults, fmt.Errorf(
				"-url=%s is the same monitor as -url=%s: one monitor has one vote", text, other))
		}
		given[form] = text
	}
	return faults
}

// canonical is the same for all ways to write a URL that is right.
func canonical(text string) string {
	u, _ := url.Parse(text)
	port, err := strconv.Atoi(u.Port()) // 080 is 80
	if err != nil {
		port = map[string]int{"http": 80, "https": 443}[u.Scheme]
	}
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	return fmt.Sprint(u.Scheme, " ", host, " ", port, " ", path.Clean("/"+u.Path))
}

// urlProblem is what is wrong with a monitor's URL, without what might be secret in it.
func (c Cluster) urlProblem(text string) string {
	u, err := url.Parse(text)
	if err != nil { // it has the URL in it
		return "want a URL, such as http://failover-monitor.example.com:8000"
	}
	port, err := strconv.Atoi(u.Port())
	switch {
	case u.User != nil:
		return "want no user and password in it: -auth basic takes them from a Secret"
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "want neither ? nor # in it: the path /metric/… comes behind it"
	case u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return fmt.Sprintf("%q: want http:// or https:// and a host", text)
	case u.Port() != "" && (err != nil || port < 1 || port > math.MaxUint16):
		return fmt.Sprintf("%q: want a port up to 65535", text)
	case strings.Contains(u.Path+"/", "/metric/"):
		return fmt.Sprintf("%q: want it without /metric/…, which is put behind it", text)
	case !plainURL.MatchString(text):
		return fmt.Sprintf("%q: want letters, digits and the signs -._~%%:/[] only", text)
	case c.Auth == "basic" && u.Scheme != "https":
		return fmt.Sprintf("%q: want https with -auth basic: the password would be sent in clear", text)
	case c.Auth == "tls" && u.Scheme != "https":
		return fmt.Sprintf("%q: want https with -auth tls: there is no certificate without it", text)
	}
	return ""
}

var plainURL = regexp.MustCompile(`^[a-zA-Z0-9._~%:/\[\]-]+$`)

func (c Cluster) checkAuth() error {
	switch {
	case c.Auth == "" && c.Secret != "":
		return fmt.Errorf("-secret=%s: want -auth, too", c.Secret)
	case c.Auth == "":
		return nil
	case c.Auth != "basic" && c.Auth != "tls":
		return fmt.Errorf("-auth=%s: want basic or tls", c.Auth)
	}
	secret := nameFlag{"-secret", c.Secret, maxName, true}
	return cmp.Or(secret.check(App{Name: AppName}), secret.checkLength(c))
}

// Kubernetes allows some names to be longer; KEDA names the HPA keda-hpa- and the ScaledObject's
// name.
const (
	maxName             = 63
	maxScaledObjectName = maxName - len("keda-hpa-")
)

// nameFlag is a flag with a name that may have {app} in it.
type nameFlag struct {
	flag, pattern string
	longest       int
	given         bool // or else the pattern is that of another flag
}

func (f nameFlag) name(app App) string { return strings.ReplaceAll(f.pattern, AppName, app.Name) }

func (f nameFlag) String() string {
	if !f.given {
		return f.flag + " is not given, so it is " + f.pattern
	}
	return f.flag + "=" + f.pattern
}

// checkNames looks at the names of each app, and reports the first that is wrong.
func (c Cluster) checkNames() error {
	namespace := nameFlag{"-namespace", c.Namespace, maxName, true}
	deployment := nameFlag{"-deployment", c.Deployment, maxName, true}
	name := nameFlag{"-name", cmp.Or(c.Name, c.Deployment), maxScaledObjectName, c.Name != ""}
	if c.Deployment == "" {
		return errors.New("-deployment is not given: want the name of the Deployment")
	}
	for _, f := range []nameFlag{namespace, deployment, name} {
		if strings.Contains(f.pattern, AppName) && !c.hasNamedApps() {
			return fmt.Errorf("%s: there is no %s without APPS", f, AppName)
		}
		for _, app := range c.Apps {
			if err := f.check(app); err != nil {
				return err
			}
		}
		if err := f.checkLength(c); err != nil {
			return err
		}
	}
	for _, f := range []nameFlag{deployment, name} {
		owners := map[string]string{} // app by namespace and name
		for _, app := range c.Apps {
			key := namespace.name(app) + "/" + f.name(app)
			if owner, taken := owners[key]; taken {
				return fmt.Errorf("%s: %s and %s get the same, in the same namespace: put %s into it",
					f, owner, app.Name, AppName)
			}
			owners[key] = app.Name
		}
	}
	return nil
}

// Names as Kubernetes wants them (RFC 1123). Only a namespace has no dots.
var (
	label     = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)
	subdomain = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$`)
)

func (f nameFlag) check(app App) error {
	given, name := f.String(), f.name(app)
	if name != f.pattern {
		given += " is " + name + " for " + app.Name
	}
	rule, signs := subdomain, "lower-case letters, digits, hyphens and dots"
	if f.flag == "-namespace" {
		rule, signs = label, "lower-case letters, digits and hyphens"
	}
	if !rule.MatchString(name) && (name != "" || f.flag != "-namespace") {
		return fmt.Errorf("%s: want %s, with a letter or digit at both ends", given, signs)
	}
	return nil
}

// checkLength reports all apps whose name is too long, and what to write for them.
func (f nameFlag) checkLength(c Cluster) error {
	var long []string
	for _, app := range c.Apps {
		if len(f.name(app)) > f.longest {
			long = append(long, app.Name)
		}
	}
	if long == nil {
		return nil
	}
	fault := fmt.Sprintf("%s: want at most %d characters", f, f.longest)
	if f.longest == maxScaledObjectName {
		fault += fmt.Sprintf(": KEDA puts keda-hpa- before it, and refuses more than %d", maxName)
	}
	if !strings.Contains(f.pattern, AppName) {
		return errors.New(fault)
	}
	remedy := "print each app alone, these with names of their own"
	if len(c.Apps) == 1 {
		remedy = "give another name"
	}
	return fmt.Errorf("%s; it is longer for %s: %s, as in keda %s … %s/%s", fault,
		names.List(long, names.Short), remedy, f.flag, long[0], c.Site)
}
