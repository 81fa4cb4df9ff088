package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// sample is a set of measurements.
type sample []float64

// quantile is the value that a part q of the sample does not exceed.
func (s sample) quantile(q float64) float64 {
	if len(s) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(s))
	return sorted[max(0, int(math.Ceil(q*float64(len(s))))-1)]
}

// quartiles writes the median (and the quartiles), each with the format, which has one verb for a
// float.
func (s sample) quartiles(format string, scale float64) string {
	return s.between(.25, .75, format, scale)
}

// extremes writes the median (and the least and the most).
func (s sample) extremes(format string, scale float64) string {
	return s.between(0, 1, format, scale)
}

func (s sample) between(low, high float64, format string, scale float64) string {
	return fmt.Sprintf(format+" ("+format+"–"+format+")", scale*s.quantile(.5), scale*s.quantile(low),
		scale*s.quantile(high))
}

// ratios divides two samples pair by pair: round by round.
func ratios(of, to sample) sample {
	r := make(sample, len(of))
	for i := range of {
		r[i] = of[i] / to[i]
	}
	return r
}

// row prints a row of a Markdown table.
func row(cells ...any) {
	var text []string
	for _, c := range cells {
		text = append(text, fmt.Sprint(c))
	}
	fmt.Println("| " + strings.Join(text, " | ") + " |")
}

// head prints the head of a Markdown table.
func head(cells ...any) {
	fmt.Println()
	row(cells...)
	fmt.Println(strings.Repeat("|---", len(cells)) + "|")
}
