// Package keda makes the KEDA objects of one site's cluster: a ScaledObject for each app, and a
// TriggerAuthentication for each namespace if the monitor wants a password or a certificate. It
// refuses what KEDA or the HPA would not scale, and makes no Secret.
package keda

import (
	"cmp"
	_ "embed"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"
)

// AppName stands for the name of the app in Namespace, Name and Deployment.
const AppName = "{app}"

// DefaultSecret is the Secret that a TriggerAuthentication reads, if no other is given.
const DefaultSecret = "failover-monitor"

// Cluster is what is wanted for one site's cluster. Mistakes are reported by the flags of the
// command keda, which have the same names.
type Cluster struct {
	Command    []string // that makes this, for the first line
	Site       string
	Apps       []App    // those that have the site
	URLs       []string // of the monitor, or of an odd number of monitors, whose majority decides
	Min, Max   int      // replicas while all other sites are up, and while one is down
	Namespace  string   // "": that of kubectl
	Deployment string   // "": the app's name
	Name       string   // of the ScaledObject; "": as the Deployment
	Auth       string   // "", "basic" or "tls"
	Secret     string   // "": DefaultSecret
}

// App is an app of the site. Without APPS there is one, which has no name.
type App struct {
	Name  string
	Peers []string // the app's other sites
}

//go:embed objects.yaml.tmpl
var objects string

var tmpl = template.Must(template.New("objects").
	Funcs(template.FuncMap{"scalar": scalar, "quote": strconv.Quote}).Parse(objects))

// object is what the templates see: one app's part of a cluster.
type object struct {
	Cluster
	App
	Monitors []monitor // more than one: their majority decides
}

// monitor is one trigger.
type monitor struct{ Name, URL string }

// YAML gives the objects, or an error with a line for each mistake. Only those of the first app
// have comments.
func (c Cluster) YAML() (string, error) {
	c = c.withDefaults()
	if err := c.check(); err != nil {
		return "", err
	}
	var documents, authenticated []string // the latter are namespaces
	for i, app := range c.Apps {
		o := c.object(app)
		kinds := []string{"ScaledObject"}
		if c.Auth != "" && !slices.Contains(authenticated, o.Namespace) {
			kinds = []string{"TriggerAuthentication", "ScaledObject"}
			authenticated = append(authenticated, o.Namespace)
		}
		for _, kind := range kinds {
			document := execute(kind, o)
			if i > 0 {
				document = comment.ReplaceAllString(document, "")
			}
			documents = append(documents, document)
		}
	}
	return execute("header", c) + strings.Join(documents, "---\n"), nil
}

// execute gives what a template prints. It cannot fail: a test executes each.
func execute(name string, data any) string {
	var text strings.Builder
	if err := tmpl.ExecuteTemplate(&text, name, data); err != nil {
		panic(err)
	}
	return text.String()
}

var comment = regexp.MustCompile(`(?m)^ *#.*\n`)

func (c Cluster) withDefaults() Cluster {
	if c.Deployment == "" && c.hasNamedApps() {
		c.Deployment = AppName
	}
	if c.Auth != "" {
		c.Secret = cmp.Or(c.Secret, DefaultSecret)
	}
	c.URLs = slices.Clone(c.URLs)
	for i, u := range c.URLs {
		c.URLs[i] = strings.TrimRight(u, "/")
	}
	return c
}

func (c Cluster) hasNamedApps() bool { return len(c.Apps) > 0 && c.Apps[0].Name != "" }

// object is one app's part.
func (c Cluster) object(app App) object {
	path := "/metric/" + c.Site
	if app.Name != "" {
		path = "/metric/" + app.Name + "/" + c.Site
	}
	o := object{Cluster: c, App: app}
	for i, u := range c.URLs {
		o.Monitors = append(o.Monitors, monitor{fmt.Sprint("m", i+1), u + path})
	}
	o.Cluster.Name = cmp.Or(c.Name, c.Deployment)
	for _, name := range []*string{&o.Cluster.Namespace, &o.Cluster.Deployment, &o.Cluster.Name} {
		*name = strings.ReplaceAll(*name, AppName, app.Name)
	}
	return o
}

// CommandLine is what a shell makes the command of.
func (c Cluster) CommandLine() string {
	words := make([]string, len(c.Command))
	for i, word := range c.Command {
		words[i] = word
		if !plainWord.MatchString(word) {
			words[i] = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		}
	}
	return strings.Join(words, " ")
}

var plainWord = regexp.MustCompile(`^[a-zA-Z0-9_./:@%+=,-]+$`)

// Subject is what runs in the cluster.
func (c Cluster) Subject() string {
	if len(c.Apps) > 1 {
		return "each app"
	}
	return c.object(c.Apps[0]).Deployment
}

// Condition is when there are Max replicas.
func (c Cluster) Condition() string {
	switch peers := c.Apps[0].Peers; {
	case len(c.Apps) > 1:
		return "another of its sites is down"
	case len(peers) > 1:
		return "another site is down"
	default:
		return peers[0] + " is down"
	}
}

// HasMajority is whether several monitors decide.
func (c Cluster) HasMajority() bool { return len(c.URLs) > 1 }

// Majority is how many monitors decide.
func (c Cluster) Majority() int { return len(c.URLs)/2 + 1 }

// Minority is how many monitors may be dead, or wrong.
func (c Cluster) Minority() int { return len(c.URLs) - c.Majority() }

// OneStep is whether the HPA, left alone, might need several steps from Min to Max.
func (c Cluster) OneStep() bool { return c.Max > 2*c.Min }

// milli is how exact KEDA and the HPA are: they count in thousandths.
const milli = 1000

// TargetValue is 1 / Max, rounded down to what KEDA keeps. The HPA then wants Max replicas for a
// value of 1, or more, of which maxReplicaCount leaves Max; rounded up it might want one less.
func (c Cluster) TargetValue() string {
	return strconv.FormatFloat(float64(milli/c.Max)/milli, 'f', -1, 64)
}

// Formula is how KEDA makes replicas of the values of all monitors; nil is one that is dead.
func (o object) Formula() string {
	var values, known []string
	for _, m := range o.Monitors {
		values = append(values, m.Name)
		known = append(known, m.Name+" ?? 0")
	}
	return fmt.Sprintf(
		"count([%s], # == nil) >= %d ? nil : (count([%s], # > 0) >= %[2]d ? %[4]d : 0)",
		strings.Join(values, ", "), o.Majority(), strings.Join(known, ", "), o.Max)
}

// scalar quotes a name that YAML would take for a number, a date or a truth value.
func scalar(name string) string {
	words := []string{"true", "false", "yes", "no", "on", "off", "y", "n", "null"}
	if name[0] <= '9' || slices.Contains(words, name) {
		return strconv.Quote(name)
	}
	return name
}
