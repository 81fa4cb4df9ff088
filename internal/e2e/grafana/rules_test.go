package grafana

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// The rules. Those with the name of a rule of dashboard-linter, without its "-rule", want what that
// one wants, or more; those about "app" and "site", "uid" and "panel-layout" are our own.

// found reports a mistake.
type found func(rule, format string, args ...any)

// variables are those that every query goes by. Dashboard-linter wants the first two.
var variables = []string{"job", "instance", "app", "site"}

// allValue is what a variable stands for while nothing is chosen. Without APPS there is no label
// app: its value matches that, too.
func allValue(variable string) string {
	if variable == "app" {
		return ".*"
	}
	return ".+"
}

func lintDashboard(d dashboard, find found) {
	if d.ID != nil || d.UID == "" {
		find("uid", "want a uid, and no id: that is the number in one Grafana")
	}
	if d.Editable == nil || *d.Editable {
		find("uneditable", "want editable false: an update would overwrite what was edited")
	}
	byName := make(map[string]variable)
	for _, v := range d.Templating.List {
		byName[v.Name] = v
	}
	if v := byName["datasource"]; v.Type != "datasource" || v.Query != "prometheus" ||
		v.Label != "Data source" {
		find("template-datasource", `want a variable "datasource" with the label "Data source"`)
	}
	for _, name := range variables {
		v := byName[name]
		label := strings.ToUpper(name[:1]) + name[1:]
		if v.Type != "query" || v.Label != label || !v.Multi || v.AllValue != allValue(name) ||
			v.Datasource.UID != "${datasource}" {
			find("template-"+name, `want a query, several values, allValue %q, the label %q: %+v`,
				allValue(name), label, v)
		}
	}
	lintLayout(d.Panels, find)
}

// lintLayout wants an id of its own for each panel, and panels that do not overlap.
func lintLayout(panels []panel, find found) {
	for i, p := range panels {
		g := p.GridPos
		if g.W < 1 || g.H < 1 || g.X < 0 || g.X+g.W > 24 {
			find("panel-layout", "%s: outside of the 24 columns", p.Title)
		}
		for _, other := range panels[:i] {
			o := other.GridPos
			if g.X < o.X+o.W && o.X < g.X+g.W && g.Y < o.Y+o.H && o.Y < g.Y+g.H {
				find("panel-layout", "%s: overlaps %s", p.Title, other.Title)
			}
			if p.ID == other.ID {
				find("panel-layout", "%s: has the id of %s", p.Title, other.Title)
			}
		}
	}
}

var labelQuery = regexp.MustCompile(`^label_values\((.+), [a-z]+\)$`)

func lintVariable(v variable, find found) {
	if v.Type != "query" {
		return
	}
	if v.Refresh != 2 {
		find("template-on-time-change-reload", "%s: want refresh 2", v.Name)
	}
	if match := labelQuery.FindStringSubmatch(v.Query); match == nil {
		find("template-label-promql", "%s: want label_values(…, …): %s", v.Name, v.Query)
	} else if _, err := parser.NewParser(parser.Options{}).ParseExpr(match[1]); err != nil {
		find("template-label-promql", "%s: %v", v.Name, err)
	}
}

// units are those of Grafana that this dashboard needs.
var units = []string{"short", "s", "dtdurations", "percentunit", "reqps", "bytes"}

func lintPanel(p panel, find found) {
	if p.Title == "" || p.Description == "" {
		find("panel-title-description", "panel %d (%s): want a title and a description", p.ID, p.Title)
	}
	if p.Datasource.UID != "${datasource}" {
		find("panel-datasource", "%s: has %q", p.Title, p.Datasource.UID)
	}
	if !slices.Contains(units, p.FieldConfig.Defaults.Unit) {
		find("panel-units", "%s: has %q, want one of %q", p.Title, p.FieldConfig.Defaults.Unit, units)
	}
	if len(p.Targets) == 0 {
		find("panel-no-targets", "%s: has no query", p.Title)
	}
}

// rateInterval stands for $__rate_interval where a query is parsed: no query has it by chance.
const rateInterval = 1234567 * time.Second

func lintTarget(p panel, t target, find found) {
	if t.Datasource.UID != "${datasource}" {
		find("panel-datasource", "%s: a query has %q", p.Title, t.Datasource.UID)
	}
	query := strings.ReplaceAll(t.Expr, "$__rate_interval", "1234567s")
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(query)
	if err != nil {
		find("target-promql", "%s: %s: %v", p.Title, t.Expr, err)
		return
	}
	parser.Inspect(expr, func(node parser.Node, parents []parser.Node) error {
		switch n := node.(type) {
		case *parser.VectorSelector:
			lintSelector(p, n, parents, find)
		case *parser.MatrixSelector:
			inRate := slices.Contains([]string{"rate", "irate"}, calls(parents)[0])
			if inRate && n.Range != rateInterval {
				find("target-rate-interval", "%s: want $__rate_interval in %s", p.Title, n)
			}
		case *parser.AggregateExpr:
			if slices.Contains(n.Grouping, "site") && !slices.Contains(n.Grouping, "app") {
				find("target-app", "%s: want by app and site, or all apps are one: %s", p.Title, n)
			}
		}
		return nil
	})
	if strings.Contains(t.LegendFormat, "{{site}}") &&
		!strings.Contains(t.LegendFormat, "{{app}} {{site}}") {
		find("target-app", "%s: want {{app}} before {{site}} in the legend", p.Title)
	}
}

// lintSelector wants the matchers of all variables that the metric has labels for, counters in a
// function that knows them, and buckets in a quantile.
func lintSelector(p panel, s *parser.VectorSelector, parents []parser.Node, find found) {
	for _, name := range variables {
		ofSites := strings.HasPrefix(s.Name, "failover_") && !slices.Contains(withoutSite, s.Name)
		matches := func(m *labels.Matcher) bool {
			return m.Name == name && m.Type == labels.MatchRegexp && m.Value == "$"+name
		}
		always := name == "job" || name == "instance"
		if (always || ofSites) && !slices.ContainsFunc(s.LabelMatchers, matches) {
			find("target-"+name, `%s: want %s=~"$%s" in %s`, p.Title, name, name, s)
		}
	}
	in := calls(parents)
	counted := slices.Contains([]string{"rate", "irate", "increase"}, in[0])
	if strings.HasSuffix(s.Name, "_total") && !counted {
		find("target-counter-agg", "%s: want rate, irate or increase of %s", p.Title, s)
	}
	if strings.HasSuffix(s.Name, "_bucket") && !slices.Contains(in, "histogram_quantile") {
		find("target-histogram", "%s: want a histogram_quantile of %s", p.Title, s)
	}
}

// withoutSite are the monitor's metrics that are not about one site.
var withoutSite = []string{
	"failover_build_info", "failover_monitor_online", "failover_http_requests_total",
	"failover_http_request_duration_seconds_bucket",
}

// calls names the functions around a node, the innermost first. It is never empty.
func calls(parents []parser.Node) []string {
	var names []string
	for _, parent := range slices.Backward(parents) {
		if call, ok := parent.(*parser.Call); ok {
			names = append(names, call.Func.Name)
		}
	}
	return append(names, "")
}
