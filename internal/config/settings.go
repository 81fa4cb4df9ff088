package config

import (
	"fmt"
	"reflect"
	"strings"
)

// Setting is a variable and its effective value as it may be shown: secrets are masked.
type Setting struct{ Name, Value string }

// Settings lists what is in effect: what holds for all, then of each site the health URL and what
// it has of its own.
func (c Config) Settings() []Setting {
	list := settingsOf("", c.Serving, nil)
	list = append(list, settingsOf("", c.Deciding, nil)...)
	list = append(list, settingsOf("", c.Proxies, nil)...)
	list = append(list, settingsOf("", c.Defaults, nil)...)
	for _, s := range c.Sites {
		prefix := strings.ToUpper(strings.ReplaceAll(s.Name, "-", "_")) + "_"
		list = append(list, Setting{prefix + healthURL, s.HealthURL.String()})
		if s.Override != "" {
			list = append(list, Setting{prefix + "OVERRIDE", string(s.Override)})
		}
		list = append(list, settingsOf(prefix, s.Probing, c.Defaults)...)
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
