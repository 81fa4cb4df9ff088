package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"failover-monitor/internal/names"
)

const healthURL = "HEALTH_URL"

var (
	siteLabel = regexp.MustCompile(`^[A-Z0-9]+(_[A-Z0-9]+)*$`)

	// serviceLink is the shape of the variables that Kubernetes gives every pod for a Service, here
	// one called site, app, site-something or app-something (its documentation: Service, discovering
	// services, environment variables).
	serviceLink = regexp.MustCompile(
		`^(SITE|APPS?)_(.*_)?(SERVICE_HOST|SERVICE_PORT(_.+)?|` +
			`PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$`)
)

// variable is one that belongs to a site, to an app, or to a site of an app.
type variable struct {
	name string
	scope
	key string // the setting
}

// String says what it sets: "VERIFY_TLS of shop/site-b".
func (v variable) String() string {
	if v.site == "" {
		return v.key + " of " + v.appName()
	}
	return v.key + " of " + Site{App: v.appName(), Name: v.siteName()}.ID()
}

// scopes lists the sites: by their health URLs, app by app.
func (l *loader) scopes(apps AppNames, variables []variable) (all []scope) {
	prefixes := apps.prefixes()
	if len(apps) == 0 {
		prefixes = []string{""}
	}
	sites := make(map[string][]string) // by the app that has an own URL for them; "" for all apps
	for _, v := range variables {
		if v.key == healthURL {
			sites[v.app] = append(sites[v.app], v.site)
		}
	}
	for _, app := range prefixes {
		of := slices.Concat(sites[""], sites[app])
		slices.SortFunc(of, func(a, b string) int { return strings.Compare(dashed(a), dashed(b)) })
		for _, site := range slices.Compact(of) {
			if s := (scope{app, site}); !l.isLeftOut(s) {
				all = append(all, s)
			}
		}
	}
	l.checkScopes(variables, all)
	return all
}

// scopedVariables reads the variables that begin with SITE_, and with APP_ if there are apps. It
// refuses one that is no setting: a typing error there must not pass in silence.
func (l *loader) scopedVariables(apps []string) (all []variable) {
	for _, name := range slices.Sorted(maps.Keys(l.vars)) {
		ofSite := strings.HasPrefix(name, "SITE_")
		ofApp := l.isOfApp(name) || l.hasApps() && strings.HasPrefix(name, "APPS_")
		if !ofSite && !ofApp || l.vars[name] == "" {
			continue
		}
		var found []variable
		if ofApp && len(apps) > 0 {
			found = readings(name, apps)
		} else if site, key := splitVariable(name); ofSite && key != "" {
			found = []variable{{name, scope{site: site}, key}}
		}
		switch {
		case len(found) > 1:
			l.report("%s can be read in two ways, as %s and as %s: rename one of the apps", name, found[0],
				found[1])
			delete(l.vars, name) // neither counts
		case len(found) == 1:
			all = append(all, found[0])
		case serviceLink.MatchString(name): // not meant for us
		case ofApp && l.refused["APPS"]: // its app may be one that is written wrongly there
		case ofApp:
			l.report("%s: no such setting; %s", name, didYouMeanOf(name, apps))
		default:
			l.report("%s: no such setting; %s", name, didYouMean(name))
		}
	}
	return all
}

// checkScopes refuses a setting of what there is not.
func (l *loader) checkScopes(variables []variable, sites []scope) {
	exists := make(map[scope]bool)
	for _, s := range sites {
		exists[s], exists[scope{app: s.app}], exists[scope{site: s.site}] = true, true, true
	}
	for _, v := range variables {
		switch {
		case exists[v.scope] || v.key == healthURL && v.app == "":
		case v.key == healthURL:
			if l.vars[v.site+healthURL] == "" {
				l.report("%s=%s: %s has no %s without it: remove it", v.name, l.vars[v.name], v.appName(),
					v.siteName())
			}
		case v.app == "" && l.vars[v.site+healthURL] != "":
			l.report("%s: no app has %s", v.name, v.siteName())
		case v.app == "":
			l.report("%s: there is no %s; set %s, too", v.name, v.siteName(), v.site+healthURL)
		default:
			l.report("%s: %s has no %s; set %s to a URL, or remove it", v.name, v.appName(), v.siteName(),
				v.own()+healthURL)
		}
	}
}

// exampleHost is a name that RFC 2606 keeps for examples. Nobody can have a site there.
var exampleHost = regexp.MustCompile(`(?i)^(.+\.)?(example|example\.(com|net|org))\.?$`)

// checkHost refuses a health URL that nobody has edited: example.com answers, and its 404 would
// scale every site.
func (l *loader) checkHost(of scope, s Site) {
	if u := s.HealthURL.Reveal(); u != nil && exampleHost.MatchString(u.Hostname()) {
		l.refuse(l.source(of, healthURL), fmt.Errorf("%q: %s is the host of an example: set your own",
			s.HealthURL, u.Hostname()))
	}
}

func (l *loader) checkSites(apps AppNames, sites []Site) {
	if len(apps) == 0 {
		switch len(sites) {
		case 0:
			l.report("SITE_A_HEALTH_URL and SITE_B_HEALTH_URL are not set: want at least two sites")
		case 1:
			l.report("%s is the only site: want at least two, such as SITE_A_HEALTH_URL and "+
				"SITE_B_HEALTH_URL", sites[0].Name)
		}
		return
	}
	count := make(map[string]int)
	for _, s := range sites {
		count[s.App]++
	}
	var few AppNames
	for _, app := range apps {
		if count[app] < 2 {
			few = append(few, app)
		}
	}
	if few != nil {
		l.report("want at least two sites for each app, such as SITE_A_HEALTH_URL and "+
			"SITE_B_HEALTH_URL; there are fewer for %s", names.List(few, names.Short))
	}
}

// checkTemplates refuses a URL that would be the same for several apps.
func (l *loader) checkTemplates(sites []scope) {
	same := make(map[string][]string) // apps by variable
	for _, s := range sites {
		name := l.source(s, healthURL)
		if s.app != "" && name == s.site+healthURL && !strings.Contains(l.vars[name], placeholder) &&
			!l.hasOwnHost(s) {
			same[name] = append(same[name], s.appName())
		}
	}
	for _, name := range slices.Sorted(maps.Keys(same)) {
		l.report("%s has no %s in it, and there is no %s<APP>_%s for %s: each app needs a URL of its own",
			name, placeholder, appPrefix, name, names.List(same[name], names.Short))
	}
}

// hasOwnHost is whether a Host header tells an app from the others at the same URL.
func (l *loader) hasOwnHost(s scope) bool {
	val := l.source(s, "EXTRA_HEADER_VAL")
	return strings.EqualFold(l.given(s, "EXTRA_HEADER_KEY"), "Host") &&
		(strings.HasPrefix(val, s.app) || strings.Contains(l.vars[val], placeholder))
}

// splitVariable parts SITE_EU_WEST_VERIFY_TLS into SITE_EU_WEST_ and VERIFY_TLS. The key is empty
// where no setting is named.
func splitVariable(name string) (prefix, key string) {
	for _, known := range keys(&Site{}) {
		label, ok := strings.CutSuffix(strings.TrimPrefix(name, "SITE_"), "_"+known)
		if ok && siteLabel.MatchString(label) && len(known) > len(key) {
			prefix, key = "SITE_"+label+"_", known
		}
	}
	return prefix, key
}

// didYouMean asks for the variable most like a mistyped one, over every way to part that into site
// and setting, if any is alike.
func didYouMean(name string) string {
	name = strings.ToUpper(name)
	if key := keyForAll(name); key != "" {
		return "did you mean " + key + ", which is one for all sites?"
	}
	if best := nearest(name); best != "" {
		return "did you mean " + best + "?"
	}
	return "every variable that begins with SITE_ must be a setting of the monitor"
}

// keyForAll is the setting that a name ends in, and that there is only one of; empty if it does
// not.
func keyForAll(name string) string {
	for _, key := range slices.Concat(keys(&Serving{}), keys(&Deciding{})) {
		if strings.HasSuffix(name, "_"+key) {
			return key
		}
	}
	return ""
}

// nearest is the variable of a site most like a mistyped one, over every way to part that into site
// and setting; empty if none is alike.
func nearest(name string) string {
	best, least := "", len(healthURL) // letters to change
	for i := len(name) - 1; i >= 0; i-- {
		if name[i] != '_' {
			continue
		}
		for _, key := range keys(&Site{}) {
			rest := name[i+1:]
			if len(rest)-len(key) >= least { // cannot be nearer
				continue
			}
			if d := distance(rest, key); d < least && d <= len(key)/2 {
				best, least = sitePrefix(name[:i])+key, d
			}
		}
	}
	return best
}

// sitePrefix takes what stands before a setting for a site, SITE_A where it cannot be one.
func sitePrefix(start string) string {
	if label, ok := strings.CutPrefix(start, "SITE_"); ok && siteLabel.MatchString(label) {
		return start + "_"
	}
	return "SITE_A_"
}

// distance is Levenshtein's: the least number of letters to insert, delete or replace.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substitute := diagonal
			if a[i] != b[j] {
				substitute++
			}
			diagonal = row[j+1]
			row[j+1] = min(substitute, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
