// Package names lists names for people.
package names

import (
	"fmt"
	"strings"
)

// Short is how many names a line has room for.
const Short = 10

// List joins names with commas. Of more than so many it gives the first, and how many more there
// are.
func List(names []string, most int) string {
	if more := len(names) - most; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), more)
	}
	return strings.Join(names, ", ")
}
