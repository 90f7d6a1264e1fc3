package nodes

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"uploadd/api"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/postgres"
)

var races = flag.Int("races", 8, "how often each two calls race, through two nodes")

// prey is what two calls fight for: an Upload of four bytes with Parts for them.
type prey struct{ upload, ab, cd, file string }

// call is one of the two. What it answers is an error or not.
type call struct {
	name string
	do   func(p *prey, a api.API) error
	want string // what is shown if it was the only one to succeed
}

var (
	completes = call{"complete", func(p *prey, a api.API) error { return p.complete(a, p.ab, p.cd) }, "completed abcd"}
	otherwise = call{"complete otherwise", func(p *prey, a api.API) error { return p.complete(a, p.cd, p.ab) }, "completed cdab"}
	cancels   = call{"cancel", func(p *prey, a api.API) error { return second(a.CancelUpload(background, p.upload)) }, "cancelled"}
	adds      = call{"add part", func(p *prey, a api.API) error {
		return second(a.AddPart(background, p.upload, strings.NewReader("ef")))
	}, ""}
	deletes   = call{"delete", func(p *prey, a api.API) error { return second(a.DeleteFile(background, p.file)) }, "deleted"}
	downloads = call{"download", func(p *prey, a api.API) error {
		got, err := read(a, p.file)
		if err == nil && got != "abcd" {
			err = fmt.Errorf("read %q", got)
		}
		return err
	}, ""}
)

// pairs are those who race. Of those that exclude each other, exactly one succeeds; the
// others may both.
var pairs = []struct {
	a, b      call
	completed bool // the Upload is, beforehand
	exclusive bool
}{
	{a: completes, b: completes},
	{a: completes, b: otherwise, exclusive: true},
	{a: completes, b: cancels, exclusive: true},
	{a: completes, b: adds},
	{a: cancels, b: cancels},
	{a: cancels, b: adds},
	{a: deletes, b: deletes, completed: true, exclusive: true},
	{a: deletes, b: downloads, completed: true},
	{a: deletes, b: completes, completed: true},
}

func second[T any](_ T, err error) error { return err }

func read(a api.API, file string) (string, error) {
	c, err := a.OpenFile(background, file)
	if err != nil {
		return "", err
	}
	defer c.Close()
	b, err := io.ReadAll(c)
	return string(b), err
}

func (p *prey) complete(a api.API, ids ...string) error {
	u, err := a.CompleteUpload(background, p.upload, api.CompleteUploadRequest{PartIDs: ids})
	if err == nil && p.file != "" && u.File.ID != p.file {
		err = fmt.Errorf("the file is %s, and was %s", u.File.ID, p.file)
	}
	return err
}

// newPrey makes one, each piece of it through another of ways.
func newPrey(t *testing.T, ways []api.API, completed bool) *prey {
	way := func() api.API { return ways[rand.IntN(len(ways))] }
	add := func(upload, data string) string {
		return uploadstest.Must(way().AddPart(background, upload, strings.NewReader(data)))(t).ID
	}
	u := uploadstest.Must(way().CreateUpload(background, api.CreateUploadRequest{
		Filename: "f", Purpose: "user_data", Bytes: 4, MimeType: "text/plain"}))(t)
	p := &prey{upload: u.ID, ab: add(u.ID, "ab"), cd: add(u.ID, "cd")}
	if completed {
		p.file = uploadstest.Must(way().CompleteUpload(background, u.ID, api.CompleteUploadRequest{PartIDs: []string{p.ab, p.cd}}))(t).File.ID
	}
	return p
}

// shown is what a node shows of the prey.
func (p *prey) shown(t *testing.T, a api.API) string {
	u := uploadstest.Must(a.GetUpload(background, p.upload))(t)
	parts := len(uploadstest.Must(a.ListParts(background, p.upload, api.ListQuery{}))(t).Data)
	switch {
	case u.File != nil && parts == 2:
		return string(u.Status) + " " + uploadstest.Must(read(a, u.File.ID))(t)
	case u.File == nil && parts == 0 && u.Status == api.StatusCompleted:
		return "deleted"
	case parts == 0:
		return string(u.Status)
	}
	return fmt.Sprintf("%s with %d parts", u.Status, parts)
}

// race lets a and b go for a prey at once, and judges what comes of it.
func race(t *testing.T, ways []api.API, a, b call, completed, exclusive bool) {
	p := newPrey(t, ways, completed)
	order := rand.Perm(len(ways))
	var errs [2]error
	var racing sync.WaitGroup
	for i, c := range []call{a, b} {
		racing.Go(func() { errs[i] = c.do(p, ways[order[i]]) })
	}
	racing.Wait()
	want := a.want
	if errs[0] != nil {
		want = b.want
	}
	wrong := exclusive && (errs[0] == nil) == (errs[1] == nil) || !exclusive && errs[0] != nil
	for _, err := range errs {
		wrong = wrong || err != nil && !errors.Is(err, api.ErrState) && !errors.Is(err, api.ErrNotFound)
	}
	for _, way := range ways {
		got := p.shown(t, way)
		if wrong = wrong || got != want; wrong {
			t.Errorf("%s: %v; %s: %v; %s shows %q, want %q", a.name, errs[0], b.name, errs[1], p.upload, got, want)
			return
		}
	}
}

// Two calls through two nodes end as if one had come after the other, and every node
// shows the same.
func testRaces(t *testing.T, db *postgres.Server) {
	c := newCluster(t, 3, db.Database(), []*postgres.Server{db}, false)
	var ways []api.API
	for _, client := range c.clients(c.project("p")) {
		ways = append(ways, client)
	}
	var next atomic.Int64
	var racing sync.WaitGroup
	for range 4 {
		racing.Go(func() {
			for i := next.Add(1) - 1; i < int64(*races*len(pairs)) && !t.Failed(); i = next.Add(1) - 1 {
				pair := pairs[int(i)%len(pairs)]
				race(t, ways, pair.a, pair.b, pair.completed, pair.exclusive)
			}
		})
	}
	racing.Wait()
	if all, failed := c.answers.since(); len(failed) > 0 {
		t.Errorf("of %d answers failed: %v", all, failed)
	}
	c.check()
	t.Logf("%d races of %d pairs", *races*len(pairs), len(pairs))
}
