package cluster

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// table is what was measured, for deploy/keda/README.md.
type table []row

type row struct {
	file, fault string
	few, many   int
	up, down    []time.Duration
}

func (t table) print() {
	fmt.Printf(
		"\nThe HPA asks every %s. scaleDown.stabilizationWindowSeconds was patched from 300 to 0.\n\n",
		hpaSync)
	fmt.Println("| file | the peer | replicas | s until up | median | worst | s until down again |")
	fmt.Println("|---|---|---|---|---|---|---|")
	for _, r := range t {
		if len(r.up) == 0 {
			continue
		}
		fmt.Printf("| %s | %s | %d → %d → %d | %s | %s | %s | %s |\n", r.file, r.fault,
			r.few, r.many, r.few, seconds(r.up...), seconds(median(r.up)), seconds(slices.Max(r.up)),
			seconds(r.down...))
	}
}

func seconds(all ...time.Duration) string {
	text := make([]string, len(all))
	for i, d := range all {
		text[i] = fmt.Sprintf("%.0f", d.Seconds())
	}
	return strings.Join(text, ", ")
}

// median is the one in the middle, or the mean of the two there.
func median(all []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}
