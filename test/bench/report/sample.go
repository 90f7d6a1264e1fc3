// Package report makes figures into a table, and the table into a page.
package report

import (
	"fmt"
	"math"
	"slices"
)

// Unit is what a figure counts.
type Unit string

const (
	Seconds   Unit = "s"
	Millis    Unit = "ms"
	MiB       Unit = "MiB"
	PerSecond Unit = "/s"
	Times     Unit = "" // a plain number
)

// Sample is one figure, of each round in which it was measured.
type Sample struct {
	Values []float64
	Unit   Unit
}

// Add appends the figure of a round.
func (s *Sample) Add(v float64) { s.Values = append(s.Values, v) }

// Median is the middle one of the rounds, NaN if there were none.
func (s Sample) Median() float64 {
	n := len(s.Values)
	if n == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(s.Values))
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// String is the median and, in brackets, the least and the most.
func (s Sample) String() string {
	text := s.text(s.Median())
	if len(s.Values) > 1 {
		text += fmt.Sprintf(" (%s..%s)", number(slices.Min(s.Values)), number(slices.Max(s.Values)))
	}
	return text
}

func (s Sample) text(v float64) string {
	switch s.Unit {
	case Times:
		return number(v)
	case PerSecond:
		return number(v) + string(s.Unit)
	}
	return number(v) + " " + string(s.Unit)
}

// number has three digits that count.
func number(v float64) string {
	switch {
	case v == 0:
		return "0"
	case math.Abs(v) < 0.01:
		return fmt.Sprintf("%.2g", v)
	case math.Abs(v) < 10:
		return fmt.Sprintf("%.2f", v)
	case math.Abs(v) < 100:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}
