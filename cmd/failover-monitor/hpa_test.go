package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestHPA has a value change over time, and expects the replicas to follow as those of a real HPA
// do: up at once, down when the value has been low for the whole stabilization, and not at all
// without a value.
func TestHPA(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		values string // one for each second; x is an error
		want   string // the replicas then
	}{
		{"the value is 0", "000", "222"},
		{"up at once", "0111", "2444"},
		{"a higher value wants no more than maxReplicaCount", "0333", "2444"},
		{"down after ten seconds", "1100000000000", "4444444444422"},
		{"an error holds the replicas", "01xxxxxxxxxxxx0", "244444444444442"},
		{"a short recovery does not scale down", "1000010000000000", "4444444444444442"},
		{"no value yet", "xxx1", "2224"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				asked, began := 0, time.Now()
				var got strings.Builder
				newDemoHPA().run(ctx, func(context.Context) (int, error) {
					if asked++; asked > len(c.values) {
						cancel()
						return 0, ctx.Err()
					}
					if value := c.values[asked-1]; value != 'x' {
						return int(value - '0'), nil
					}
					return 0, errors.New("503")
				}, func(_ int, _ error, replicas int) { fmt.Fprint(&got, replicas) })
				if got.String() != c.want {
					t.Errorf("values %s: replicas %s, want %s", c.values, &got, c.want)
				}
				if took := time.Since(began); took != time.Duration(len(c.values))*time.Second {
					t.Errorf("%d values took %v, want a second each", len(c.values), took)
				}
			})
		})
	}
}
