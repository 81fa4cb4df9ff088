package config

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/caarlos0/env/v11"

	"failover-monitor/internal/names"
)

// loader carries what all steps of one reading share.
type loader struct {
	vars     map[string]string
	shared   []string // the settings that a site may have of its own, or inherit
	problems []error
	refused  map[string]bool // by variable
	warnings []string
	warned   map[string][]string  // all warnings, by format
	bundles  map[string]*CABundle // by path: many sites share one
}

func newLoader(environ []string) *loader {
	vars := clean(environ)
	l := &loader{
		vars: vars, shared: keys(&Probing{}), refused: map[string]bool{}, warned: map[string][]string{},
		bundles: map[string]*CABundle{},
	}
	if strings.HasPrefix(vars["PORT"], "tcp://") {
		delete(vars, "PORT")
		l.warn("PORT looks like a Kubernetes service link and is ignored; the default holds")
	}
	for _, name := range keys(&Proxies{}) {
		lower := strings.ToLower(name)
		if value := vars[lower]; value != "" {
			if vars[name] != "" && vars[name] != value {
				l.warn("%s and %s differ: %s counts", name, lower, lower)
			}
			vars[name] = value
			delete(vars, lower)
		}
	}
	return l
}

// report keeps a mistake, once: one in a setting for all sites is found again at each of them.
func (l *loader) report(format string, args ...any) {
	problem := fmt.Errorf(format, args...)
	if !slices.ContainsFunc(l.problems, func(p error) bool { return p.Error() == problem.Error() }) {
		l.problems = append(l.problems, problem)
	}
}

// refuse reports what is wrong with the value of a variable, once: with {app} in it, it may be
// wrong for each app.
func (l *loader) refuse(name string, why error) {
	if l.refused[name] {
		return
	}
	l.refused[name] = true
	separator := ": "
	if strings.HasPrefix(why.Error(), `"`) {
		separator = "="
	}
	l.report("%s%s%w", name, separator, why)
}

// warn keeps a warning, once. Of those of one kind, such as one for each site, it keeps the first.
func (l *loader) warn(format string, args ...any) {
	warning := fmt.Sprintf(format, args...)
	if slices.Contains(l.warned[format], warning) {
		return
	}
	l.warned[format] = append(l.warned[format], warning)
	if len(l.warned[format]) <= names.Short {
		l.warnings = append(l.warnings, warning)
	}
}

// countWarnings says how many warnings were not kept.
func (l *loader) countWarnings() {
	for _, format := range slices.Sorted(maps.Keys(l.warned)) {
		if all := l.warned[format]; len(all) > names.Short {
			l.warnings = append(l.warnings,
				fmt.Sprintf("%d more warnings like this one: %s", len(all)-names.Short, all[0]))
		}
	}
}

// parse fills a struct of settings for a scope.
func (l *loader) parse(into any, of scope) {
	own := make(map[string]string)
	for _, key := range keys(into) {
		own[of.own()+key] = l.value(of, key)
	}
	var all env.AggregateError
	errors.As(env.ParseWithOptions(into, env.Options{Environment: own, Prefix: of.own()}), &all)
	for _, err := range all.Errors {
		var bad env.ParseError
		if !errors.As(err, &bad) {
			panic(err) // the struct's tags are wrong, not the environment
		}
		l.refuse(l.source(of, keyOf(into, bad.Name)), bad.Err)
	}
}

// withoutDefault are the settings of a site that have no default.
var withoutDefault = func() (keys []string) {
	for _, field := range reflect.VisibleFields(reflect.TypeFor[Site]()) {
		_, has := field.Tag.Lookup("envDefault")
		if key := field.Tag.Get("env"); key != "" && key != healthURL && !has {
			keys = append(keys, key)
		}
	}
	return keys
}()

// keys lists the settings of a struct, without prefix.
func keys(of any) []string {
	var keys []string
	for _, field := range reflect.VisibleFields(reflect.TypeOf(of).Elem()) {
		if key := field.Tag.Get("env"); key != "" {
			keys = append(keys, key)
		}
	}
	return keys
}

// keyOf gives the setting that a struct's field holds: env names the field in its errors.
func keyOf(of any, field string) string {
	f, _ := reflect.TypeOf(of).Elem().FieldByName(field)
	return f.Tag.Get("env")
}

// site reads one site's settings and checks those that depend on each other.
func (l *loader) site(of scope) Site {
	s := Site{App: of.appName(), Name: of.siteName()}
	l.parse(&s, of)
	l.check(of, s)
	s.Bundle = l.bundle(of, s.Probing)
	return s
}

// bundle loads the CA bundle, under whichever of its two names it was given.
func (l *loader) bundle(of scope, p Probing) *CABundle {
	name, path := l.source(of, "CA_BUNDLE"), p.CABundle
	if path == "" {
		name, path = l.source(of, "REQUESTS_CA_BUNDLE"), p.RequestsCA
	}
	if path == "" {
		return nil
	}
	if p.RequestsCA != "" && p.RequestsCA != path {
		l.report("%s=%q and %s=%q: both name the CA bundle: keep one of them",
			l.source(of, "REQUESTS_CA_BUNDLE"), p.RequestsCA, name, path)
		return nil
	}
	if _, loaded := l.bundles[path]; !loaded {
		bundle := &CABundle{path: path}
		if _, err := bundle.Pool(); err != nil {
			l.report("%s=%q: %w; want a PEM file with a certificate, or a directory of such files, "+
				"that the monitor can see and read", name, path, errors.Unwrap(err))
		}
		if bundle.broken > 0 {
			l.warn("%s=%q: certificates in it that cannot be read: %d; they are not trusted", name, path,
				bundle.broken)
		}
		l.bundles[path] = bundle
	}
	return l.bundles[path]
}

func (l *loader) fillAddress(s *Serving) {
	if s.ListenAddr == "" {
		s.ListenAddr = Address("0.0.0.0:" + s.Port.String())
	}
}
