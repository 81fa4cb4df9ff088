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

// add notes one more measurement of a row.
func (t *table) add(r row, up, down time.Duration) {
	i := slices.IndexFunc(*t, func(had row) bool { return had.file == r.file && had.fault == r.fault })
	if i < 0 {
		i = len(*t)
		*t = append(*t, r)
	}
	(*t)[i].up, (*t)[i].down = append((*t)[i].up, up), append((*t)[i].down, down)
}

func (t table) print() {
	fmt.Printf(
		"\nThe HPA asks every %s. scaleDown.stabilizationWindowSeconds was patched from 300 to 0.\n\n",
		hpaSync)
	fmt.Println("| file | the peer | replicas | s until up | s until down again |")
	fmt.Println("|---|---|---|---|---|")
	for _, r := range t {
		fmt.Printf("| %s | %s | %d → %d → %d | %s | %s |\n", r.file, r.fault, r.few, r.many, r.few,
			seconds(r.up), seconds(r.down))
	}
}

func seconds(all []time.Duration) string {
	text := make([]string, len(all))
	for i, d := range all {
		text[i] = fmt.Sprintf("%.0f", d.Seconds())
	}
	return strings.Join(text, ", ")
}
