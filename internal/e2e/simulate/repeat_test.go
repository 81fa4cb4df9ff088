//go:build e2e

package simulate

import (
	"fmt"
	"strings"
	"testing"
)

// TestRepeat runs some seeds twice: the event logs must be the same, to the letter.
func TestRepeat(t *testing.T) {
	for seed := range uint64(30) {
		first, second := draw(seed), draw(seed)
		if a, b := first.String(), second.String(); a != b {
			t.Fatalf("two plans of seed %d:\n%s\n%s", seed, a, b)
		}
		a, b := run(t, &first).audit.String(), run(t, &second).audit.String()
		if a != b {
			t.Errorf("two runs of seed %d differ: %s", seed, difference(a, b))
		}
		if len(a) < 1000 {
			t.Errorf("seed %d: nothing happens:\n%s", seed, a)
		}
	}
}

// difference is the first line in which two logs differ.
func difference(a, b string) string {
	other := strings.Split(b, "\n")
	for i, line := range strings.Split(a, "\n") {
		if i >= len(other) || line != other[i] {
			return fmt.Sprintf("line %d is %q, and %q", i+1, line, other[min(i, len(other)-1)])
		}
	}
	return "one is longer"
}
