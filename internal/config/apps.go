package config

import (
	"errors"
	"strings"
)

// AppNames are the names of apps.
type AppNames []string

// UnmarshalText reads DNS labels with commas between them.
func (n *AppNames) UnmarshalText(text []byte) error {
	return errors.New("not yet")
}

// String lists them.
func (n AppNames) String() string { return strings.Join(n, ",") }
