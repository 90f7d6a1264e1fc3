package report

import (
	"fmt"
	"strings"
)

// Goal is what a ratio, or a figure, is to come to. The zero value is none.
type Goal struct {
	limit float64
	least bool
}

// AtMost is the goal of no more than limit.
func AtMost(limit float64) Goal { return Goal{limit: limit} }

// AtLeast is the goal of no less than limit.
func AtLeast(limit float64) Goal { return Goal{limit: limit, least: true} }

func (g Goal) met(v float64) bool {
	if g.least {
		return v >= g.limit
	}
	return v <= g.limit
}

// Row is one line of the table.
type Row struct {
	Figure string
	Ours   Sample
	Peer   string // "": the figure stands by itself
	Theirs Sample
	Goal   Goal // of the ratio, or of the figure that stands by itself
}

// Ratio is ours to theirs, by the medians.
func (r Row) Ratio() float64 { return r.Ours.Median() / r.Theirs.Median() }

// Met says whether the goal was, if there is one.
func (r Row) Met() bool {
	if r.Peer == "" {
		return r.Goal.met(r.Ours.Median())
	}
	return r.Goal.met(r.Ratio())
}

const none = "–"

func (r Row) cells() []string {
	theirs, ratio, goal, met := none, none, none, none
	unit := r.Ours
	if r.Peer != "" {
		theirs, ratio = r.Theirs.String(), number(r.Ratio())
		unit = Sample{}
	}
	if r.Goal != (Goal{}) {
		sign := "≤"
		if r.Goal.least {
			sign = "≥"
		}
		goal, met = sign+" "+unit.text(r.Goal.limit), "**no**"
		if r.Met() {
			met = "yes"
		}
	}
	peer := r.Peer
	if peer == "" {
		peer = none
	}
	return []string{r.Figure, r.Ours.String(), peer, theirs, ratio, goal, met}
}

// Table is all rows, in Markdown. A figure that several rows have is named once.
func Table(rows []Row) string {
	var b strings.Builder
	b.WriteString("| figure | uploadd | beside | that one's | ratio | goal | met |\n| --- | --- | --- | --- | --- | --- | --- |\n")
	last := ""
	for _, r := range rows {
		cells := r.cells()
		if r.Figure == last {
			cells[0], cells[1] = "", ""
		}
		last = r.Figure
		fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
	}
	return b.String()
}
