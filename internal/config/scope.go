package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// This file says which variable a setting comes from.

// scope is what settings are read for: all sites, one of them, an app, or a site of an app.
type scope struct {
	app  string // APP_SHOP_; empty for all apps, and without apps
	site string // SITE_B_; empty for all sites
}

// own begins the names of the scope's own variables.
func (s scope) own() string { return s.app + s.site }

// appName is shop for APP_SHOP_.
func (s scope) appName() string { return dashed(strings.TrimPrefix(s.app, appPrefix)) }

// siteName is site-eu-west for SITE_EU_WEST_.
func (s scope) siteName() string { return dashed(s.site) }

// variables begins the names of the variables of an app or a site: SITE_EU_WEST_ for site-eu-west.
func variables(name string) string {
	return strings.ToUpper(strings.ReplaceAll(name, "-", "_")) + "_"
}

func dashed(prefix string) string {
	return strings.ToLower(strings.ReplaceAll(strings.TrimSuffix(prefix, "_"), "_", "-"))
}

// prefixes begin the names of the variables that a setting may come from, the most specific first.
// What only a site has is not inherited from what holds for all sites.
func (s scope) prefixes(ofSiteOnly bool) []string {
	prefixes := []string{s.app + s.site, s.app, s.site, ""}
	if ofSiteOnly {
		prefixes = []string{s.app + s.site, s.site}
	}
	return slices.Compact(prefixes)
}

// source names the variable that a setting comes from: the most specific that is set.
func (l *loader) source(s scope, key string) string {
	group := []string{key}
	for _, g := range groups {
		if slices.Contains(g, key) {
			group = g
		}
	}
	prefixes := s.prefixes(!slices.Contains(l.shared, key))
	for _, prefix := range prefixes {
		if slices.ContainsFunc(group, func(k string) bool { return l.vars[prefix+k] != "" }) {
			return prefix + key
		}
	}
	return prefixes[len(prefixes)-1] + key
}

// hasApps is whether there are apps, and not only sites.
func (l *loader) hasApps() bool { return l.vars["APPS"] != "" }

// isOfApp is whether a variable is for an app.
func (l *loader) isOfApp(name string) bool {
	return l.hasApps() && strings.HasPrefix(name, appPrefix)
}

// none leaves a site out for an app, in place of its URL, and takes back for an app what it would
// inherit: a setting that has no default.
const none = "none"

// takesBack is whether a variable does.
func (l *loader) takesBack(name, key string) bool {
	return l.isOfApp(name) && slices.Contains(withoutDefault, key) &&
		strings.EqualFold(l.vars[name], none)
}

// given is what counts for a scope, as it was set.
func (l *loader) given(s scope, key string) string {
	name := l.source(s, key)
	inherited := !l.isOfApp(name)
	switch header := l.source(s, "EXTRA_HEADER_KEY"); {
	case l.takesBack(name, key):
		return ""
	case inherited && strings.HasPrefix(key, "EXTRA_HEADER_VAL") &&
		l.takesBack(header, "EXTRA_HEADER_KEY"):
		return ""
	}
	return l.vars[name]
}

// placeholder stands for the name of an app.
const placeholder = "{app}"

// withPlaceholder are the settings in which it is replaced.
var withPlaceholder = []string{healthURL, "TLS_SERVER_NAME", "EXTRA_HEADER_VAL",
	"EXTRA_HEADER_VAL_FILE"}

var (
	// likePlaceholder is what may have been meant as one.
	likePlaceholder = regexp.MustCompile(`(?i)\$?\{+\s*app\s*\}+|%7bapp%7d`)
	// likeAnyPlaceholder is that in a URL, which has few other braces.
	likeAnyPlaceholder = regexp.MustCompile(`(?i)\$?\{+\s*[a-z_]*\s*\}+|%7b[a-z_]*%7d`)
)

// value gives a setting as it was set, with the app's name in it where that belongs.
func (l *loader) value(s scope, key string) string {
	name, value := l.source(s, key), l.given(s, key)
	replaced := slices.Contains(withPlaceholder, key)
	if l.hasApps() && replaced {
		like := likePlaceholder
		if key == healthURL {
			like = likeAnyPlaceholder
		}
		for _, found := range like.FindAllString(value, -1) {
			if found != placeholder {
				l.refuse(name, fmt.Errorf("has %s in it: only %s is replaced, written like this", found,
					placeholder))
			}
		}
	}
	switch {
	case !strings.Contains(value, placeholder):
	case !l.hasApps() && replaced:
		l.refuse(name, fmt.Errorf("has %s in it, and APPS is not set, which names the apps", placeholder))
	case l.hasApps() && !replaced:
		l.refuse(name, fmt.Errorf("has %s in it, which stands for an app only in %s", placeholder,
			strings.Join(withPlaceholder, ", ")))
	case s.app != "":
		return strings.ReplaceAll(value, placeholder, s.appName())
	}
	return value
}
