// Package grafana checks deploy/grafana by the rules of github.com/grafana/dashboard-linter, as its
// --strict has them, and by some of our own. The rules are written anew: the linter could not be
// fetched where this suite was made. Prometheus' own parser reads the queries here;
// internal/e2e/prometheus/run has a real Prometheus answer them.
package grafana

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

const file = "../../../deploy/grafana/failover-monitor.json"

// dashboard is what the rules read of a dashboard.
type dashboard struct {
	ID         *int   `json:"id"`
	UID        string `json:"uid"`
	Title      string `json:"title"`
	Editable   *bool  `json:"editable"`
	Templating struct {
		List []variable `json:"list"`
	} `json:"templating"`
	Panels []panel `json:"panels"`
}

// variable is one that its reader chooses, at the top of the page.
type variable struct {
	Name, Label, Type, Query string
	Datasource               datasource
	Multi                    bool
	AllValue                 string
	Refresh                  int
}

type datasource struct{ Type, UID string }

type panel struct {
	ID                       int
	Type, Title, Description string
	Datasource               datasource
	GridPos                  struct{ H, W, X, Y int }
	FieldConfig              struct{ Defaults struct{ Unit string } }
	Targets                  []target
}

// target is a query of a panel.
type target struct {
	RefID              string
	Datasource         datasource
	Expr, LegendFormat string
}

func parse(t *testing.T, text []byte) dashboard {
	t.Helper()
	var d dashboard
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// TestDashboard expects that no rule has a finding.
func TestDashboard(t *testing.T) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	d := parse(t, text)
	for _, finding := range lint(d) {
		t.Error(finding)
	}
	targets := 0
	for _, p := range d.Panels {
		targets += len(p.Targets)
	}
	if targets < 20 {
		t.Errorf("%d queries: the dashboard was not read", targets)
	}
}

// TestRulesFindMistakes makes one mistake after another in the dashboard, and expects the rule for
// it, and no other, to find it.
func TestRulesFindMistakes(t *testing.T) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	const siteUp = `failover_site_up{job=~\"$job\", instance=~\"$instance\", ` +
		`app=~\"$app\", site=~\"$site\"}`
	for _, c := range []struct{ rule, old, new string }{
		{"template-datasource", `"name": "datasource"`, `"name": "ds"`},
		{"template-datasource", `"Data source"`, `"Source"`},
		{"template-job", `"label": "Job"`, `"label": "The job"`},
		{"template-job", `"multi": true`, `"multi": false`},
		{"template-job", `"allValue": ".+"`, `"allValue": ".*"`},
		{"template-instance", `"name": "instance"`, `"name": "monitor"`},
		{"template-app", `"name": "app"`, `"name": "application"`},
		{"template-app", `"allValue": ".*"`, `"allValue": ".+"`},
		{"template-site", `"name": "site"`, `"name": "cluster"`},
		{"template-label-promql", `label_values(failover_build_info, job)`, `failover_build_info`},
		{"template-label-promql", `label_values(failover_build_info, job)`, `label_values({, job)`},
		{"template-on-time-change-reload", `"refresh": 2`, `"refresh": 1`},
		{"panel-datasource", `"uid": "${datasource}"`, `"uid": "prometheus"`},
		{"panel-title-description", `"title": "Verdicts"`, `"title": ""`},
		{"panel-title-description", `"description": "What the monitor decided`, `"other": "`},
		{"panel-units", `"unit": "short"`, `"unit": ""`},
		{"panel-units", `"unit": "dtdurations"`, `"unit": "fortnights"`},
		{"panel-no-targets", `"targets"`, `"others"`},
		{"target-promql", siteUp, `failover_site_up{`},
		{"target-rate-interval", `[$__rate_interval]`, `[5m]`},
		{"target-job", siteUp, strings.Replace(siteUp, `$job`, `.+`, 1)},
		{"target-instance", siteUp, strings.Replace(siteUp, `$instance`, `.+`, 1)},
		{"target-app", siteUp, strings.Replace(siteUp, `$app`, `.+`, 1)},
		{"target-app", `(app, site, le)`, `(site, le)`},
		{"target-app", `"{{app}} {{site}} median"`, `"{{site}} median"`},
		{"target-site", siteUp, strings.Replace(siteUp, `$site`, `.+`, 1)},
		{"target-counter-agg", siteUp, strings.Replace(siteUp, `site_up`, `probes_total`, 1)},
		{"target-histogram", siteUp, strings.Replace(siteUp, `site_up`, `x_bucket`, 1)},
		{"uneditable", `"editable": false`, `"editable": true`},
		{"uid", `"uid": "failover-monitor"`, `"uid": ""`},
		{"uid", `"title": "Failover Monitor"`, `"id": 7, "title": "Failover Monitor"`},
		{"panel-layout", `"x": 0`, `"x": 20`},
		{"panel-layout", `"id": 2`, `"id": 1`},
	} {
		broken := replaceWhere(string(text), c.rule, c.old, c.new)
		if broken == string(text) {
			t.Errorf("%s: %s is not in the dashboard", c.rule, c.old)
			continue
		}
		findings := lint(parse(t, []byte(broken)))
		other := func(f string) bool { return !strings.HasPrefix(f, c.rule+": ") }
		if len(findings) == 0 || slices.ContainsFunc(findings, other) {
			t.Errorf("%s instead of %s: got %q, want findings of %s alone", c.new, c.old, findings, c.rule)
		}
	}
}

// replaceWhere replaces the first match. That of a panel's data source is the first below "panels".
func replaceWhere(text, rule, old, new string) string {
	from := 0
	if rule == "panel-datasource" {
		from = strings.Index(text, `"panels": [`)
	}
	return text[:from] + strings.Replace(text[from:], old, new, 1)
}

// lint gives the findings of all rules, each as "rule: where: what".
func lint(d dashboard) (findings []string) {
	find := func(rule, format string, args ...any) {
		findings = append(findings, rule+": "+fmt.Sprintf(format, args...))
	}
	lintDashboard(d, find)
	for _, v := range d.Templating.List {
		lintVariable(v, find)
	}
	for _, p := range d.Panels {
		if p.Type == "row" {
			continue
		}
		lintPanel(p, find)
		for _, target := range p.Targets {
			lintTarget(p, target, find)
		}
	}
	return findings
}
