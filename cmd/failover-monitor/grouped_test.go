package main

import (
	"slices"
	"testing"
)

// TestGrouped joins what has the same text, and says of how many that is so.
func TestGrouped(t *testing.T) {
	t.Parallel()
	var g grouped
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"} {
		g.add(true, name, "down: x")
	}
	g.add(true, "m", "down: y")
	g.add(false, "n", "down: y") // not joined
	want := []string{"a, b, c, d, e, f, g, h, i, j and 2 more are down: x", "m is down: y",
		"n is down: y"}
	if got := g.lines(" is ", " are "); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
