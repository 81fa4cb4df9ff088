package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// sample is a set of measurements.
type sample []float64

// quantile is the value that a part q of the sample does not exceed. It sorts the sample.
func (s sample) quantile(q float64) float64 {
	if len(s) == 0 {
		return math.NaN()
	}
	slices.Sort(s)
	return s[max(0, int(math.Ceil(q*float64(len(s))))-1)]
}

// spread writes median (min–max), each with the format, which has one verb for a float.
func (s sample) spread(format string, scale float64) string {
	return fmt.Sprintf(format+" ("+format+"–"+format+")", scale*s.quantile(.5), scale*s.quantile(0), scale*s.quantile(1))
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
