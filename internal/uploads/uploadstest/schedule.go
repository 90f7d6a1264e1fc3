package uploadstest

import (
	"runtime"
	"slices"
	"strings"
)

// Schedule runs actors of which exactly one moves at a time, from one call of a
// store to the next. Its [Schedule.Hook] stands around the stores; calls made
// while no actor moves go straight through.
type Schedule struct {
	actors  []*Actor
	moving  *Actor
	stopped chan struct{} // the moving actor waits, or is done
	steps   int
	last    *Actor // who moved last
}

// Actor is what one caller does.
type Actor struct {
	// First and Last are the steps in which it began and ended, counted from 1;
	// 0 is not yet.
	First, Last int

	do    func()
	index int
	op    string        // the call it waits to make
	made  string        // the call it made last
	turn  chan struct{} // closed in a crash
}

// NewSchedule makes a schedule for actors that do each of dos.
func NewSchedule(dos ...func()) *Schedule {
	s := &Schedule{stopped: make(chan struct{})}
	for i, do := range dos {
		s.actors = append(s.actors, &Actor{do: do, index: i, turn: make(chan struct{})})
	}
	return s
}

// Actors are the actors in the order in which they were given.
func (s *Schedule) Actors() []*Actor { return s.actors }

// Hook is where actors wait for their turn.
func (s *Schedule) Hook(op string, do func() error) error {
	// Keys are reserved under a lock, for which another actor would wait
	// outside of the schedule.
	if s != nil && s.moving != nil && op != "Meta.Reserve" {
		s.moving.wait(s, op)
	}
	return do()
}

// wait ends a step before the call op, but for the first: an actor begins with
// its first call.
func (a *Actor) wait(s *Schedule, op string) {
	if a.made == "" {
		a.made = op
		return
	}
	a.op = op
	s.stopped <- struct{}{}
	if _, ok := <-a.turn; !ok {
		// Nothing of what would follow happens, as in a process that is killed:
		// the functions that called this one do not return.
		runtime.Goexit()
	}
	a.made, a.op = a.op, ""
}

// Ready are the actors that can move. Of two steps that commute, one after the
// other, only one order is offered: the other would not differ by anything.
func (s *Schedule) Ready() []*Actor {
	var ready, distinct []*Actor
	for _, a := range s.actors {
		if a.Last != 0 {
			continue
		}
		ready = append(ready, a)
		if s.last == nil || a.index >= s.last.index || a.op == "" || !commute(a.op, s.last.made) {
			distinct = append(distinct, a)
		}
	}
	if len(distinct) == 0 {
		return ready
	}
	return distinct
}

// Move lets a make its next call, and waits until it is about to make another.
func (s *Schedule) Move(a *Actor) {
	s.steps++
	s.moving, s.last = a, a
	if a.First == 0 {
		a.First = s.steps
		go func() {
			defer func() { s.stopped <- struct{}{} }()
			a.do()
			a.Last = s.steps
		}()
	} else {
		a.turn <- struct{}{}
	}
	<-s.stopped
	s.moving = nil
}

// Crash abandons all actors where they are.
func (s *Schedule) Crash() {
	for _, a := range s.actors {
		if a.First != 0 && a.Last == 0 {
			close(a.turn)
			<-s.stopped
		}
	}
}

// readers are the calls that change nothing.
var readers = []string{"Meta.Upload", "Meta.Uploads", "Meta.Parts", "Meta.File", "Meta.Files", "Meta.FileParts",
	"Meta.AllParts", "Meta.AllFiles", "Meta.Orphans", "Meta.Bin", "Meta.Known", "Blobs.Open", "Blobs.Size", "Blobs.Read"}

// commute says whether two calls of different actors have the same outcome in
// either order: both only read, or they are of two different stores. Nothing
// commutes with the clock.
func commute(a, b string) bool {
	storeA, _, _ := strings.Cut(a, ".")
	storeB, _, _ := strings.Cut(b, ".")
	if storeA == "Clock" || storeB == "Clock" {
		return false
	}
	return storeA != storeB || slices.Contains(readers, a) && slices.Contains(readers, b)
}

// Explore calls try for every sequence of choices: try asks pick which of n
// ways to go, as often as there is a choice, and must do the same whenever it
// is answered the same. It returns how many sequences there are.
func Explore(try func(pick func(n int) int)) (sequences int) {
	var choices, widths []int
	for {
		depth := 0
		try(func(n int) int {
			if depth == len(choices) {
				choices, widths = append(choices, 0), append(widths, n)
			} else if widths[depth] != n {
				// The names of blobs are random, and what lists the disk comes upon
				// them in another order: what follows is tried from here anew.
				choices, widths = append(choices[:depth], 0), append(widths[:depth], n)
			}
			depth++
			return choices[depth-1]
		})
		sequences++
		last := len(choices) - 1
		for ; last >= 0 && choices[last]+1 == widths[last]; last-- {
		}
		if last < 0 {
			return sequences
		}
		choices, widths = choices[:last+1], widths[:last+1]
		choices[last]++
	}
}
