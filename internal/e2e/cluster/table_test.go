package cluster

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// table is what was measured, for the README.
type table []row

type row struct {
	file, fault string
	few, many   int
	up, down    []time.Duration
}

func (t *table) add(file, fault string, a *app, up, down time.Duration) {
	i := slices.IndexFunc(*t, func(r row) bool { return r.file == file && r.fault == fault })
	if i < 0 {
		i = len(*t)
		*t = append(*t, row{file: file, fault: fault, few: a.few, many: a.many})
	}
	(*t)[i].up, (*t)[i].down = append((*t)[i].up, up), append((*t)[i].down, down)
}

func (t table) print() {
	slices.SortStableFunc(t, func(a, b row) int { return strings.Compare(a.file, b.file) })
	fmt.Printf("\nThe HPA asks every %s. The monitor has its default settings but for %s. scaleDown.stabilizationWindowSeconds was patched from 300 to 0.\n\n", hpaSync, strings.Join(settings, ", "))
	fmt.Println("| file | the peer | replicas | s until up | s until down again |")
	fmt.Println("|---|---|---|---|---|")
	for _, r := range t {
		fmt.Printf("| %s | %s | %d → %d → %d | %s | %s |\n", r.file, r.fault, r.few, r.many, r.few, seconds(r.up), seconds(r.down))
	}
}

func seconds(all []time.Duration) string {
	text := make([]string, len(all))
	for i, d := range all {
		text[i] = fmt.Sprintf("%.0f", d.Seconds())
	}
	return strings.Join(text, ", ")
}
