package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Setting is a variable and its effective value as it may be shown: secrets are masked.
type Setting struct{ Name, Value string }

// asGiven lists variables of sites and apps as they were set, but without secrets.
func (l *loader) asGiven(variables []variable) (list []Setting) {
	for _, v := range variables {
		value := l.vars[v.name]
		switch v.key {
		case healthURL:
			value = maskURL(value)
		case "EXTRA_HEADER_VAL":
			value = Secret(value).String()
		}
		list = append(list, Setting{v.name, value})
	}
	return list
}

// maskURL hides the secrets of a URL that may have {app} in it, which no host can have.
func maskURL(text string) string {
	const stand = "app-placeholder"
	var u URL
	if u.UnmarshalText([]byte(strings.ReplaceAll(text, placeholder, stand))) != nil {
		return none // the only other value, where all is right
	}
	return strings.ReplaceAll(u.String(), stand, placeholder)
}

// Settings lists what is in effect: what holds for all, then of each site the health URL and what
// it has of its own.
func (c Config) Settings() []Setting { return append(c.ForAll(), c.ofSites()...) }

// ForAll lists what holds for all sites.
func (c Config) ForAll() []Setting {
	return slices.Concat(settingsOf("", c.Serving, nil), settingsOf("", c.Deciding, nil),
		settingsOf("", c.Proxies, nil), settingsOf("", c.Defaults, nil))
}

func (c Config) ofSites() (list []Setting) {
	for _, s := range c.Sites {
		prefix := variables(s.Name)
		if s.App != "" {
			prefix = variables("app-"+s.App) + prefix
		}
		list = append(list, Setting{prefix + healthURL, s.HealthURL.String()})
		if s.Override != "" {
			list = append(list, Setting{prefix + "OVERRIDE", string(s.Override)})
		}
		for _, own := range settingsOf(prefix, s.Probing, c.Defaults) {
			if own.Value == "" && s.App != "" {
				own.Value = none
			}
			list = append(list, own)
		}
	}
	return list
}

// settingsOf lists the settings of a struct, but for those that are the same in the other one.
func settingsOf(prefix string, of, except any) []Setting {
	var list []Setting
	values := reflect.ValueOf(of)
	for i := range values.NumField() {
		value := values.Field(i).Interface()
		if except != nil && reflect.DeepEqual(value, reflect.ValueOf(except).Field(i).Interface()) {
			continue
		}
		list = append(list, Setting{prefix + values.Type().Field(i).Tag.Get("env"), fmt.Sprint(value)})
	}
	return list
}
