package uploads_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"uploadd/api"
	"uploadd/internal/uploads"
	"uploadd/internal/uploads/uploadstest"
)

var (
	interleavings = flag.String("interleavings", "pairs", `"pairs", or "all": with a crash after each step of each of them`)
	crashes       = flag.Int("crashes", 5, "random schedules with a crash for each pair")
	triples       = flag.Int("triples", 150, "random schedules of three actors")
	seed          = flag.Uint64("seed", 1, "of what is random")
)

// rig runs schedules, one after the other, each on a project of its own.
type rig struct {
	*world
	project  string
	schedule *uploadstest.Schedule
	tried    int
	put      map[string]bool // every key under which a blob was ever put
}

// listPut lists the stored blobs by looking for each that was put since it last
// looked: listing the disk takes longer than a schedule.
func (r *rig) listPut() (blobs []string) {
	r.t.Helper()
	for key := range r.put {
		if _, err := r.blobs.Size(background, key); err == nil {
			blobs = append(blobs, key)
		} else if !errors.Is(err, fs.ErrNotExist) {
			r.t.Fatal(err)
		} else {
			delete(r.put, key)
		}
	}
	return blobs
}

// noted notes what is put.
type noted struct {
	uploads.Blobs
	put map[string]bool
}

func (n noted) Put(ctx context.Context, key string, r io.Reader) (int64, error) {
	n.put[key] = true
	return n.Blobs.Put(ctx, key, r)
}

func newRig(t *testing.T) *rig {
	r := &rig{world: newWorld(t), put: map[string]bool{}}
	r.list = r.listPut
	// Reservations of those who are not late never come due: what is left in
	// the keyring is no part of any schedule.
	r.lease = 290 * 365 * 24 * time.Hour
	r.start()
	return r
}

// start makes a new Service, whose calls are steps of the schedule.
func (r *rig) start() {
	r.t.Helper()
	r.svc = r.service(uploadstest.Intercept(r.meta, noted{r.blobs, r.put}, func(op string, do func() error) error {
		if op == "Meta.Accounts" { // reads, and decides what is refused: no limit is near here
			return do()
		}
		return r.schedule.Hook(op, do)
	}))
	fatal(r.t, r.svc.Recover(background))
}

// outcome is what became of an actor.
type outcome struct {
	*uploadstest.Actor
	kind   kind
	answer string
	err    error
}

// broken says that it failed for a reason that the rules of the API do not know.
func (o *outcome) broken() bool {
	var known *api.Error
	return o.err != nil && !errors.As(o.err, &known) || errors.Is(o.err, api.ErrUnavailable)
}

// unknown says that nobody was told whether it happened.
func (o *outcome) unknown() bool { return o.Last == 0 }

// mayMiss says whether it may not have happened: nobody was told that it did,
// nor why it did not.
func (o *outcome) mayMiss() bool {
	return o.unknown() || o.broken()
}

// try runs actors of the kinds in an order that pick chooses, among them a
// crash if crash is set, and holds what came of it to the model.
func (r *rig) try(pick func(int) int, crash bool, actors ...kind) {
	r.tried++
	r.project = fmt.Sprintf("p%d", r.tried)
	hook := r.hooked(r.project)
	a := r.svc.For(r.project)
	needs := needs(0)
	var names []string
	for _, k := range actors {
		needs |= k.needs
		names = append(names, k.name)
	}
	fx := build(r.t, a, needs, r.pass)
	outcomes := make([]*outcome, len(actors))
	dos := make([]func(), len(actors))
	for i, k := range actors {
		o := &outcome{kind: k}
		outcomes[i] = o
		dos[i] = func() { o.answer, o.err = k.do(&party{r: r, api: a, fx: fx}) }
	}
	r.schedule = uploadstest.NewSchedule(dos...)
	for i, a := range r.schedule.Actors() {
		outcomes[i].Actor = a
	}
	start := r.clock.Load()
	order, crashed := r.run(pick, crash)
	what := fmt.Sprintf("%s, in the order %s", strings.Join(names, " || "), order)
	r.judge(what, outcomes, needs, start, crashed)
	r.clear(what, r.project)
	r.told(what, hook)
	if crashed {
		r.noBin(what)
	}
	r.forget()
}

// run lets the actors go on as pick says, and tells the order.
func (r *rig) run(pick func(int) int, crash bool) (order string, crashed bool) {
	s := r.schedule
	defer func() { r.schedule = nil }()
	for ready := s.Ready(); len(ready) > 0; ready = s.Ready() {
		n := len(ready)
		if crash {
			n++
		}
		i := pick(n)
		if i == len(ready) {
			s.Crash()
			r.schedule = nil
			r.start()
			return order + "crash", true
		}
		order += fmt.Sprint(slices.Index(s.Actors(), ready[i]), " ")
		s.Move(ready[i])
	}
	return order, false
}

// judge fails the test unless the outcomes, and what the project shows now and
// after the janitor, are those of the actors one after the other.
func (r *rig) judge(what string, outcomes []*outcome, needs needs, start int64, crashed bool) {
	t := r.t
	if mayStray(outcomes) {
		r.takeStrays()
	}
	for _, o := range outcomes {
		if o.broken() && !excused(o, outcomes) {
			t.Fatalf("%s: %s answered %v", what, o.kind.name, o.err)
		}
	}
	a := r.svc.For(r.project)
	shown := state(t, a)
	model := r.explain(outcomes, needs, start, shown)
	if model == nil {
		var answers []string
		for _, o := range outcomes {
			answers = append(answers, fmt.Sprintf("%s: %q, %v", o.kind.name, o.answer, o.err))
		}
		t.Fatalf("%s: no sequence explains\n%s\nand\n%s", what, strings.Join(answers, "\n"), shown)
	}
	r.clean()
	r.pass(grace)
	r.clean()
	model.Now = r.clock.Load()
	model.Clean()
	if got, want := state(t, a), state(t, model); got != want {
		t.Fatalf("%s: after the janitor the project shows\n%s\nwant\n%s", what, got, want)
	}
	r.sound(what)
}

// excused says whether o may fail with an error that is no answer of the API:
// the late writer whose lease ran out, and a download whose File was deleted
// and whose grace passed, which breaks off.
func excused(o *outcome, all []*outcome) bool {
	has := func(names ...string) bool {
		return slices.ContainsFunc(all, func(o *outcome) bool { return slices.Contains(names, o.kind.name) })
	}
	timePasses := has("outlast the lease", "expire")
	switch o.kind.name {
	case "add late":
		return errors.Is(o.err, uploads.ErrLostKey) && timePasses
	case "download":
		return has("delete") && timePasses
	}
	return false
}

// explain returns the model after a sequence of the actors that has their
// outcomes and shows what the project shows, nil if there is none. Who ended
// before another began comes first; who was abandoned, or broke, may be missing.
func (r *rig) explain(outcomes []*outcome, needs needs, start int64, shown string) *uploadstest.Model {
	for _, sequence := range sequences(outcomes, nil) {
		m := &uploadstest.Model{Now: start}
		if needs&needsDue != 0 {
			m.Now -= int64(grace / time.Second)
		}
		fx := build(r.t, m, needs, func(d time.Duration) { m.Now += int64(d / time.Second) })
		answers := map[*outcome]string{}
		agree := true
		for _, o := range sequence {
			answer, err := o.kind.do(&party{r: r, api: m, fx: fx, model: m})
			agree = agree && (o.unknown() || same(err, o.err))
			answers[o] = answer
		}
		if agree && alike(sequence, answers) && state(r.t, m) == shown {
			return m
		}
	}
	return nil
}

// alike says whether those who were answered the same are answered the same by
// the model: two completions, say, the same File.
func alike(sequence []*outcome, answers map[*outcome]string) bool {
	for _, a := range sequence {
		for _, b := range sequence {
			if !a.unknown() && !b.unknown() && (a.answer == b.answer) != (answers[a] == answers[b]) {
				return false
			}
		}
	}
	return true
}

// sequences are the orders of outcomes, after first, that agree with the time
// at which they happened.
func sequences(outcomes, first []*outcome) (list [][]*outcome) {
	enough := true
	for _, o := range outcomes {
		if slices.Contains(first, o) {
			continue
		}
		enough = enough && o.mayMiss()
		early := slices.ContainsFunc(outcomes, func(before *outcome) bool {
			return !slices.Contains(first, before) && !before.mayMiss() && before.Last < o.First
		})
		if o.First == 0 || early {
			continue
		}
		list = append(list, sequences(outcomes, append(slices.Clip(first), o))...)
	}
	if enough {
		list = append(list, first)
	}
	return list
}

// mayStray says whether a blob may be left that nothing refers to. There is one
// way: a writer that outlives its lease between its reservation and its first
// byte, and dies before it can take its blob back. "uploadd check" names it.
func mayStray(outcomes []*outcome) bool {
	return slices.ContainsFunc(outcomes, func(o *outcome) bool {
		return o.kind.name == "add late" && o.First != 0 && o.unknown()
	})
}

func (r *rig) takeStrays() {
	r.t.Helper()
	for _, key := range r.list() {
		if !uploadstest.Must(r.meta.Known(background, key))(r.t) {
			uploadstest.Must(r.blobs.Delete(background, []string{key}))(r.t)
		}
	}
}

// noBin fails the test unless the bin is empty, as it is once a process that
// was gone has been cleaned up after.
func (r *rig) noBin(what string) {
	r.t.Helper()
	if bin := r.binned(); len(bin) != 0 {
		r.t.Fatalf("%s: left in the bin: %v", what, bin)
	}
}

// forget lets the janitor forget what schedules ended, now and then: the tables
// stay small.
func (r *rig) forget() {
	if r.tried%100 == 0 {
		r.pass(31 * 24 * time.Hour)
		r.clean()
		if blobs := r.listBlobs(); len(blobs) != 0 {
			r.t.Fatalf("blobs of earlier schedules are left: %v", blobs)
		}
	}
}

// Every order of the steps of every two actors, and a sample of those with a
// crash among them and of three actors, has an outcome that the actors one
// after the other could have, loses nothing and leaves nothing.
func TestInterleavings(t *testing.T) {
	var pairs, orders, crashed, sampled atomic.Int64
	work := make(chan func(*rig))
	t.Run("rigs", func(t *testing.T) {
		for i := range runtime.GOMAXPROCS(0) {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				r := newRig(t)
				for do := range work {
					do(r)
				}
				if r.events == 0 {
					t.Error("hooks were told of nothing")
				}
			})
		}
		go func() {
			defer close(work)
			for i, a := range kinds {
				for _, b := range kinds[i:] {
					rnd := rand.New(rand.NewPCG(*seed, uint64(pairs.Add(1))))
					work <- func(r *rig) {
						crash := *interleavings == "all"
						n := uploadstest.Explore(func(pick func(int) int) { r.try(pick, crash, a, b) })
						orders.Add(int64(n))
						t.Logf("%s || %s: %d", a.name, b.name, n)
						for range *crashes {
							r.try(rnd.IntN, true, a, b)
							crashed.Add(1)
						}
					}
				}
			}
			for i := range *triples {
				rnd := rand.New(rand.NewPCG(*seed, 1<<32|uint64(i)))
				work <- func(r *rig) {
					r.try(rnd.IntN, i%2 == 0, kinds[rnd.IntN(len(kinds))], kinds[rnd.IntN(len(kinds))], kinds[rnd.IntN(len(kinds))])
					sampled.Add(1)
				}
			}
		}()
	})
	t.Logf("%d pairs: %d schedules (%s), %d random ones with a crash; %d of three actors; seed %d",
		pairs.Load(), orders.Load(), *interleavings, crashed.Load(), sampled.Load(), *seed)
}
