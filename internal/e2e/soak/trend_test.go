//go:build e2e

package soak

import (
	"fmt"
	"math"
	"testing"
	"time"
)

// tolerance is how much of its mean a quantity may grow over the second half of the soak. What
// grows less than that is not noticed.
const tolerance = 0.05

// series is a quantity over time.
type series struct {
	name            string
	seconds, values []float64
}

func (s *series) add(at time.Duration, value float64) {
	s.seconds, s.values = append(s.seconds, at.Seconds()), append(s.values, value)
}

// trend is a straight line through the second half of a series.
type trend struct {
	mean     float64
	growth   float64 // over the half
	standard float64 // error of the growth
}

// trend fits the line by least squares.
func (s *series) trend() trend {
	half := len(s.values) / 2
	x, y := s.seconds[half:], s.values[half:]
	n := float64(len(x))
	var meanX, meanY, varX, cov float64
	for i := range x {
		meanX, meanY = meanX+x[i]/n, meanY+y[i]/n
	}
	for i := range x {
		varX += (x[i] - meanX) * (x[i] - meanX)
		cov += (x[i] - meanX) * (y[i] - meanY)
	}
	slope := cov / varX
	var rest float64
	for i := range x {
		off := y[i] - meanY - slope*(x[i]-meanX)
		rest += off * off
	}
	span := x[len(x)-1] - x[0]
	return trend{meanY, slope * span, math.Sqrt(rest/(n-2)/varX) * span}
}

// grows is whether the growth is over the tolerance, by more than twice its standard error.
func (s *series) grows() bool {
	t := s.trend()
	return t.growth-2*t.standard > tolerance*t.mean
}

func (t trend) String() string {
	return fmt.Sprintf("mean %.4g, growth %+.1f %% ± %.1f %%", t.mean, 100*t.growth/t.mean,
		100*t.standard/t.mean)
}

// TestTrend has series that are known to grow, or not to.
func TestTrend(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		value func(i float64) float64
		grows bool
	}{
		{"constant", func(float64) float64 { return 100 }, false},
		{"saw", func(i float64) float64 { return 100 + math.Mod(i, 7) }, false},
		{"shrinks", func(i float64) float64 { return 100 - i/4 }, false},
		{"grows at first", func(i float64) float64 { return math.Min(100, 10*i) }, false},
		{"a little", func(i float64) float64 { return 100 + 0.02*i }, false},
		{"a leak", func(i float64) float64 { return 100 + 0.2*i }, true},
		{"a leak under a saw", func(i float64) float64 { return 100 + math.Mod(i, 7) + 0.3*i }, true},
	} {
		var s series
		for i := range 120 {
			s.add(time.Duration(i)*time.Second, c.value(float64(i)))
		}
		if s.grows() != c.grows {
			t.Errorf("%s: grows %v, want %v: %v", c.name, s.grows(), c.grows, s.trend())
		}
	}
}
