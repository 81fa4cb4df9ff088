package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"failover-monitor/internal/names"
)

// This file finds the apps, and the settings that an app has of its own.

const appPrefix = "APP_"

// AppNames are the names of apps.
type AppNames []string

// dnsLabel is a name as RFC 1123 has it (section 2.1), in lower case: it may stand in a host's
// name, in a path, and in the name of a Kubernetes object.
var dnsLabel = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// UnmarshalText reads DNS labels with commas between them. It keeps those that are right, whatever
// is wrong with the others.
func (n *AppNames) UnmarshalText(text []byte) error {
	var wrong []string
	for name := range strings.SplitSeq(string(text), ",") {
		switch name = strings.TrimSpace(name); {
		case !dnsLabel.MatchString(name):
			wrong = append(wrong, fmt.Sprintf("%q is no name for an app", name))
		case slices.Contains(*n, name):
			wrong = append(wrong, fmt.Sprintf("%q is there twice", name))
		default:
			*n = append(*n, name)
		}
	}
	if wrong != nil {
		return fmt.Errorf("%q: %s: want names of lower-case letters, digits and hyphens, with commas "+
			"between them, such as shop,blog", shorten(string(text)), names.List(wrong, names.Short))
	}
	if app, other := n.alike(); app != "" {
		return fmt.Errorf(
			"%q: a variable that begins with %sSITE_ could be of %s or of %s: rename one of them",
			shorten(string(text)), variables("app-"+app), app, other)
	}
	return nil
}

// shorten keeps a long value from hiding what is said of it.
func shorten(value string) string {
	const most = 60 // bytes
	if len(value) > most {
		return value[:most] + "…"
	}
	return value
}

// String lists them.
func (n AppNames) String() string { return strings.Join(n, ",") }

// alike finds two apps whose variables could be taken for each other: shop and shop-site-a, of
// which APP_SHOP_SITE_A_VERIFY_TLS could be.
func (n AppNames) alike() (app, other string) {
	for _, other := range n {
		if !strings.Contains(other, "-site") { // nearly all
			continue
		}
		for _, app := range n {
			if rest, ok := strings.CutPrefix(other, app+"-site"); ok && (rest == "" || rest[0] == '-') {
				return app, other
			}
		}
	}
	return "", ""
}

// prefixes begin the names of the apps' variables: APP_EU_SHOP_ for eu-shop.
func (n AppNames) prefixes() []string {
	var all []string
	for _, app := range n {
		all = append(all, variables("app-"+app))
	}
	return all
}

// isLeftOut is whether a site is left out for an app.
func (l *loader) isLeftOut(s scope) bool {
	return s.app != "" && strings.EqualFold(l.vars[s.own()+healthURL], none)
}

// readings are the ways to read a variable that begins with APP_: normally one. There is none if it
// names no app or no setting. There are two if one app's name goes on where another's ends.
func readings(name string, apps []string) (found []variable) {
	for _, app := range apps {
		rest, ok := strings.CutPrefix(name, app)
		if !ok {
			continue
		}
		switch site, key := splitVariable(rest); {
		case slices.Contains(keys(&Probing{}), rest):
			found = append(found, variable{name, scope{app: app}, rest})
		case strings.HasPrefix(rest, "SITE_") && key != "":
			found = append(found, variable{name, scope{app, site}, key})
		}
	}
	return found
}

// didYouMeanOf asks for what a mistyped variable that begins with APP_ may have meant.
func didYouMeanOf(name string, apps []string) string {
	if key := keyForAll(name); key != "" {
		return "did you mean " + key + ", which is one for all apps?"
	}
	// APPS_SHOP_… and APP_eu-shop_… are slips, too.
	upper := strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
	upper = strings.Replace(upper, "APPS_", appPrefix, 1)
	if upper != name && len(readings(upper, apps)) > 0 {
		return "did you mean " + upper + "?"
	}
	var app, behind string // the longest name of an app that it begins with
	for _, one := range apps {
		if rest, ok := strings.CutPrefix(name, one); ok && len(one) > len(app) {
			app, behind = one, rest
		}
	}
	better := ""
	switch {
	case app == "":
		if parts := ofSomeApp.FindStringSubmatch(name); parts != nil {
			better, behind = mostAlike(parts[1], labels(apps)), parts[2]
		}
		if better == "" {
			return "it begins with the name of no app in APPS, such as " + apps[0]
		}
		return fmt.Sprintf("did you mean %s%s_%s?", appPrefix, better, behind)
	case strings.HasPrefix(behind, "SITE"):
		better = nearest(behind)
	default:
		better = mostAlike(behind, keys(&Probing{}))
	}
	if better == "" {
		return "want a setting of an app, or of a site of it, behind " + app
	}
	return "did you mean " + app + better + "?"
}

// labels are the names of apps in their variables: EU_SHOP.
func labels(prefixes []string) (labels []string) {
	for _, prefix := range prefixes {
		labels = append(labels, strings.TrimSuffix(strings.TrimPrefix(prefix, appPrefix), "_"))
	}
	return labels
}

var (
	someSetting = `(` + strings.Join(keys(&Site{}), "|") + `)$`
	// ofSomeApp parts a variable into the app's label and the setting.
	ofSomeApp = regexp.MustCompile(`^APP_(.+?)_((SITE_[A-Z0-9_]+_)?` + someSetting + `)`)
	siteOfApp = regexp.MustCompile(`^APP_.+_SITE_.+_` + someSetting)
)

// mostAlike is the word that takes the fewest letters to change, at most half of them; empty if
// there is none.
func mostAlike(word string, words []string) (best string) {
	least := len(word)/2 + 1
	for _, w := range words {
		if d := distance(word, w); d < least {
			best, least = w, d
		}
	}
	return best
}
